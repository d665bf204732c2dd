/**
 * The cursor: how much of the queue the account's clients have. Entries after it are delivered to the next client that becomes
 * available. Reading begins a little before the cursor, because an entry with a smaller id may be committed later. What the ring
 * names as delivered is left out.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { report } from '../../../lib/runtime/faults.ts';
import { firstIdAt, isId, timeOfId } from '../../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { termsOf } from '../../../lib/runtime/session-terms.ts';
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { type Blocklist, blocklist, isBlocked } from '../core/blocklist.ts';
import { sessionPart } from '../core/session-part.ts';
import type { Pending } from '../core/stages.ts';
import { routerLimits } from '../limits.ts';
import { type ArchiveEntry, acceptedAtMs, entries, unarchived } from './archive.ts';

export interface Cursor {
  /** The greatest id that was delivered to a client for which the queue is open; '' if there is none. */
  readonly at: string;
  /** The ring: the greatest ids that were delivered, in order and joined by spaces. As text it is cheap to read and write. */
  readonly given: string;
  /**
   * Entries that no client has, although the cursor may be past them: those that were committed long after their id was minted,
   * and those for a single resource that did not acknowledge them.
   */
  readonly late?: readonly string[];
}

/** True when the session has queried the archive: it reads its history by itself, and does not get the queue as well. */
export const readsArchive = sessionPart<boolean>('archive');

/** Ids of recent entries that the archive had when the session was bound, if the client knows that from its bind; joined by spaces. */
const archivedAtBind = sessionPart<string>('archivedAtBind');

const cursors = collection<Cursor>('cursor', 'account');
const start: Cursor = { at: '', given: '' };

/**
 * Notes at once that a client has these entries.
 * @param aside entries that it got while the queue was closed for it; they do not move the cursor
 */
export async function moveCursor(account: Account, ids: readonly string[], aside: readonly string[] = []): Promise<void> {
  const valid = [...ids, ...aside].filter(isId).sort();
  if (valid.length === 0) return;
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  const session = ownOf(account, sessions!);
  // While the queue is closed, a resource gets only what is sent to it alone (RFC 6121 §8.5.3.1). Older entries wait for others.
  const newest = queueOf(session) === 'open' ? ids.filter(isId).sort().at(-1) : undefined;
  await account.update(cursors, '', (cursor = start) => {
    const given = withIds(cursor.given, valid);
    const at = newest !== undefined && newest > cursor.at ? newest : cursor.at;
    const late = cursor.late?.filter((id) => !valid.includes(id));
    const isSame = at === cursor.at && given === cursor.given && late?.length === cursor.late?.length;
    return isSame && cursor !== start ? cursor : { at, given, ...(late?.length && { late }) };
  });
}

const idCharacters = 18;
const givenCharactersMax = serviceLimits.deliveredRingMax * (idCharacters + 1) - 1;

/** @param ids in order */
function withIds(given: string, ids: readonly string[]): string {
  if (given === '' || ids[0]! > given.slice(-idCharacters)) {
    const text = [...new Set(ids)].join(' ');
    return (given === '' ? text : `${given} ${text}`).slice(-givenCharactersMax);
  }
  const all = [...new Set([...idsIn(given), ...ids])].sort();
  return all.slice(-serviceLimits.deliveredRingMax).join(' ');
}

function idsIn(given: string): string[] {
  return given === '' ? [] : given.split(' ');
}

/**
 * Names an entry in the cursor if it was committed later than the overlap allows: its batch was tried again many times, a process
 * was suspended, or ids of other processes are ahead. Call it after the commit and before sessions are read. Half of the overlap
 * is reserved for processes whose ids are ahead without our knowledge.
 */
export function keepLate(account: Account, id: string): Pending {
  if (account.turn.dependencies.clock.latestMs() - timeOfId(id) <= runtimeLimits.catchUpOverlapMs / 2) return;
  // The cursor may not have passed the entry yet, but it may do so before a client has it.
  return queueAgain(account, [id]);
}

/**
 * Names entries in the cursor at once. They are part of every catch-up, wherever the cursor is, until a client acknowledges them.
 */
