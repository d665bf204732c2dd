/**
 * Decides which use case handles a stanza. It has the requests to a room, and calls the files that handle presence and messages.
 */
import { NS_COMMANDS } from '../../../lib/xmpp/ad-hoc.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_MUC_ADMIN, NS_MUC_OWNER, NS_REGISTER } from '../core/namespaces.ts';
import type { RoomIqRoute } from '../core/room-feature.ts';
import { byRoute, routeKey } from '../core/room-feature-index.ts';
import type { RoomTurn, Standing } from '../core/room-turn.ts';
import { changeList, getList } from './admin.ts';
import { runCommand } from './commands.ts';
import { roomInfo, roomItems } from './disco.ts';
import { saysItIsGone } from './ghost.ts';
import { handleMessage } from './message.ts';
import { occupantAnswer, occupantRequest } from './occupant-iq.ts';
import { ownerGet, ownerSet } from './owner.ts';
import { handlePresence } from './presence.ts';
import { getRegistration, setRegistration } from './register.ts';

/** Requests to the room itself that XEP-0045 defines, or whose answers features add to. */
const ownRoutes = byRoute<RoomIqRoute>([
  { type: 'get', name: 'query', ns: NS_DISCO_INFO, handle: roomInfo },
  { type: 'get', name: 'query', ns: NS_DISCO_ITEMS, handle: roomItems },
  { type: 'get', name: 'query', ns: NS_MUC_ADMIN, handle: getList },
  {
    ...{ type: 'set', name: 'query', ns: NS_MUC_ADMIN, handle: changeList },
    changes: (request) => request.getChildren('item').length,
  },
  { type: 'get', name: 'query', ns: NS_MUC_OWNER, handle: ownerGet },
  { type: 'set', name: 'query', ns: NS_MUC_OWNER, handle: ownerSet },
  { type: 'get', name: 'query', ns: NS_REGISTER, handle: getRegistration },
  { type: 'set', name: 'query', ns: NS_REGISTER, handle: setRegistration },
  { type: 'set', name: 'command', ns: NS_COMMANDS, handle: runCommand },
]);

/** @throws {StanzaError} is answered to the sender */
export function handleStanza(turn: RoomTurn, stanza: Stanza): void {
  const { standing } = turn;
  followSession(turn, standing);
  if (isFlood(turn, stanza, standing)) return;
  checkPace(turn, stanza, standing);
  if (stanza.name === 'presence') handlePresence(turn, stanza);
  else if (stanza.name === 'message') handleMessage(turn, stanza, standing);
  else if (stanza.name === 'iq') handleIq(turn, stanza);
}

/** When a session was resumed at another node, its next stanza shows where it is now. */
function followSession(turn: RoomTurn, { own }: Standing): void {
  const { address } = turn;
  if (!own || !address) return;
  const known = own.seat.address;
  if (known?.node === address.node && known.sid === address.sid) return;
  own.seat.address = address;
  turn.putSeat(own.occupant, own.seat);
}

/**
 * Is this an error or a result beyond what its sender may send? Such a stanza is dropped, because nothing may be answered to it.
 * Errors that say that their sender is gone are always taken.
 */
function isFlood(turn: RoomTurn, stanza: Stanza, { own }: Standing): boolean {
  if (stanza.type !== 'error' && stanza.type !== 'result') return false;
  // It is taken once, because the sender is outside afterwards.
  if (stanza.name !== 'iq' && own && saysItIsGone(stanza)) return false;
  return turn.dependencies.pace.take('answer', `${turn.room.jid} ${turn.from.bare}`) > 0;
}

/**
 * Nobody may flood a room, and no room may flood its worker. Leaving and answers are always taken. Admins may flood their room,
 * but not the worker.
 * @throws {StanzaError} policy-violation of type wait
 */
function checkPace(turn: RoomTurn, stanza: Stanza, { own, isAdmin }: Standing): void {
  const { name, type } = stanza;
  if (type === 'unavailable' || type === 'error' || type === 'result') return;
  const { room, dependencies } = turn;
  const address = room.jid.toString();
  const rate = name === 'iq' ? 'request' : name === 'message' ? 'message' : 'presence';
  if (!isAdmin) dependencies.pace.demand(rate, `${address} ${turn.from.bare}`);
  if (name === 'presence' && !own) return; // enter.ts counts those who may enter
  if (name !== 'iq') dependencies.pace.demand('deliveries', address, Math.max(1, room.seats.size));
  else if (isAdmin) dependencies.pace.demand('deliveries', address, Math.max(1, room.seats.size * changesOf(turn, stanza)));
}

/** How many changes all occupants are told of when an admin makes this request, at most. */
function changesOf(turn: RoomTurn, iq: Stanza): number {
  const child = iq.children[0];
  if (iq.type !== 'set' || !child) return 0;
  return routeOf(turn, iq)?.changes?.(iq.elementOf(child)) ?? 1;
}

function routeOf({ dependencies }: RoomTurn, iq: Stanza): RoomIqRoute | undefined {
  const [child] = iq.children;
  if (!child) return undefined;
  const key = routeKey({ type: iq.type, name: child.name, ns: child.ns });
  return ownRoutes.get(key) ?? dependencies.features.iq.get(key);
}

function handleIq(turn: RoomTurn, iq: Stanza): void {
  const isRequest = iq.type === 'get' || iq.type === 'set';
  if (iq.to!.resource !== '') {
    if (isRequest) occupantRequest(turn, iq);
    else occupantAnswer(turn, iq);
    return;
  }
  if (!isRequest) return;
  const route = routeOf(turn, iq);
  if (!route) {
    turn.requireRoom(); // when the room does not exist, the sender is told that
    throw new StanzaError('service-unavailable');
  }
  route.handle(turn, iq, iq.elementOf(iq.children[0]!));
}
