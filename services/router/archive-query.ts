/** Pages of an account's archive (XEP-0313 §4.1, §4.3). */
import { limits } from '../../lib/limits.ts';
import { firstIdAt, isId, timeOfId } from '../../lib/runtime/ids.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import type { Rsm } from '../../lib/xmpp/rsm.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { type ArchiveEntry, entries, entriesByPeer, peerKey } from './archive.ts';

export interface ArchiveQuery {
  readonly with?: Jid;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly afterId?: string;
  readonly beforeId?: string;
  readonly ids?: readonly string[];
}

export interface ArchiveItem {
  readonly id: string;
  /** The archived stanza, with its namespace declared. */
  readonly xml: Buffer;
  /** XEP-0082. */
  readonly stamp: string;
}

export interface ArchivePage {
  /** Oldest first. */
  readonly items: readonly ArchiveItem[];
  /** Nothing lies beyond this page in the direction of paging. */
  readonly isComplete: boolean;
}

/** Ids between these two, exclusive. */
interface Range {
  readonly after: string;
  readonly before?: string;
  readonly backward: boolean;
}

interface Found {
  readonly id: string;
  readonly entry: ArchiveEntry;
}

/** Entries, which may be large, read at once; and keys by peer, which are small. */
const entriesPerRound = 32;
const keysPerRound = 1_000;
/** What a result adds to a message: two addresses, the query's id, its own. */
const wrapperBytes = 500;
/** Keys of one peer looked at for one page, of which only one resource's count. */
const roundsMax = 20;

class TooFar extends StanzaError {
  constructor() {
    super(
      'policy-violation',
      'too many messages lie between those of this resource; say start or end, or leave out the resource',
    );
  }
}

/**
 * @throws {StanzaError} item-not-found when an id is not in the archive (§4.1.3, §4.3.2)
 */
export async function queryArchive(account: Account, query: ArchiveQuery, rsm: Rsm): Promise<ArchivePage> {
  const { ids = [], afterId, beforeId } = query;
  if (ids.length > limits.rsmPageMax) throw new StanzaError('policy-violation', `at most ${limits.rsmPageMax} ids at once`);
  await mustExist(account, [...ids, afterId, beforeId, rsm.after, rsm.before].filter(isWanted));
  const items: ArchiveItem[] = [];
  let bytes = 0;
  let isComplete = true;
  try {
    for await (const found of matching(account, query, rangeOf(query, rsm))) {
      const item = toItem(found);
      bytes += item.xml.length + wrapperBytes;
      isComplete = items.length < rsm.max && (items.length === 0 || bytes <= limits.archivePageBytesMax);
      if (!isComplete) break;
      items.push(item);
    }
  } catch (error) {
    if (!(error instanceof TooFar) || items.length === 0) throw error;
    isComplete = false;
  }
  if (rsm.before !== undefined) items.reverse();
  return { items, isComplete };
}

function isWanted(id: string | undefined): id is string {
  return id !== undefined && id !== '';
}

async function mustExist(account: Account, ids: readonly string[]): Promise<void> {
  const missing = ids.find((id) => !isId(id)) ?? (await firstMissing(account, ids));
  if (missing !== undefined) throw new StanzaError('item-not-found', `'${missing.slice(0, 100)}' is not in the archive`);
}

async function firstMissing(account: Account, ids: readonly string[]): Promise<string | undefined> {
  for (let at = 0; at < ids.length; at += entriesPerRound) {
    const part = ids.slice(at, at + entriesPerRound);
    const found = new Set((await readEntries(account, part)).map(({ id }) => id));
    const missing = part.find((id) => !found.has(id));
    if (missing !== undefined) return missing;
  }
  return undefined;
}

