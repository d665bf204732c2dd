/**
 * XEP-0227 §4.5, §4.12: the archive, and messages that no client has got. Here both are rows of one archive (archive/archive.ts).
 *
 * The ids of our archive are in the order of time. One that was made here, at about the time that the file tells, is kept. For another one an
 * id is made: of the time of the message, moved by a millisecond where the file has several of one moment, and of a digest of its id. So the
 * same file makes the same ids each time, and a message that is taken in again is not doubled. A message that stands among the undelivered
 * ones and in the archive too is one: it names its id of the archive (XEP-0359).
 */
import { createHash } from 'node:crypto';
import { firstIdAt, idCharacters, idDigits, isId, timeOfId } from '../../../lib/runtime/ids.ts';
import { parseMoment } from '../../../lib/xmpp/date-time.ts';
import { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type ArchiveEntry, acceptedAtMs, type Direction, entries, keepForeign } from '../archive/archive.ts';
import { queueAgain } from '../archive/cursor.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import type { Arrival } from './arrival.ts';
import { portableLimits } from './limits.ts';

const mamNs = 'urn:xmpp:mam:2';
const forwardNs = 'urn:xmpp:forward:0';
const delayNs = 'urn:xmpp:delay';
const stanzaIdNs = 'urn:xmpp:sid:0';

interface Message {
  readonly element: Element;
  readonly stampMs: number;
  /** As the file says; undefined where it says none. */
  readonly id: string | undefined;
}

/** How an id that was made elsewhere ends here. */
function ending(id: string): string {
  const digest = createHash('sha256').update(id).digest();
  const chars = idCharacters - firstIdAt(0).length;
  return [...digest.subarray(0, chars)].map((byte) => idDigits[byte & 31]).join('');
}

function isOwnId(id: string, stampMs: number): boolean {
  return isId(id) && Math.abs(timeOfId(id) - stampMs) <= portableLimits.sameMessageMs;
}

/** What is in the archive around the times of some messages: by their ids, and by how these end. */
class Known {
  readonly #keys = new Map<string, string[]>();
  readonly values = new Map<string, ArchiveEntry>();

  static async around({ account, messages: queued }: Arrival, messages: readonly Message[]): Promise<Known> {
    const known = new Known();
    for (const [key, value] of queued) known.add(key, value);
    const stamps = messages.map(({ stampMs }) => stampMs);
    let after = firstIdAt(stamps.reduce((a, b) => Math.min(a, b)) - portableLimits.sameMessageMs);
    const before = firstIdAt(stamps.reduce((a, b) => Math.max(a, b)) + 2 * portableLimits.sameMessageMs);
    for (;;) {
      const page = await account.list(entries, { after, before, limit: routerLimits.archiveEntriesPerRound });
      for (const { key, value } of page) if (!queued.has(key)) known.add(key, value);
      if (page.length < routerLimits.archiveEntriesPerRound) return known;
      after = page.at(-1)!.key;
    }
  }

  add(key: string, value: ArchiveEntry): void {
    this.values.set(key, value);
    const end = key.slice(firstIdAt(0).length);
    this.#keys.set(end, [...(this.#keys.get(end) ?? []), key]);
  }

  find(id: string, stampMs: number): string | undefined {
    if (isOwnId(id, stampMs) && this.values.has(id)) return id;
    return this.#keys.get(ending(id))?.find((key) => Math.abs(timeOfId(key) - stampMs) <= portableLimits.sameMessageMs);
  }
}

/** `<result/>` elements, oldest first. */
export async function takeArchive(arrival: Arrival, results: readonly Element[]): Promise<void> {
  const messages: Message[] = [];
  for (const result of results)
    await arrival.take('messages', `message ${result.attrs.id}`, async () => {
      messages.push(readResult(arrival, result));
      return false;
    });
  if (messages.length === 0) return;
  const known = await Known.around(arrival, messages);
  for (const message of messages) {
    const id = idOf(message, known, arrival.afterMs);
    arrival.afterMs = timeOfId(id);
    const isThere = known.values.has(id);
    await arrival.take('messages', `message ${message.id}`, async () => isThere || keep(arrival, known, id, message, false));
  }
}

/** @throws {StanzaError} */
function readResult({ account }: Arrival, result: Element): Message {
  const forwarded = result.is('result', mamNs) ? (result.getChild('forwarded', forwardNs) as Element | undefined) : undefined;
  const element = forwarded?.children.find((child) => child instanceof Element && child.getName() === 'message') as
    | Element
    | undefined;
  const stampMs = momentOf(forwarded?.getChild('delay', delayNs)?.attrs.stamp);
  if (!element || stampMs === undefined)
    throw new StanzaError('bad-request', 'it is not a <result/> with a message and its time');
  if (stampMs > account.now.getTime()) throw new StanzaError('bad-request', 'its time is in the future');
  return { element, stampMs, id: (result.attrs.id as string | undefined) || undefined };
}

function momentOf(stamp: unknown): number | undefined {
  const moment = typeof stamp === 'string' ? parseMoment(stamp) : undefined;
  return moment === undefined || moment < 0 ? undefined : Math.floor(moment);
}

