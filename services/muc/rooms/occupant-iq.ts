/**
 * IQs to a nick: XEP-0045 §15.4 and §17.3. A feature may answer them. Others are passed on to a client of the occupant, or to its
 * bare JID when its server keeps the answer, such as a vCard.
 *
 * The room keeps nothing for the answer. The id that it passes on identifies the client that asked, and proves that the room has
 * passed the request on to whoever answers. So any worker can send the answer back. Only the room's secret can make such an id,
 * or check a guess at it:
 *
 *     <the request's ingress id>.<digest of the asker>.<digest of all of it>.<the id that the client gave>
 */

import { isId, timeOfId } from '../../../lib/runtime/ids.ts';
import { isSameSecret, keyedDigest } from '../../../lib/runtime/secrets.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { forgedIn } from '../core/marks.ts';
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../core/namespaces.ts';
import type { Occupant, Room, Seat } from '../core/room.ts';
import { routeKey } from '../core/room-feature-index.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { errorOnly } from './error-reply.ts';
import { mayWrite, refuseHidden } from './private-message.ts';

const accountNamespaces = new Set(['vcard-temp', 'http://jabber.org/protocol/pubsub', 'urn:ietf:params:xml:ns:vcard-4.0']);
const digestCharacters = 22;

/** @throws {StanzaError} not-acceptable, item-not-found, bad-request, forbidden */
export function occupantRequest(turn: RoomTurn, iq: Stanza): void {
  const { own } = turn;
  if (!own && iq.children.some(({ ns }) => ns === NS_DISCO_INFO || ns === NS_DISCO_ITEMS)) {
    throw new StanzaError('bad-request', 'only occupants may ask an occupant for its features'); // XEP-0045 §6.6
  }
  // XEP-0410 §3.2.
  if (!own) throw new StanzaError('not-acceptable', `${turn.from} is not in ${turn.room.jid}`, { type: 'cancel' });
  const { occupant } = own;
  const target = turn.room.withNick(iq.to!.resource);
  if (!target) throw new StanzaError('item-not-found', `nobody has the nick ${iq.to!.resource}`);
  const [child] = iq.children;
  const route = child && turn.dependencies.features.occupantIq.get(routeKey({ type: iq.type, name: child.name, ns: child.ns }));
  if (route?.handle(turn, iq, occupant, target)) return;
  refuseHidden(turn, occupant, target);
  if ((iq.id?.length ?? 0) > roomLimits.iqIdCharactersMax) throw new StanzaError('bad-request', 'the id is too long');
  const isForged = forgedIn(turn.room, iq);
  if (iq.children.some(isForged)) throw new StanzaError('bad-request', 'the request has an element that only servers may send');
  if (target !== occupant && saysSomething(iq) && !mayWrite(turn, occupant, target)) {
    throw new StanzaError('forbidden', 'private messages are not allowed here');
  }
  const bytes = iq.render({
    from: turn.room.jid.withResource(occupant.nick).toString(),
    id: forwardedId(turn, target.bare, iq.id ?? ''),
    type: iq.type,
    'xml:lang': iq.attributes['xml:lang'],
  });
  const toAccount = iq.children.some(({ ns }) => accountNamespaces.has(ns));
  turn.send(bytes, [toAccount ? { jid: target.bare } : target.seats.at(-1)!]);
}

/** A question cannot be a message. A request that sets something, or contains text, can be one. */
function saysSomething(iq: Stanza): boolean {
  return iq.type === 'set' || iq.children.some((child) => /[^\s]/.test(allText(iq.elementOf(child))));
}

function allText(element: ReturnType<Stanza['elementOf']>): string {
  return element.children.map((child) => (typeof child === 'string' ? child : allText(child as typeof element))).join('');
}

/**
 * The answer of a client or an account to a request that was passed on. It is dropped when either side has left, when nobody has
 * asked, or when the request was answered before.
 */
export function occupantAnswer(turn: RoomTurn, iq: Stanza): void {
  const asked = readForwardedId(turn, iq.id ?? '');
  if (asked === undefined) return;
  const { room, from } = turn;
  const answering = turn.own?.occupant ?? room.occupantsOf(from.bare)[0];
  const asker = answering && findAsker(room, iq.to!, asked.asker);
  if (!asker || !turn.dependencies.exchanges.isNew(`${room.jid} iq ${iq.id}`, turn.requestId)) return;
  const attributes = {
    from: room.jid.withResource(answering.nick).toString(),
    id: asked.id,
    type: iq.type,
    'xml:lang': iq.attributes['xml:lang'],
  };
  const bytes =
    iq.type === 'error'
      ? errorOnly(iq, attributes, mayWrite(turn, answering, asker.occupant))
      : iq.render(attributes, { drop: forgedIn(room, iq) });
  if (bytes) turn.send(bytes, [asker.seat]);
}

/** The ingress id makes each id unique, and tells its time. A request that is sent again gets the same id. */
function forwardedId({ room, from, requestId = '' }: RoomTurn, target: Jid, id: string): string {
  const asker = askerDigest(room, from);
  return `${requestId}.${asker}.${proof(room, requestId, asker, target, id)}.${id}`;
}

function proof({ secret }: Room, requestId: string, asker: string, target: Jid, id: string): string {
  return keyedDigest(secret, 'iq', requestId, asker, target.toString(), id).slice(0, digestCharacters);
}

/** Reads an id that this room gave to a request to the sender of this turn, not long ago. */
function readForwardedId(
  { room, from, now }: RoomTurn,
  text: string,
): { readonly asker: string; readonly id: string } | undefined {
  const [, requestId, asker, given, id] = /^([0-9a-z]+)\.([\w-]{22})\.([\w-]{22})\.([\s\S]*)$/.exec(text) ?? [];
  if (requestId === undefined || asker === undefined || given === undefined || id === undefined) return undefined;
  if (!isId(requestId) || !isSameSecret(given, proof(room, requestId, asker, from.bare, id))) return undefined;
  return Math.abs(now - timeOfId(requestId)) <= roomLimits.answerMs ? { asker, id } : undefined;
}

const digests = new WeakMap<Jid, { readonly secret: string; readonly text: string }>();

/** The digest is kept, because the asker of an answer is searched among all occupants. */
function askerDigest({ secret }: Room, jid: Jid): string {
  const known = digests.get(jid);
  if (known?.secret === secret) return known.text;
  const text = keyedDigest(secret, 'asker', jid.toString()).slice(0, digestCharacters);
  digests.set(jid, { secret, text });
  return text;
}

/** Finds the client that asked. It may have another nick by now. */
function findAsker(room: Room, to: Jid, digest: string): { occupant: Occupant; seat: Seat } | undefined {
  const named = room.withNick(to.resource);
  const seat = named?.seats.find(({ jid }) => isSameSecret(askerDigest(room, jid), digest));
  if (named && seat) return { occupant: named, seat };
  for (const one of room.seats.values()) if (askerDigest(room, one.seat.jid) === digest) return one;
  return undefined;
}
