/**
 * The cursor: how far the account's clients have the queue. Entries after it are delivered to the next client that
 * becomes available; the read begins a little before it, because an entry with a smaller id may commit later, and leaves out what
 * the ring says was delivered.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { report } from '../../../lib/runtime/faults.ts';
import { firstIdAt, isId, timeOfId } from '../../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
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
  /** The greatest id that a client has which gets the queue; '' when none was ever delivered. */
  readonly at: string;
  /** The greatest ids delivered, in order, joined by spaces: as a text it costs little to read and write. */
  readonly given: string;
  /**
   * Entries that no client has yet although the cursor may pass them, or has: those that were committed long after their id was minted,
   * and those for one resource that did not acknowledge them.
   */
  readonly late?: readonly string[];
}

/** Set when the session has queried the archive: it reads its history by itself, and is not flooded with the queue. */
export const readsArchive = sessionPart<boolean>('archive');

const cursors = collection<Cursor>('cursor', 'account');
const start: Cursor = { at: '', given: '' };

/** A client has these entries; those aside it got while the queue was closed for it, which leave the cursor where it is. At once. */
export async function moveCursor(account: Account, ids: readonly string[], aside: readonly string[] = []): Promise<void> {
  const valid = [...ids, ...aside].filter(isId).sort();
  if (valid.length === 0) return;
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  const session = ownOf(account, sessions!);
  // A resource that only gets what is sent to it (RFC 6121 §8.5.3.1) leaves what waits before that for another one.
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
 * Call it when an entry was committed, before sessions are read: one that comes later than the overlap allows for (its batch was
 * tried again and again, a process stood still, or others' ids are ahead) is named in the cursor. Half of the overlap is left for what
 * other processes are ahead of us without our knowledge.
 */
export function keepLate(account: Account, id: string): Pending {
  if (account.turn.dependencies.clock.latestMs() - timeOfId(id) <= runtimeLimits.catchUpOverlapMs / 2) return;
  // Also when the cursor has not passed it yet: it may do so before a client has the entry.
  return queueAgain(account, [id]);
}

/** These come with the next catch-up of any resource, wherever the cursor is, until a client acknowledges them. At once. */
export async function queueAgain(account: Account, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await account.update(cursors, '', (cursor) => {
    const { given, late = [] } = cursor ?? start;
    const added = ids.filter((id) => isId(id) && !given.includes(id) && !late.includes(id));
    if (added.length === 0) return cursor;
    return { ...(cursor ?? start), late: [...late, ...added].sort().slice(-serviceLimits.deliveredRingMax) };
  });
}

/** What a session that is over has left behind. */
export interface Remains {
  readonly resource: string;
  /** Entries that it did not acknowledge. */
  readonly undelivered?: readonly string[];
  /** From here on entries may not have got to it at all; others' acknowledgements, and its own, say nothing of them. */
  readonly missed?: string | undefined;
  /** Its node is gone, and with it the knowledge of what it did not acknowledge: what came of late. */
  readonly isUnknown?: boolean;
}

/**
 * Acknowledgements move the cursor past what was sent to the full JID of a session and to no other one, and past what a session has
 * missed. When it is over these are named in the cursor. At once.
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
    // What was for all resources the others have got.
    return to === resource || (to === '' && isAlone && missed !== undefined && key >= missed);
  });
  await queueAgain(
    account,
    lost.map(({ key }) => key),
  );
}

function resourceOf({ xml }: ArchiveEntry): string {
  return Stanza.parse(xml).to?.resource ?? '';
}

export interface Page {
  readonly stanzas: readonly { readonly id: string; readonly xml: Buffer }[];
  /** {@link StepReply.queue} */
  readonly queue: 'open' | 'closed';
  /** Where the next page starts; absent at the end of the queue. */
  readonly next?: string;
}

/**
 * One page of what the account has not got yet, each stamped with XEP-0203 `delay`.
 * @param after '' for the first page
 * @param seen ids that this session has got already although the cursor does not know
 * @param missed from this id on the session may not have got what is its own, whatever others have acknowledged
 */
export async function readQueue(account: Account, after: string, seen: ReadonlySet<string>, missed?: string): Promise<Page> {
  const [cursor = start, [sessions], blocked] = await Promise.all([
    account.get(cursors),
    readSessions(account.turn.dependencies.store, [account]),
    account.get(blocklist),
  ]);
  account.turn.dependencies.clock.observe(timeOfId(cursor.at)); // where the deployment's own row was lost
  const session = ownOf(account, sessions!);
  const queue = queueOf(session);
  const queueStart = catchUpStart(cursor);
  const from = after || firstOf(queueStart, missed);
  const limit = serviceLimits.catchUpPageMax;
  const lists = await Promise.all([
    account.list(entries, { limit, after: [from, ownHistoryEnd(session)].sort().at(-1)! }),
    account.list(unarchived, { limit, after: from }),
  ]);
  if (after === '' && cursor.at !== '' && !cursor.late) await dropDelivered(account, from);
  const delivered = new Set(idsIn(cursor.given));
  const others = new Set(sessions!.flatMap(({ sid, resource }) => (sid === account.session?.sid ? [] : [resource])));
  const isOwed = ({ key, value }: Item<ArchiveEntry>) => {
    if (!value.queue || seen.has(key)) return false;
    const resource = others.size === 0 && missed === undefined && queue === 'open' ? '' : resourceOf(value);
    if (others.has(resource)) return false; // that session gets it, sooner or later
    const isOwn = resource !== '' && resource === session?.resource;
    if (queue === 'closed' && !isOwn) return false;
    // RFC 6121 §8.5.2.1.1, §8.5.3.1: the session would have got it, had it been there.
    if (missed !== undefined && key >= missed && (isOwn || resource === '')) return true;
    return !delivered.has(key) && (missed === undefined || key > queueStart || cursor.late?.includes(key) === true);
  };
  // A list that is full says nothing of what comes behind its last entry.
  const end = lists.flatMap((list) => (list.length < limit ? [] : list.at(-1)!.key)).sort()[0];
  const late = after === '' ? await readEntries(account, cursor.late?.filter((id) => id <= from) ?? []) : [];
  const waiting = [...late, ...lists.flat()]
    .filter((item) => (end === undefined || item.key <= end) && isOwed(item))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const page = { ...cutPage(account, waiting, blocked, end), queue };
  // It ends among those before the start: from there on not everything is wanted, so it begins again, without what was seen then.
  return page.next !== undefined && after === '' && page.next <= from ? { ...page, next: '' } : page;
}

/** Ends the page where its bytes do. A message whose sender was blocked since is not delivered (XEP-0191 §3.3). */
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

/** A message that cannot be read must not keep those behind it from arriving. @returns undefined: not to be delivered */
function readable(account: Account, key: string, entry: ArchiveEntry, blocked: Blocklist | undefined): Buffer | undefined {
  try {
    return isBlocked(blocked, Jid.parse(entry.peer)) ? undefined : delayed(key, entry, account.domain);
  } catch (error) {
    const damage = new Error(`entry ${key} cannot be read`, { cause: error });
    report(account.turn.dependencies.log, damage, 'a message that waits cannot be delivered', {
      account: account.jid.toString(),
    });
    return undefined;
  }
}

/** Of the session whose batch this is; undefined when it is over. */
function ownOf(account: Account, sessions: readonly SessionEntry[]): SessionEntry | undefined {
  return sessions.find(({ sid }) => sid === account.session?.sid);
}

async function readEntries(account: Account, ids: readonly string[]): Promise<Item<ArchiveEntry>[]> {
  const found = await Promise.all(
    ids.map(async (id) => (await account.rows.get(entries, id)) ?? (await account.rows.get(unarchived, id))),
  );
  return found.filter((item) => item !== undefined);
}

/** XEP-0160 §2. */
function queueOf(session: SessionEntry | undefined): Page['queue'] {
  return session?.available === true && session.priority >= 0 ? 'open' : 'closed';
}

/** A page begins behind its start, and an id's own prefix stands before it. */
function firstOf(start: string, missed: string | undefined): string {
  return missed !== undefined && isId(missed) && missed <= start ? missed.slice(0, -1) : start;
}

function catchUpStart({ at, given }: Cursor): string {
  if (at === '') return '0';
  const overlap = firstIdAt(timeOfId(at) - runtimeLimits.catchUpOverlapMs);
  // a ring that is full may have forgotten ids of the overlap: what it forgot was delivered
  const first = given.slice(0, idCharacters);
  const oldest = given.length >= givenCharactersMax && first <= at ? first : '';
  return oldest > overlap ? oldest : overlap;
}

/** A client that reads the archive by itself (XEP-0313 §5.1.1) gets only what came since it signed in. */
function ownHistoryEnd(session: SessionEntry | undefined): string {
  return session && readsArchive.of(session) ? firstIdAt(session.boundAt - runtimeLimits.catchUpOverlapMs) : '';
}

/**
 * What was kept only until it arrived, has arrived: at some session, while another may be parked. The next sign-in or the rows' expiry
 * takes what is left.
 */
async function dropDelivered(account: Account, start: string): Promise<void> {
  const oldest = firstIdAt(account.now.getTime() - serviceLimits.resumeTimeoutMs - runtimeLimits.catchUpOverlapMs);
  const before = start < oldest ? start : oldest;
  const rows = await account.list(unarchived, { limit: serviceLimits.catchUpPageMax, before });
  await Promise.all(rows.map(({ key }) => account.rows.delete(unarchived, key)));
}

function delayed(id: string, entry: ArchiveEntry, domain: string): Buffer {
  const stanza = Stanza.parse(entry.xml);
  const stamp = new Date(acceptedAtMs(id, entry)).toISOString();
  return stanza.render(stanza.attributes, {
    append: `<delay xmlns='urn:xmpp:delay' from='${domain}' stamp='${stamp}'>Offline Storage</delay>`,
  });
}
