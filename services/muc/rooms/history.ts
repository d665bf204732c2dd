/** Discussion history for a new occupant: XEP-0045 §7.2.13. */
import { type Element, escapeAttribute, xml } from '../../../lib/xmpp/element.ts';
import { NS_DELAY } from '../core/namespaces.ts';
import type { Session } from '../core/room.ts';
import type { Archived } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { decorate } from '../core/sending.ts';

/** @param wish `<history maxchars maxstanzas seconds since/>`: the room takes the one that gives least, and its own bound */
export function sendHistory(turn: RoomTurn, session: Session, wish: Element | undefined): void {
  const { room, config, now } = turn;
  const most = Math.min(config.historyLength, wishedNumber(wish, 'maxstanzas'));
  const since = Math.max(now - wishedNumber(wish, 'seconds') * 1000, wishedTime(wish));
  let characters = wishedNumber(wish, 'maxchars'); // of whole stanzas, as they arrive
  const to = ` to='${escapeAttribute(session.jid.toString())}'`.length;
  const chosen: string[] = [];
  for (const entry of [...room.history].reverse()) {
    if (chosen.length >= most || entry.at < since) break;
    const stanza = delayed(entry, room.jid.toString());
    characters -= stanza.length + to;
    if (characters < 0) break;
    chosen.push(stanza);
  }
  for (const stanza of chosen.reverse()) turn.send(Buffer.from(stanza), [session]);
}

/** XEP-0203, from the room itself. */
export function delayed(entry: Pick<Archived, 'xml' | 'at'>, room: string): string {
  const stamp = new Date(entry.at).toISOString();
  return decorate(entry.xml, {}, `${xml('delay', { xmlns: NS_DELAY, from: room, stamp })}`);
}

/** Infinity: says nothing of it, or nonsense. */
function wishedNumber(wish: Element | undefined, name: string): number {
  const text = wish?.attrs[name];
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

function wishedTime(wish: Element | undefined): number {
  const time = Date.parse(wish?.attrs.since ?? '');
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}
