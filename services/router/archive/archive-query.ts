/** Pages of an account's archive (XEP-0313 §4.1, §4.3). */
import { limits } from '../../../lib/limits.ts';
import { firstIdAt, isId, timeOfId } from '../../../lib/runtime/ids.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Rsm } from '../../../lib/xmpp/rsm.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { type ArchiveEntry, entries, peerKey, spanOf, spansByPeer } from './archive.ts';

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

/** Entries, which may be large, read at once; and keys of spans, which are small. */
const entriesPerRound = 32;
const spansPerRound = 100;
/** What a result adds to a message: two addresses, the query's id, its own. */
const wrapperBytes = 500;

class TooFar extends StanzaError {
  constructor() {
    super('policy-violation', 'too many messages lie between those of this address; say start or end');
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
  let others = 0;
  for await (const span of spansWith(account, peer, range)) {
    const after = range.after > span ? range.after : span;
    const end = `${span}~`; // above all ids that begin like this
    const before = range.before !== undefined && range.before < end ? range.before : end;
    for await (const found of all(account, { ...range, after, before })) {
      if (isOf(found.entry, peer)) yield found;
      else if (++others > limits.archiveOthersMax) throw new TooFar();
    }
  }
}

/** The spans of time in which something was exchanged with the peer, in the direction of paging. */
async function* spansWith(account: Account, peer: Jid, { after, before, backward }: Range): AsyncGenerator<string> {
  const prefix = `${peerKey(peer)} `;
  const first = spanOf(after);
  let [from, until] = [prefix + first.slice(0, -1), before === undefined ? `${peerKey(peer)}!` : prefix + before];
  let last = '';
  for (;;) {
    const rows = await account.list(spansByPeer, { limit: spansPerRound, after: from, before: until, backward });
    for (const { key } of rows) {
      const span = spanOf(key.slice(prefix.length)); // older versions have written whole ids
      if (span < first || span === last) continue;
      last = span;
      yield span;
    }
    if (rows.length < spansPerRound) return;
    if (backward) until = rows.at(-1)!.key;
    else from = rows.at(-1)!.key;
  }
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
