/** What a room says of itself: XEP-0045 §6.4 (info), §6.3 (items of a room), §7.12 (own nick), §15.5.4 (roominfo). */
import { type Field, type FieldType, renderForm } from '../../../lib/xmpp/data-form.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import type { RoomConfig } from '../core/config.ts';
import {
  NS_ACTIVITY,
  NS_AFFILIATIONS,
  NS_COMMANDS,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  NS_HATS,
  NS_MAM,
  NS_MODERATE,
  NS_MUC,
  NS_OCCUPANT_ID,
  NS_PING,
  NS_REGISTER,
  NS_RETRACT,
  NS_SID,
  NS_VCARD,
} from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { commandInfo, commandItems } from '../features/xep0317-commands.ts';
import { hatsHash } from '../features/xep0317-hats.ts';
import { activity } from '../features/xep0502-activity.ts';
import { roomLimits } from '../limits.ts';
import { reservedNick } from './register.ts';

/** @throws {StanzaError} item-not-found; service-unavailable for muc#traffic, of which nothing is discarded (§16.1.1) */
export function roomInfo(turn: RoomTurn, iq: Stanza, query: Element): void {
  const { config } = turn;
  if (config.isLocked && turn.affiliation !== 'owner') throw new StanzaError('item-not-found', 'the room is not open yet');
  const { node } = query.attrs;
  if (node === 'x-roomuser-item') {
    turn.result(iq, ownNick(turn, node));
    return;
  }
  const command = commandInfo(node);
  if (command) {
    turn.result(iq, xml('query', { xmlns: NS_DISCO_INFO, node }, command));
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
    `${NS_MUC}#register`,
    `${NS_MUC}#request`,
    `${NS_MUC}#roomconfig`,
    `${NS_MUC}#roominfo`,
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
    NS_COMMANDS,
    NS_HATS,
    NS_AFFILIATIONS,
    NS_VCARD,
    NS_RETRACT,
    ...(config.archive ? [`${NS_RETRACT}#tombstone`, NS_MODERATE] : []),
    ...(config.archive ? [NS_MAM, `${NS_MAM}#extended`] : []),
  ];
}

function roomInfoForm(turn: RoomTurn): Element {
  const { config, room } = turn;
  const isOpen = !config.membersOnly && config.password === ''; // §13.4: what is talked about is not for those who may not enter
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
      {
        var: 'muc#roominfo_slow_mode_duration',
        type: 'text-single',
        label: 'Seconds between messages',
        values: [String(config.slowModeSeconds ?? 0)],
      },
      ...optional('muc#roominfo_avatarhash', 'Avatar hash', config.avatarHashes, 'text-multi'),
      ...optional('hats#hash', 'Hats hash', hatsHash(room), 'text-single'),
      ...optional(`{${NS_ACTIVITY}}message-activity`, 'Messages per hour', activity(turn)?.toString()),
      { var: 'muc#maxhistoryfetch', label: 'Messages shown to who enters', values: [String(config.historyLength)] },
    ],
  });
}

/** A field that is not there without values. */
function optional(name: string, label: string, values: string | readonly string[] | undefined, type?: FieldType): Field[] {
  const all = [values ?? []].flat();
  return all.length === 0 ? [] : [{ var: name, label, type, values: all }];
}

/** Of a non-anonymous room, where they are no secret. */
function ownersOf({ room }: RoomTurn): string[] {
  const owners = [...room.affiliations.values()].filter(({ affiliation, jid }) => affiliation === 'owner' && jid.includes('@'));
  return owners.slice(0, roomLimits.contactsMax).map(({ jid }) => jid);
}

/** §7.12. */
function ownNick(turn: RoomTurn, node: string): Element {
  const name = reservedNick(turn);
  const identity = name === undefined ? undefined : xml('identity', { category: 'conference', type: 'text', name });
  return xml('query', { xmlns: NS_DISCO_INFO, node }, identity);
}

/** §6.5: who is inside is for those inside, and admins. */
export function roomItems(turn: RoomTurn, iq: Stanza, query: Element): void {
  const { room } = turn;
  turn.requireRoom();
  const { node } = query.attrs;
  if (node === NS_COMMANDS) {
    turn.result(iq, xml('query', { xmlns: NS_DISCO_ITEMS, node }, commandItems(turn)));
    return;
  }
  if (node !== undefined && node !== '') throw new StanzaError('item-not-found');
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
