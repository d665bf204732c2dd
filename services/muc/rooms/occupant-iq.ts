/**
 * IQs to a nick: the self-ping of XEP-0410 is answered here, others are passed on to a client of the occupant, or (vCards and the
 * like, which its server keeps) to its bare JID; XEP-0045 §15.4 and §17.3.
 *
 * Nothing is kept for the answer: the id that is passed on names the asking client and the nick asked, so that any worker can send
 * the answer back.
 */
import { createHash } from 'node:crypto';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_DISCO_INFO, NS_DISCO_ITEMS, NS_PING } from '../core/namespaces.ts';
import type { Occupant, Session } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';

const accountNamespaces = new Set(['vcard-temp', 'http://jabber.org/protocol/pubsub', 'urn:ietf:params:xml:ns:vcard-4.0']);
export const idCharactersMax = 1_024;

/** Of an address, for an id that says nothing of it. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}

/** @throws {StanzaError} not-acceptable, item-not-found, bad-request */
export function occupantRequest(turn: RoomTurn, iq: Stanza): void {
  const { own } = turn;
  if (!own && iq.children.some(({ ns }) => ns === NS_DISCO_INFO || ns === NS_DISCO_ITEMS)) {
    throw new StanzaError('bad-request', 'only occupants ask an occupant what it can'); // XEP-0045 §6.6
  }
  if (!own) throw new StanzaError('not-acceptable', `${turn.from} is not in ${turn.room.jid}`, { type: 'cancel' }); // XEP-0410 §3.2
  const { occupant } = own;
  const target = turn.room.withNick(iq.to!.resource);
  if (!target) throw new StanzaError('item-not-found', `nobody has the nick ${iq.to!.resource}`);
  if (target === occupant && iq.type === 'get' && iq.hasChild('ping', NS_PING)) {
    turn.result(iq);
    return;
  }
  if ((iq.id?.length ?? 0) > idCharactersMax) throw new StanzaError('bad-request', 'the id is too long');
  const id = `${digest(turn.from.toString())}.${digest(target.id)}.${iq.id}`;
  const bytes = iq.render({
    from: turn.room.jid.withResource(occupant.nick).toString(),
    id,
    type: iq.type,
    'xml:lang': iq.attributes['xml:lang'],
  });
  const toAccount = iq.children.some(({ ns }) => accountNamespaces.has(ns));
  turn.send(bytes, [toAccount ? { jid: target.bare } : target.sessions.at(-1)!]);
}

/** The answer of a client or an account to what was passed on; dropped when either side has left. */
export function occupantAnswer(turn: RoomTurn, iq: Stanza): void {
  const [, asking, asked, id] = /^([\w-]{12})\.([\w-]{12})\.([\s\S]*)$/.exec(iq.id ?? '') ?? [];
  if (id === undefined) return;
  const answering = turn.room.occupantsOf(turn.from.bare).find((occupant) => digest(occupant.id) === asked);
  const session = answering && findAsker(turn, iq.to!, asking!);
  if (!session) return;
  const from = turn.room.jid.withResource(answering.nick).toString();
  turn.send(iq.render({ from, id, type: iq.type, 'xml:lang': iq.attributes['xml:lang'] }), [session]);
}

/** The asker may have changed its nick since; its client is what counts. */
function findAsker(turn: RoomTurn, to: Jid, asking: string): Session | undefined {
  const bySession = (occupant: Occupant | undefined) => occupant?.sessions.find(({ jid }) => digest(jid.toString()) === asking);
  const known = bySession(turn.room.withNick(to.resource));
  if (known) return known;
  for (const { session } of turn.room.sessions()) if (digest(session.jid.toString()) === asking) return session;
  return undefined;
}