function rangeOf(query: ArchiveQuery, rsm: Rsm): Range {
  const { startMs, endMs, afterId = '', beforeId } = query;
  const lowers = [startMs === undefined ? '' : firstIdAt(startMs), afterId, rsm.after ?? ''];
  const uppers = [endMs === undefined ? undefined : firstIdAt(Math.floor(endMs) + 1), beforeId, rsm.before].filter(isWanted);
  return { after: lowers.sort().at(-1)!, before: uppers.sort()[0], backward: rsm.before !== undefined };
}

/** In the direction of paging; the reader stops at a full page. */
function matching(account: Account, query: ArchiveQuery, range: Range): AsyncGenerator<Found> {
  const peer = query.with?.bare.equals(account.jid) ? account.jid : query.with; // §4.1.1: of oneself the resource is ignored
  if (query.ids) return matchingIds(account, query.ids, peer, range);
  return peer ? exchangedWith(account, peer, range) : all(account, range);
}

async function* all(account: Account, range: Range): AsyncGenerator<Found> {
  let { after, before } = range;
  for (;;) {
    const rows = await account.list(entries, { limit: entriesPerRound, after, before, backward: range.backward });
    for (const { key, value } of rows) yield { id: key, entry: value };
    if (rows.length < entriesPerRound) return;
    if (range.backward) before = rows.at(-1)!.key;
    else after = rows.at(-1)!.key;
  }
}

async function* exchangedWith(account: Account, peer: Jid, range: Range): AsyncGenerator<Found> {
  const { backward } = range;
  const prefix = `${peerKey(peer)} `;
  let after = prefix + range.after;
  let before = range.before === undefined ? `${peerKey(peer)}!` : prefix + range.before;
  for (let round = 0; round < roundsMax; round++) {
    const keys = await account.list(entriesByPeer, { limit: keysPerRound, after, before, backward });
    const ids = keys.filter(({ value }) => peer.isBare || value === peer.resource).map(({ key }) => key.slice(prefix.length));
    for (let at = 0; at < ids.length; at += entriesPerRound)
      yield* await readEntries(account, ids.slice(at, at + entriesPerRound));
    if (keys.length < keysPerRound) return;
    if (backward) before = keys.at(-1)!.key;
    else after = keys.at(-1)!.key;
  }
  throw new TooFar();
}

async function* matchingIds(
  account: Account,
  ids: readonly string[],
  peer: Jid | undefined,
  range: Range,
): AsyncGenerator<Found> {
  const { after, before, backward } = range;
  const wanted = [...new Set(ids)].filter((id) => id > after && (before === undefined || id < before)).sort();
  if (backward) wanted.reverse();
  for (let at = 0; at < wanted.length; at += entriesPerRound) {
    for (const found of await readEntries(account, wanted.slice(at, at + entriesPerRound))) {
      if (!peer || isOf(found.entry, peer)) yield found;
    }
  }
}

function isOf({ peer: address }: ArchiveEntry, peer: Jid): boolean {
  return address === peer.toString() || (peer.isBare && address.startsWith(`${peer}/`));
}

/** Those that are there, in this order. */
async function readEntries(account: Account, ids: readonly string[]): Promise<Found[]> {
  if (ids.length === 0) return [];
  const rows = await account.turn.parts.store.batchGet(
    ids.map((id) => account.rows.keyOf(entries, id)),
    { consistent: true },
  );
  return rows.flatMap((row, index) => (row ? [{ id: ids[index]!, entry: JSON.parse(row.value) as ArchiveEntry }] : []));
}

function toItem({ id, entry }: Found): ArchiveItem {
  const stanza = Stanza.parse(entry.xml);
  return { id, xml: stanza.render(stanza.attributes, { xmlns: 'jabber:client' }), stamp: stampOf(id) };
}

function stampOf(id: string): string {
  return new Date(timeOfId(id)).toISOString();
}

/** The first or last entry. */
export async function archiveEdge(account: Account, which: 'first' | 'last'): Promise<{ id: string; stamp: string } | undefined> {
  const [row] = await account.list(entries, { limit: 1, backward: which === 'last' });
  return row && { id: row.key, stamp: stampOf(row.key) };
}