export async function queueAgain(account: Account, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await account.update(cursors, '', (cursor) => {
    const { given, late = [] } = cursor ?? start;
    const added = ids.filter((id) => isId(id) && !given.includes(id) && !late.includes(id));
    if (added.length === 0) return cursor;
    return { ...(cursor ?? start), late: [...late, ...added].sort().slice(-serviceLimits.deliveredRingMax) };
  });
}

/** What a session has left behind when it ended. */
export interface Remains {
  readonly resource: string;
  /** Entries that it was sent and did not acknowledge. */
  readonly undelivered?: readonly string[];
  /** From this id on, entries may not have reached the session at all, whatever it and others have acknowledged. */
  readonly missed?: string | undefined;
  /** True if its node has died, so that nobody knows what it did not acknowledge. Then all recent entries count. */
  readonly isUnknown?: boolean;
}

/**
 * Queues again, at once, what a session did not get before it ended. The acknowledgements of other sessions may have moved the
 * cursor past entries that were for its full JID alone, or that it has missed.
 */
export async function requeue(account: Account, { resource, undelivered = [], missed, isUnknown }: Remains): Promise<void> {
  const recent = isUnknown ? firstIdAt(account.now.getTime() - routerLimits.unackedRecentMs) : undefined;
  const from = [missed, recent].filter((id) => id !== undefined).sort()[0];
  const found = await readEntries(account, undelivered.filter(isId).slice(-serviceLimits.deliveredRingMax));
  if (from !== undefined) {
    const options = { after: from.slice(0, -1), limit: portLimits.storeQueryRowsMax >> 1 };
    const lists = await Promise.all([account.list(entries, options), account.list(unarchived, options)]);
    found.push(...lists.flat());
  }
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  const isAlone = sessions!.every((entry) => entry.resource === resource);
  const lost = found.filter(({ key, value }) => {
    if (!value.queue) return false;
    const to = resourceOf(value);
    // The other resources have got what was for all resources.
    return to === resource || (to === '' && isAlone && missed !== undefined && key >= missed);
  });
  await queueAgain(
    account,
    lost.map(({ key }) => key),
  );
}

/**
 * What came of late for a session whose node has died, whatever others have acknowledged: nobody knows what its own client has.
 * @returns messages that the session was to be given, by their ids
 */
export async function readRecent(account: Account, session: SessionEntry): Promise<ReadonlyMap<string, Stanza>> {
  const after = firstIdAt(account.now.getTime() - routerLimits.unackedRecentMs);
  const options = { after, limit: portLimits.storeQueryRowsMax >> 1 };
  const [blocked, ...lists] = await Promise.all([
    account.get(blocklist),
    account.list(entries, options),
    account.list(unarchived, options),
  ]);
  const isOpen = queueOf(session) === 'open';
  const found = new Map<string, Stanza>();
  for (const { key, value } of lists.flat()) {
    const to = resourceOf(value);
    if (!value.queue || !(to === session.resource || (to === '' && isOpen))) continue;
    const xml = readable(account, key, value, blocked);
    if (xml !== undefined) found.set(key, Stanza.parse(xml));
  }
  return found;
}

/**
 * What no client of the account has been given, oldest first, for whoever takes the account elsewhere.
 * @param after the id of the last one; '' for the first page
 */
export async function readUndelivered(
  account: Account,
  after: string,
  limit: number,
): Promise<{ items: Item<ArchiveEntry>[]; next?: string }> {
  const cursor = (await account.get(cursors)) ?? start;
  const late = cursor.late ?? [];
  const queueStart = catchUpStart(cursor);
  const from = [queueStart, after].sort().at(-1)!;
  const lists = await Promise.all([
    account.list(entries, { limit, after: from }),
    account.list(unarchived, { limit, after: from }),
  ]);
  const early = await readEntries(
    account,
    late.filter((id) => id > after && id <= queueStart),
  );
  const end = lists.flatMap((list) => (list.length < limit ? [] : list.at(-1)!.key)).sort()[0];
  const delivered = new Set(idsIn(cursor.given));
  const items = [...early, ...lists.flat()]
    .filter(({ key, value }) => value.queue && !delivered.has(key) && (end === undefined || key <= end))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  return end === undefined ? { items } : { items, next: end };
}

function resourceOf({ xml }: ArchiveEntry): string {
  return Stanza.parse(xml).to?.resource ?? '';
}

