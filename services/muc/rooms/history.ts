/** The discussion history for a new occupant: XEP-0045 §7.2.13. */
import { timeOfId } from '../../../lib/runtime/ids.ts';
import { readMoment } from '../../../lib/xmpp/date-time.ts';
import { type Element, escapeAttribute, xml } from '../../../lib/xmpp/element.ts';
import { NS_DELAY, NS_MUC } from '../core/namespaces.ts';
import type { Seat } from '../core/room.ts';
import type { Archived } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { decorate } from '../core/sending.ts';

/** How much of the past a client wants. Infinity stands for no wish, and for one that makes no sense. */
export interface HistoryWish {
  /** Counts whole stanzas, as they arrive. */
  readonly maxCharacters: number;
  readonly maxStanzas: number;
  readonly seconds: number;
  readonly sinceMs: number;
}

/**
 * Reads `<x><history maxchars maxstanzas seconds since/></x>`.
 * @throws {StanzaError} bad-request when `since` is not a time: a client that limits its history must not get all of it
 */
export function readHistoryWish(extension: Element | undefined): HistoryWish {
  const attributes = extension?.getChild('history', NS_MUC)?.attrs ?? {};
  const since = attributes.since ?? '';
  return {
    maxCharacters: wishedNumber(attributes.maxchars),
    maxStanzas: wishedNumber(attributes.maxstanzas),
    seconds: wishedNumber(attributes.seconds),
    sinceMs: since === '' ? Number.NEGATIVE_INFINITY : readMoment(since, 'since'),
  };
}

/**
 * Sends what satisfies all limits, those of the client and the room's own. Times are those in ids, and later messages never have
 * earlier ids. So a client that asks for everything since the last message it has seen misses nothing, whatever the clocks did
 * meanwhile.
 */
export function sendHistory(turn: RoomTurn, seat: Seat, wish: HistoryWish): void {
  const { room, config, now } = turn;
  const most = Math.min(config.historyLength, wish.maxStanzas);
  const since = Math.max(now - wish.seconds * 1000, wish.sinceMs);
  let characters = wish.maxCharacters;
  const to = ` to='${escapeAttribute(seat.jid.toString())}'`.length;
  const chosen: string[] = [];
  for (const entry of [...room.history].reverse()) {
    if (chosen.length >= most || timeOfId(entry.id) < since) break;
    const stanza = delayed(entry, room.jid.toString());
    characters -= stanza.length + to;
    if (characters < 0) break;
    chosen.push(stanza);
  }
  for (const stanza of chosen.reverse()) turn.send(Buffer.from(stanza), [seat]);
}

/** The message with its time (XEP-0203), as sent by the room itself. */
export function delayed(entry: Pick<Archived, 'xml' | 'at' | 'aheadMs'>, room: string): string {
  const stamp = stampOf(entry);
  return decorate(entry.xml, {}, `${xml('delay', { xmlns: NS_DELAY, from: room, stamp })}`);
}

/** When the message was sent, by the time of day. It is not later than the time in the id. */
export function stampOf({ at, aheadMs = 0 }: Pick<Archived, 'at' | 'aheadMs'>): string {
  return new Date(at - aheadMs).toISOString();
}

function wishedNumber(text: string | undefined): number {
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}