/** `<message/>` elements, oldest first. */
export async function takeUndelivered(arrival: Arrival, given: readonly Element[]): Promise<void> {
  const { account } = arrival;
  const messages = given.flatMap((element): Message[] => {
    if (element.getName() !== 'message') {
      arrival.leaveOut('undelivered message', `<${element.getName()}/> is not a message`);
      return [];
    }
    const delays = element.getChildren('delay', delayNs);
    const own =
      delays.find(({ attrs }) => attrs.from === account.domain || attrs.from === account.jid.toString()) ?? delays.at(-1);
    const named = element.getChildren('stanza-id', stanzaIdNs).find(({ attrs }) => attrs.by === account.jid.toString());
    // A time in the future would take the clock of the deployment along, which follows the ids of what is delivered.
    const saidMs = momentOf(own?.attrs.stamp) ?? Number.POSITIVE_INFINITY;
    const stampMs = saidMs <= account.now.getTime() ? saidMs : arrival.madeAtMs;
    return [{ element, stampMs, id: named?.attrs.id as string | undefined }];
  });
  if (messages.length === 0) return;
  const known = await Known.around(arrival, messages);
  const again: string[] = [];
  let afterMs = 0;
  for (const message of messages) {
    const id = idOf(message, known, afterMs);
    afterMs = timeOfId(id);
    await arrival.take('undelivered', `undelivered message ${message.id ?? ''}`, async () => {
      const there = known.values.get(id);
      if (there?.queue) return true;
      const isKept = await keep(arrival, known, id, message, true);
      // Clients of an account that was there may have got what is newer.
      if (isKept && !arrival.isNew && there === undefined) again.push(id);
      return isKept;
    });
  }
  if (again.length > 0) account.turn.afterCommit(() => queueAgain(account, again));
}

/** The id under which the message is kept, or was kept before. @param afterMs the time of the message before it in the file */
function idOf({ id, element, stampMs }: Message, known: Known, afterMs: number): string {
  const given = id ?? element.toString();
  const found = known.find(given, stampMs);
  if (found !== undefined) return found;
  if (isOwnId(given, stampMs)) return given;
  const isNear = afterMs - stampMs < portableLimits.sameMessageMs;
  return firstIdAt(isNear ? Math.max(stampMs, afterMs + 1) : stampMs) + ending(given);
}

/** @returns false when it is older than the tenant keeps messages. @throws {StanzaError} */
async function keep(arrival: Arrival, known: Known, id: string, message: Message, isQueued: boolean): Promise<boolean> {
  const { account } = arrival;
  const { stanza, direction } = canonical(account, id, message.element, isQueued);
  const queue = isQueued || known.values.get(id)?.queue === true;
  const entry = keepForeign(account, id, stanza, direction, queue);
  if (entry === undefined) {
    arrival.leaveOut(`message ${message.id ?? ''}`, 'it is older than the tenant keeps messages');
    return false;
  }
  known.add(id, entry);
  arrival.messages.set(id, entry);
  return true;
}

/** As it would stand in the archive if it had been sent here: with both addresses, and with no marks of the server before. */
function canonical(account: Account, id: string, element: Element, isIn: boolean): { stanza: Stanza; direction: Direction } {
  const own = account.jid.toString();
  const from = Jid.parse(String(element.attrs.from ?? own));
  const to = Jid.parse(String(element.attrs.to ?? own));
  const direction = !isIn && from.bare.equals(account.jid) ? 'out' : 'in';
  const message = new Element('message', { ...element.attrs, from: `${from}`, to: `${to}` });
  delete message.attrs.xmlns;
  for (const child of element.children) {
    const isMark =
      child instanceof Element &&
      ((child.is('stanza-id', stanzaIdNs) && child.attrs.by === own) ||
        (child.is('delay', delayNs) && (child.attrs.from === account.domain || child.attrs.from === own)));
    if (!isMark) message.children.push(child);
  }
  if (direction === 'in') message.c('stanza-id', { xmlns: stanzaIdNs, by: own, id });
  return { stanza: Stanza.parse(message.toString()), direction };
}

/** `<result/>` of an entry. */
export function resultOf(id: string, entry: ArchiveEntry): string {
  const stanza = Stanza.parse(entry.xml);
  const delay = `<delay xmlns='${delayNs}' stamp='${new Date(acceptedAtMs(id, entry)).toISOString()}'/>`;
  const message = stanza.render(stanza.attributes, { xmlns: 'jabber:client' });
  return `<result xmlns='${mamNs}' id='${id}'><forwarded xmlns='${forwardNs}'>${delay}${message}</forwarded></result>`;
}

export function undeliveredOf(account: Account, id: string, entry: ArchiveEntry): string {
  const stanza = Stanza.parse(entry.xml);
  const stamp = new Date(acceptedAtMs(id, entry)).toISOString();
  const append = `<delay xmlns='${delayNs}' from='${account.domain}' stamp='${stamp}'/>`;
  return stanza.render(stanza.attributes, { xmlns: 'jabber:client', append }).toString();
}