export interface Page {
  readonly stanzas: readonly { readonly id: string; readonly xml: Buffer }[];
  /** {@link StepReply.queue} */
  readonly queue: 'open' | 'closed';
  /** Where the next page begins; absent at the end of the queue. */
  readonly next?: string;
}

/**
 * Reads one page of the queue. Each message is stamped with `delay` (XEP-0203).
 * @param after the end of the page before; '' for the first page
 * @param seen ids that this session has got already, although the cursor does not name them
 * @param missed from this id on, the session may have missed entries, whatever others have acknowledged
 */
export async function readQueue(account: Account, after: string, seen: ReadonlySet<string>, missed?: string): Promise<Page> {
  const [cursor = start, [sessions], blocked] = await Promise.all([
    account.get(cursors),
    readSessions(account.turn.dependencies.store, [account]),
    account.get(blocklist),
  ]);
  account.turn.dependencies.clock.observe(timeOfId(cursor.at)); // in case the row of the deployment's clock was lost
  const session = account.checkHeld(sessions!);
  const queue = queueOf(session);
  const queueStart = catchUpStart(cursor);
  const from = after || firstOf(queueStart, missed);
  const limit = serviceLimits.catchUpPageMax;
  const entriesFrom = [from, ownHistoryEnd(session)].sort().at(-1)!;
  const lists = await Promise.all([
    account.list(entries, { limit, after: entriesFrom }),
    account.list(unarchived, { limit, after: from }),
  ]);
  if (after === '' && cursor.at !== '' && !cursor.late) await dropDelivered(account, from);
  const delivered = new Set(idsIn(cursor.given));
  const inArchive = new Set(idsIn((session && archivedAtBind.of(session)) ?? ''));
  // A client that reads on from its last entry does not find what was committed behind that.
  const isLate = (key: string) => cursor.late?.includes(key) === true;
  const isBehind = (key: string) => key < cursor.at || isLate(key);
  const others = new Set(sessions!.flatMap(({ sid, resource }) => (sid === account.session?.sid ? [] : [resource])));
  const isOwed = ({ key, value }: Item<ArchiveEntry>) => {
    if (!value.queue || seen.has(key) || (inArchive.has(key) && !isBehind(key))) return false;
    const resource = others.size === 0 && missed === undefined && queue === 'open' ? '' : resourceOf(value);
    if (others.has(resource)) return false; // the session of that resource will get it
    const isOwn = resource !== '' && resource === session?.resource;
    if (queue === 'closed' && !isOwn) return false;
    // RFC 6121 §8.5.2.1.1, §8.5.3.1: the session would have got this if it had been reachable.
    if (missed !== undefined && key >= missed && (isOwn || resource === '')) return true;
    return !delivered.has(key) && (missed === undefined || key > queueStart || isLate(key));
  };
  // If a list is full, it is unknown what follows its last entry, so the page ends there.
  const end = lists.flatMap((list) => (list.length < limit ? [] : list.at(-1)!.key)).sort()[0];
  const late = await readEntries(account, cursor.late?.filter((id) => id > after && id <= entriesFrom) ?? []);
  const all = new Map([...late, ...lists.flat()].map((item) => [item.key, item]));
  const waiting = [...all.values()]
    .filter((item) => (end === undefined || item.key <= end) && isOwed(item))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = { ...cutPage(account, waiting, blocked, end), queue };
  // The page ends among late entries before the queue. The next one begins at the start of the queue again and leaves out what was seen by then.
  return page.next !== undefined && after === '' && page.next <= from ? { ...page, next: '' } : page;
}

/** Ends the page at the bound of its bytes. Messages of senders who are blocked by now are left out (XEP-0191 §3.3). */
function cutPage(
  account: Account,
  waiting: readonly Item<ArchiveEntry>[],
  blocked: Blocklist | undefined,
  end?: string,
): Omit<Page, 'queue'> {
  const stanzas: Page['stanzas'][number][] = [];
  let bytes = 0;
  for (const { key, value } of waiting) {
    const xml = readable(account, key, value, blocked);
    if (xml === undefined) continue;
    bytes += xml.length;
    if (stanzas.length > 0 && bytes > routerLimits.catchUpPageBytesMax) return { stanzas, next: stanzas.at(-1)!.id };
    stanzas.push({ id: key, xml });
  }
  return { stanzas, next: end };
}

