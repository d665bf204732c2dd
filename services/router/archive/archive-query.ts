/** Queries of an account's archive (XEP-0313 §4), for {@link readArchivePage}. */
import {
  type Archive,
  type ArchivePage,
  type ArchiveQuery,
  type ArchiveRange,
  type AskedPage,
  NS_MAM,
  readArchivePage,
  walkRows,
} from '../../../lib/runtime/archive-page.ts';
import { narrowed } from '../../../lib/runtime/archive-search.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { type ArchiveEntry, acceptedAtMs, entries, peerKey, spanOf, spansByPeer } from './archive.ts';

/** Reads a page. @throws {StanzaError} item-not-found if an id is not in the archive (§4.1.3, §4.3.2) */
export function queryArchive(account: Account, query: ArchiveQuery, page: AskedPage): Promise<ArchivePage<ArchiveEntry>> {
  const { archiveEntriesPerRound } = routerLimits;
  return readArchivePage(narrowed(archiveOf(account, query), query, account.rows, entries, archiveEntriesPerRound), query, page);
}

function archiveOf(account: Account, query: ArchiveQuery): Archive<ArchiveEntry> {
  const { rows } = account;
  const find = (ids: readonly string[]) => rows.getMany(entries, ids);
  const peer = query.with?.bare.equals(account.jid) ? account.jid : query.with; // §4.1.1: the own resource is ignored
  const { aheadMaxMs } = account.turn.dependencies.clock;
  if (!peer) return { aheadMaxMs, find, walk: (range) => walkRows(rows, entries, range, routerLimits.archiveEntriesPerRound) };
  return { aheadMaxMs, find, walk: (range) => walkSpans(account, peer, range), isWanted: (entry) => isOf(entry, peer) };
}

/** Reads all entries of the spans of time in which messages were exchanged with the peer (decision 7). */
async function* walkSpans(account: Account, peer: Jid, range: ArchiveRange): AsyncGenerator<readonly Item<ArchiveEntry>[]> {
  for await (const span of spansWith(account, peer, range)) {
    const after = range.after > span ? range.after : span;
    const end = `${span}~`; // greater than all ids of this span
    const before = range.before !== undefined && range.before < end ? range.before : end;
    yield* walkRows(
      account.rows,
      entries,
      { ...range, after, before, most: routerLimits.archiveEntriesPerRound },
      routerLimits.archiveEntriesPerRound,
    );
  }
}

/** The last entries first, of the times in which messages were exchanged with a peer; some are of others. */
export function lastWith(account: Account, peer: Jid): AsyncGenerator<readonly Item<ArchiveEntry>[]> {
  return walkSpans(account, peer, {
    ...{ after: '', before: undefined },
    ...{ isBackward: true, most: routerLimits.archiveEntriesPerRound },
  });
}

/** Reads the spans in the direction of paging. */
async function* spansWith(account: Account, peer: Jid, { after, before, isBackward }: ArchiveRange): AsyncGenerator<string> {
  const prefix = `${peerKey(peer)} `;
  const first = spanOf(after);
  let [from, until] = [prefix + first.slice(0, -1), before === undefined ? `${peerKey(peer)}!` : prefix + before];
  let last = '';
  for (;;) {
    const rows = await account.list(spansByPeer, {
      limit: routerLimits.archiveSpansPerRound,
      after: from,
      before: until,
      backward: isBackward,
    });
    for (const { key } of rows) {
      const span = spanOf(key.slice(prefix.length)); // older versions wrote a whole id
      if (span < first || span === last) continue;
      last = span;
      yield span;
    }
    if (rows.length < routerLimits.archiveSpansPerRound) return;
    if (isBackward) until = rows.at(-1)!.key;
    else from = rows.at(-1)!.key;
  }
}

function isOf({ peer: address }: ArchiveEntry, peer: Jid): boolean {
  return address === peer.toString() || (peer.isBare && address.startsWith(`${peer}/`));
}

export function stampOf(id: string, entry: ArchiveEntry): string {
  return new Date(acceptedAtMs(id, entry)).toISOString();
}

/** XEP-0313 §4.4: tells the first and the last entry. */
export async function archiveMetadata(account: Account): Promise<Element> {
  const [start, end] = await Promise.all([archiveEdge(account, 'first'), archiveEdge(account, 'last')]);
  const edge = (name: string, item: { id: string; stamp: string } | undefined) =>
    item && xml(name, { id: item.id, timestamp: item.stamp });
  return xml('metadata', { xmlns: NS_MAM }, edge('start', start), edge('end', end));
}

/** Reads the first or the last entry. */
async function archiveEdge(account: Account, which: 'first' | 'last'): Promise<{ id: string; stamp: string } | undefined> {
  const [row] = await account.list(entries, { limit: 1, backward: which === 'last' });
  return row && { id: row.key, stamp: stampOf(row.key, row.value) };
}
