/** Which use case a stanza is: one table for all that a room answers. */
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import {
  NS_COMMANDS,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  NS_MAM,
  NS_MODERATE,
  NS_MUC_ADMIN,
  NS_MUC_OWNER,
  NS_PING,
  NS_REGISTER,
  NS_VCARD,
} from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { runCommand } from '../features/xep0317-commands.ts';
import { moderate } from '../features/xep0425-moderation.ts';
import { getVcard, setVcard } from '../features/xep0486-avatar.ts';
import { saysItIsGone } from '../missed/ghost.ts';
import { changeList, getList } from './admin.ts';
import { archiveMetadata, describeArchive, queryArchive } from './archive-query.ts';
import { roomInfo, roomItems } from './disco.ts';
import { handleMessage } from './message.ts';
import { occupantAnswer, occupantRequest } from './occupant-iq.ts';
import { ownerGet, ownerSet } from './owner.ts';
import { handlePresence } from './presence.ts';
import { getRegistration, setRegistration } from './register.ts';

type Handle = (turn: RoomTurn, iq: Stanza, child: Element) => void;

/** `type name namespace` of requests to the room itself. */
const roomRequests: Readonly<Record<string, Handle>> = {
  [`get query ${NS_DISCO_INFO}`]: roomInfo,
  [`get query ${NS_DISCO_ITEMS}`]: roomItems,
  [`get query ${NS_MUC_ADMIN}`]: getList,
  [`set query ${NS_MUC_ADMIN}`]: changeList,
  [`get query ${NS_MUC_OWNER}`]: ownerGet,
  [`set query ${NS_MUC_OWNER}`]: ownerSet,
  [`get query ${NS_REGISTER}`]: getRegistration,
  [`set query ${NS_REGISTER}`]: setRegistration,
  [`get query ${NS_MAM}`]: describeArchive,
  [`set query ${NS_MAM}`]: queryArchive,
  [`get metadata ${NS_MAM}`]: archiveMetadata,
  [`get vCard ${NS_VCARD}`]: getVcard,
  [`set vCard ${NS_VCARD}`]: setVcard,
  [`set moderate ${NS_MODERATE}`]: moderate,
  [`set command ${NS_COMMANDS}`]: runCommand,
  [`get ping ${NS_PING}`]: (turn, iq) => turn.result(iq),
};

/** @throws {StanzaError} that the sender is to get */
export function handleStanza(turn: RoomTurn, stanza: Stanza): void {
  if (isFlood(turn, stanza)) return;
  checkPace(turn, stanza);
  if (stanza.name === 'presence') {
    handlePresence(turn, stanza);
    return;
  }
  if (stanza.name === 'message') {
    handleMessage(turn, stanza);
    return;
  }
  if (stanza.name === 'iq') {
    handleIq(turn, stanza);
    return;
  }
}

/** Answers are never answered: those beyond what one may send are dropped, but for those that say that their sender is gone. */
function isFlood(turn: RoomTurn, stanza: Stanza): boolean {
  if (stanza.type !== 'error' && stanza.type !== 'result') return false;
  if (stanza.name !== 'iq' && turn.own && saysItIsGone(stanza)) return false; // taken once, and then it is outside
  return turn.dependencies.pace.take('answer', `${turn.room.jid} ${turn.from.bare}`) > 0;
}

/**
 * Nobody may flood a room, nor a room its worker. Leaving and answers are always taken; admins are trusted, but not with the worker.
 * @throws {StanzaError} policy-violation of type wait
 */
function checkPace(turn: RoomTurn, stanza: Stanza): void {
  const { name, type } = stanza;
  if (type === 'unavailable' || type === 'error' || type === 'result') return;
  const { room, dependencies } = turn;
  const address = room.jid.toString();
  const isAdmin = affiliationRank(turn.affiliation) >= affiliationRank('admin');
  if (!isAdmin) turn.demandPace(name === 'iq' ? 'request' : name === 'message' ? 'message' : 'presence');
  if (name === 'presence' && !turn.own) return; // enter.ts: only who may come in counts
  if (name !== 'iq') dependencies.pace.demand('deliveries', address, Math.max(1, room.sessionCount));
  else if (isAdmin) dependencies.pace.demand('deliveries', address, Math.max(1, room.sessionCount * changesOf(stanza)));
}

/** What all occupants are told of when an admin does this, at most. */
function changesOf(iq: Stanza): number {
  const child = iq.children[0];
  if (iq.type !== 'set' || !child || child.ns === NS_MAM) return 0;
  return child.ns === NS_MUC_ADMIN ? iq.elementOf(child).getChildren('item').length : 1;
}

function handleIq(turn: RoomTurn, iq: Stanza): void {
  const isRequest = iq.type === 'get' || iq.type === 'set';
  if (iq.to!.resource !== '') {
    if (isRequest) occupantRequest(turn, iq);
    else occupantAnswer(turn, iq);
    return;
  }
  if (!isRequest) return;
  const child = iq.children[0];
  const handle = child && roomRequests[`${iq.type} ${child.name} ${child.ns}`];
  if (!handle) {
    turn.requireRoom(); // that it is not there is the better answer
    throw new StanzaError('service-unavailable');
  }
  handle(turn, iq, iq.elementOf(child));
}
