/** What a room tells about itself: XEP-0045 §6.4 (info), §6.3 (items of a room), §7.12 (own nick), §15.5.4 (roominfo). */
import { NS_COMMANDS } from '../../../lib/xmpp/ad-hoc.ts';
import { renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_MUC, NS_OCCUPANT_ID, NS_REGISTER, NS_SID } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { commandInfo, commandItems } from './commands.ts';
import { reservedNick } from './register.ts';

/** @throws {StanzaError} item-not-found; service-unavailable for muc#traffic, because the room discards nothing (§16.1.1) */
export function roomInfo(turn: RoomTurn, iq: Stanza, query: Element): void {
  const { config } = turn;
  if (config.isLocked && turn.affiliation !== 'owner') throw new StanzaError('item-not-found', 'the room is not open yet');
  const { node } = query.attrs;
  if (node === 'x-roomuser-item') {
    turn.result(iq, ownNick(turn, node));
    return;
  }
  const command = commandInfo(turn, node);
  if (command) {
    turn.result(iq, xml('query', { xmlns: NS_DISCO_INFO, node }, command));
    return;
  }
  if (node === `${NS_MUC}#traffic`) throw new StanzaError('service-unavailable');
  if (node !== undefined && node !== '') throw new StanzaError('item-not-found');
  const identities = turn.dependencies.features.all.flatMap(({ disco }) => disco?.roomIdentity ?? []);
  turn.result(
    iq,
    xml(
      'query',
      { xmlns: NS_DISCO_INFO },
      xml('identity', { category: 'conference', type: 'text', name: config.name || turn.room.jid.local }),
      identities.map((identity) => xml('identity', { ...identity })),
      featuresOf(turn).map((feature) => xml('feature', { var: feature })),
      roomInfoForm(turn),
      ...turn.dependencies.features.all.flatMap(({ disco }) => disco?.roomForms?.(turn) ?? []),
    ),
  );
}

function featuresOf(turn: RoomTurn): string[] {
  const { config, dependencies } = turn;
  return [
    NS_DISCO_INFO,
    NS_DISCO_ITEMS,
    NS_MUC,
    `${NS_MUC}#register`,
    `${NS_MUC}#request`,
    `${NS_MUC}#roomconfig`,
    `${NS_MUC}#roominfo`,
    `${NS_MUC}#stable_id`,
    config.public ? 'muc_public' : 'muc_hidden',
    config.persistent ? 'muc_persistent' : 'muc_temporary',
    config.membersOnly ? 'muc_membersonly' : 'muc_open',
    config.moderated ? 'muc_moderated' : 'muc_unmoderated',
    config.password === '' ? 'muc_unsecured' : 'muc_passwordprotected',
    config.whois === 'anyone' ? 'muc_nonanonymous' : 'muc_semianonymous',
    NS_REGISTER,
    NS_SID,
    NS_OCCUPANT_ID,
    NS_COMMANDS,
    ...dependencies.features.all.flatMap(({ disco }) => [...(disco?.room?.(config) ?? []), ...(disco?.roomOf?.(turn) ?? [])]),
  ];
}

function roomInfoForm(turn: RoomTurn): Element {
  const { config, room } = turn;
  const isOpen = !config.membersOnly && config.password === ''; // §13.4: people who may not enter must not learn the subject
  return renderForm({
    type: 'result',
    formType: `${NS_MUC}#roominfo`,
    fields: [
      { var: 'muc#roominfo_description', label: 'Description', values: [config.description] },
      { var: 'muc#roominfo_subject', label: 'Subject', values: isOpen ? [room.subject?.text ?? ''] : [] },
      { var: 'muc#roominfo_occupants', label: 'Occupants', values: [String(room.occupants.size)] },
      { var: 'muc#roominfo_lang', label: 'Language', values: config.lang === '' ? [] : [config.lang] },
      { var: 'muc#roominfo_subjectmod', label: 'Participants set the subject', values: [config.changeSubject ? '1' : '0'] },
      { var: 'muc#roomconfig_changesubject', label: 'Participants set the subject', values: [config.changeSubject ? '1' : '0'] },
      { var: 'muc#roomconfig_allowinvites', label: 'Members invite', values: [config.allowInvites ? '1' : '0'] },
      { var: 'muc#roomconfig_allowpm', label: 'Private messages', values: [config.allowPm] },
      { var: 'muc#roominfo_contactjid', label: 'Contact', values: config.whois === 'anyone' ? ownersOf(turn) : [] },
      { var: 'muc#roomconfig_pubsub', label: 'Publish-subscribe node', values: config.pubsub ? [config.pubsub] : [] },
      { var: 'muc#maxhistoryfetch', label: 'Messages shown to new occupants', values: [String(config.historyLength)] },
      ...turn.dependencies.features.all.flatMap(({ disco }) => disco?.roomInfo?.(turn) ?? []),
    ],
  });
}

/** The owners whom a non-anonymous room names as its contacts. There their addresses are not secret. */
function ownersOf({ room }: RoomTurn): string[] {
  const owners = [...room.affiliations.values()].filter(({ affiliation, jid }) => affiliation === 'owner' && jid.includes('@'));
  return owners.slice(0, roomLimits.contactsMax).map(({ jid }) => jid);
}

/** §7.12: the nick that the sender has reserved. */
function ownNick(turn: RoomTurn, node: string): Element {
  const name = reservedNick(turn);
  const identity = name === undefined ? undefined : xml('identity', { category: 'conference', type: 'text', name });
  return xml('query', { xmlns: NS_DISCO_INFO, node }, identity);
}

/** §6.5: only occupants and admins may ask who is inside. */
export function roomItems(turn: RoomTurn, iq: Stanza, query: Element): void {
  const { room } = turn;
  turn.requireRoom();
  const { node } = query.attrs;
  if (node === NS_COMMANDS) {
    turn.result(iq, xml('query', { xmlns: NS_DISCO_ITEMS, node }, commandItems(turn)));
    return;
  }
  if (node !== undefined && node !== '') throw new StanzaError('item-not-found');
  const isShown = turn.own !== undefined || turn.isAdmin;
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
