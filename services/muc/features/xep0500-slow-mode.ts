/**
 * XEP-0500: a pause that people who are no admins make between two messages. It is the account that waits, whatever nicks and clients
 * it has in the room. The worker that takes over a room knows of those who have spoken among the last messages.
 */
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import { NS_CLIENT } from '../core/namespaces.ts';
import type { Room } from '../core/room.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';

/** Call it last: what is let through counts. @throws {StanzaError} policy-violation of type wait */
export function checkSlowMode(turn: RoomTurn, stanza: Stanza): void {
  const seconds = turn.config.slowModeSeconds ?? 0;
  if (seconds === 0 || !stanza.hasChild('body', NS_CLIENT)) return;
  if (affiliationRank(turn.affiliation) >= affiliationRank('admin')) return;
  const { spoke } = turn.room;
  const bare = turn.from.bare.toString();
  const before = spoke.get(bare);
  if (before !== undefined && turn.now - before < seconds * 1000) {
    const text = `this room is in slow mode: wait ${seconds} s between messages`;
    throw new StanzaError('policy-violation', text, { type: 'wait' });
  }
  for (const [oldest, at] of spoke) {
    if (turn.now - at < seconds * 1000 && spoke.size < roomLimits.sessionsMax) break;
    spoke.delete(oldest);
  }
  spoke.delete(bare);
  spoke.set(bare, turn.now);
}

/** The room was read from its rows. */
export function recallSpeakers(room: Room): void {
  for (const { jid, at, xml } of room.history) {
    if (!Stanza.parse(xml).hasChild('body', NS_CLIENT)) continue;
    const bare = Jid.parse(jid).bare.toString();
    room.spoke.delete(bare);
    room.spoke.set(bare, at);
  }
}