/** A message that cannot be read must not stop those after it. @returns undefined if the message is not to be delivered */
function readable(account: Account, key: string, entry: ArchiveEntry, blocked: Blocklist | undefined): Buffer | undefined {
  try {
    return isBlocked(blocked, Jid.parse(entry.peer)) ? undefined : delayed(key, entry, account.domain);
  } catch (error) {
    const damage = new Error(`archive entry ${key} is corrupt`, { cause: error });
    report(account.turn.dependencies.log, damage, 'a queued message cannot be delivered', {
      account: account.jid.toString(),
    });
    return undefined;
  }
}

/** The entry of the session that sent the batch; undefined if the session has ended. */
function ownOf(account: Account, sessions: readonly SessionEntry[]): SessionEntry | undefined {
  return sessions.find(({ sid }) => sid === account.session?.sid);
}

async function readEntries(account: Account, ids: readonly string[]): Promise<Item<ArchiveEntry>[]> {
  const found = await Promise.all(
    ids.map(async (id) => (await account.rows.get(entries, id)) ?? (await account.rows.get(unarchived, id))),
  );
  return found.filter((item) => item !== undefined);
}

/** Is the queue open for the session (XEP-0160 §2)? */
function queueOf(session: SessionEntry | undefined): Page['queue'] {
  return session?.available === true && session.priority >= 0 ? 'open' : 'closed';
}

/** A page begins after its start. The id without its last character sorts just before the id, so the id itself is included. */
function firstOf(start: string, missed: string | undefined): string {
  return missed !== undefined && isId(missed) && missed <= start ? missed.slice(0, -1) : start;
}

function catchUpStart({ at, given }: Cursor): string {
  if (at === '') return '0';
  const overlap = firstIdAt(timeOfId(at) - runtimeLimits.catchUpOverlapMs);
  // A ring that is full may have dropped ids of the overlap. These were delivered.
  const first = given.slice(0, idCharacters);
  const oldest = given.length >= givenCharactersMax && first <= at ? first : '';
  return oldest > overlap ? oldest : overlap;
}

/** A client that reads the archive by itself (XEP-0313 §5.1.1) gets only what arrived after it signed in. */
function ownHistoryEnd(session: SessionEntry | undefined): string {
  return session && readsArchive.of(session) ? firstIdAt(session.boundAt - runtimeLimits.catchUpOverlapMs) : '';
}

/**
 * For a client that binds and reads its history from the archive (XEP-0386 §2.2): it gets from the queue only what the archive
 * does not have. Call it when the session is there, so that what arrives later reaches the session.
 *
 * DEVIATION: the queue is not cleared. The client may be gone before it has read the archive.
 */
export async function leaveToArchive(account: Account): Promise<void> {
  const recent = firstIdAt(account.now.getTime() - runtimeLimits.catchUpOverlapMs);
  const found = await account.list(entries, { after: recent, limit: serviceLimits.catchUpPageMax });
  if (found.length === 0) return;
  const ids = found.map(({ key }) => key).join(' ');
  await account.updateSession((entry) => archivedAtBind.with(entry, archivedAtBind.of(entry) ?? ids));
}

/**
 * Deletes messages that were kept only until they were delivered, and were delivered to some session. Recent ones stay, because
 * another session may be parked, for as long as one of a client that can be woken. They are deleted at a later sign-in, or they expire.
 */
async function dropDelivered(account: Account, start: string): Promise<void> {
  const keptMs = Math.max(serviceLimits.resumeTimeoutMs, termsOf(account.tenant.policy).pushResumeMs);
  const oldest = firstIdAt(account.now.getTime() - keptMs - runtimeLimits.catchUpOverlapMs);
  const before = start < oldest ? start : oldest;
  const rows = await account.list(unarchived, { limit: serviceLimits.catchUpPageMax, before });
  await account.rows.deleteMany(
    unarchived,
    rows.map(({ key }) => key),
  );
}

function delayed(id: string, entry: ArchiveEntry, domain: string): Buffer {
  const stanza = Stanza.parse(entry.xml);
  const stamp = new Date(acceptedAtMs(id, entry)).toISOString();
  return stanza.render(stanza.attributes, {
    append: `<delay xmlns='urn:xmpp:delay' from='${domain}' stamp='${stamp}'>Offline Storage</delay>`,
  });
}
