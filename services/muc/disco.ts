/** What a room says of itself: XEP-0045 §6.4 (info), §6.3 (items of a room), §7.12 (own nick), §15.5.4 (roominfo). */
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { affiliationRank } from './affiliation.ts';
import type { RoomConfig } from './config.ts';
import { renderForm } from './data-form.ts';
import { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_MAM, NS_MUC, NS_OCCUPANT_ID, NS_PING, NS_REGISTER, NS_SID } from './namespaces.ts';
import { reservedNick } from './register.ts';
import type { RoomTurn } from './room-turn.ts';

/** @throws {StanzaError} item-not-found; service-unavailable for muc#traffic, of which nothing is discarded (§16.1.1) */
export function roomInfo(turn: RoomTurn, iq: Stanza, query: Element): void {
  const { config } = turn;
  if (config.isLocked && turn.affiliation !== 'owner') throw new StanzaError('item-not-found', 'the room is not open yet');
  const { node } = query.attrs;
  if (node === 'x-roomuser-item') {
    turn.result(iq, ownNick(turn, node));
    return;
  }
  if (node === `${NS_MUC}#traffic`) throw new StanzaError('service-unavailable');
  if (node !== undefined && node !== '') throw new StanzaError('item-not-found');
  turn.result(
    iq,
    xml(
      'query',
      { xmlns: NS_DISCO_INFO },
      xml('identity', { category: 'conference', type: 'text', name: config.name || turn.room.jid.local }),
      features(config).map((feature) => xml('feature', { var: feature })),
      roomInfoForm(turn),
    ),
  );
}

function features(config: RoomConfig): string[] {
  return [
    NS_DISCO_INFO,
    NS_DISCO_ITEMS,
    NS_MUC,
    `${NS_MUC}#request`,
    `${NS_MUC}#self-ping-optimization`,
    `${NS_MUC}#stable_id`,
    config.public ? 'muc_public' : 'muc_hidden',
    config.persistent ? 'muc_persistent' : 'muc_temporary',
    config.membersOnly ? 'muc_membersonly' : 'muc_open',
    config.moderated ? 'muc_moderated' : 'muc_unmoderated',
    config.password === '' ? 'muc_unsecured' : 'muc_passwordprotected',
    config.whois === 'anyone' ? 'muc_nonanonymous' : 'muc_semianonymous',
    NS_REGISTER,
    NS_PING,
    NS_SID,
    NS_OCCUPANT_ID,
    ...(config.archive ? [NS_MAM, `${NS_MAM}#extended`] : []),
  ];
}

function roomInfoForm(turn: RoomTurn): Element {
  const { config, room } = turn;
  return renderForm({
    type: 'result',
    formType: `${NS_MUC}#roominfo`,
    fields: [
      { var: 'muc#roominfo_description', label: 'Description', values: [config.description] },
      { var: 'muc#roominfo_subject', label: 'Subject', values: config.membersOnly ? [] : [room.subject?.text ?? ''] },
      { var: 'muc#roominfo_occupants', label: 'Occupants', values: [String(room.occupants.size)] },
      { var: 'muc#roominfo_lang', label: 'Language', values: config.lang === '' ? [] : [config.lang] },
      { var: 'muc#roominfo_subjectmod', label: 'Participants set the subject', values: [config.changeSubject ? '1' : '0'] },
      { var: 'muc#roomconfig_changesubject', label: 'Participants set the subject', values: [config.changeSubject ? '1' : '0'] },
      { var: 'muc#maxhistoryfetch', label: 'Messages shown to who enters', values: [String(config.historyLength)] },
    ],
  });
}

/** §7.12. */
function ownNick(turn: RoomTurn, node: string): Element {
  const name = reservedNick(turn);
  const identity = name === undefined ? undefined : xml('identity', { category: 'conference', type: 'text', name });
  return xml('query', { xmlns: NS_DISCO_INFO, node }, identity);
}

/** §6.5: who is inside is for those inside, and admins. */
export function roomItems(turn: RoomTurn, iq: Stanza): void {
  const { room } = turn;
  turn.requireRoom();
  const isShown = turn.own !== undefined || affiliationRank(turn.affiliation) >= affiliationRank('admin');
  const nicks = isShown ? [...room.occupants.values()].map(({ nick }) => nick) : [];
  turn.result(
    iq,
    xml(
      'query',
      { xmlns: NS_DISCO_ITEMS },
      nicks.map((nick) => xml('item', { jid: room.jid.withResource(nick).toString(), name: nick })),
    ),
  );
}
