/** Pages of an account's archive (XEP-0313 §4.1, §4.3). */
import { limits } from '../../lib/limits.ts';
import { firstIdAt, isId, timeOfId } from '../../lib/runtime/ids.ts';
import type { Element } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { type ArchiveEntry, entries, entriesByPeer } from './archive.ts';
import type { Rsm } from './rsm.ts';

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
  /** The archived stanza, in `jabber:client`. */
  readonly entry: Element;
  /** XEP-0082. */
  readonly stamp: string;
}

export interface ArchivePage {
  /** Oldest first. */
  readonly items: readonly ArchiveItem[];
  /** Nothing lies beyond this page in the direction of paging. */
  readonly isComplete: boolean;
}

interface Found {
  readonly id: string;
  readonly value: ArchiveEntry;
}

/** Rows looked at for one page when most of them do not match (queue-only, another resource). */
const roundsMax = 20;
const roundRows = 500;

/** @throws {StanzaError} item-not-found when an id that a page is to start from is not in the archive (§4.1.2, §4.3.1) */
export async function queryArchive(account: Account, query: ArchiveQuery, rsm: Rsm): Promise<ArchivePage> {
  if (query.ids) return byIds(account, query.ids);
  for (const id of [query.afterId, query.beforeId, rsm.after, rsm.before || undefined])
    if (id !== undefined) await mustExist(account, id);
  const lower = [query.startMs === undefined ? '' : firstIdAt(query.startMs), query.afterId ?? '', rsm.after ?? '']
    .sort()
    .at(-1)!;
  const uppers = [query.endMs === undefined ? undefined : firstIdAt(query.endMs + 1), query.beforeId, rsm.before || undefined];
  const upper = uppers.filter((id) => id !== undefined).sort()[0];
  const isBackward = rsm.before !== undefined;
  const found: Found[] = [];
  let [after, before] = [lower, upper];
  let isComplete = false;
  for (let round = 0; round < roundsMax && found.length <= rsm.max; round++) {
    const rows = await readRound(account, query, { after, before, backward: isBackward });
    found.push(...rows.items.filter(({ value }) => matches(value, query)));
    if (rows.last === undefined) {
      isComplete = true;
      break;
    }
    if (isBackward) before = rows.last;
    else after = rows.last;
  }
  const page = found.slice(0, rsm.max);
  if (isBackward) page.reverse();
  return { items: page.map(toItem), isComplete: isComplete && found.length <= rsm.max };
}

/** Entries in the direction of paging; `last` is where to go on, absent at the end. */
async function readRound(
  account: Account,
  query: ArchiveQuery,
  range: { after: string; before?: string; backward: boolean },
): Promise<{ items: Found[]; last?: string }> {
  const { after, before, backward } = range;
  if (!query.with) {
    const rows = await account.list(entries, { limit: roundRows, after, before, backward });
    return {
      items: rows.map(({ key, value }) => ({ id: key, value })),
      last: rows.length < roundRows ? undefined : rows.at(-1)!.key,
    };
  }
  const peer = `${query.with.bare} `;
  const keys = await account.list(entriesByPeer, {
    limit: roundRows,
    after: peer + after,
    before: before === undefined ? `${query.with.bare}!` : peer + before,
    backward,
  });
  const ids = keys.map(({ key }) => key.slice(peer.length));
  return { items: await readEntries(account, ids), last: keys.length < roundRows ? undefined : ids.at(-1)! };
}

async function readEntries(account: Account, ids: readonly string[]): Promise<Found[]> {
  const keys = ids.map((id) => account.rows.keyOf(entries, id));
  const rows = keys.length === 0 ? [] : await account.turn.parts.store.batchGet(keys, { consistent: true });
  return rows.flatMap((row, index) => (row ? [{ id: ids[index]!, value: JSON.parse(row.value) as ArchiveEntry }] : []));
}

function matches(entry: ArchiveEntry, query: ArchiveQuery): boolean {
  if (!entry.archive) return false;
  return !query.with || query.with.isBare || query.with.equals(Jid.parse(entry.peer));
}

async function byIds(account: Account, ids: readonly string[]): Promise<ArchivePage> {
  if (ids.length > limits.rsmPageMax) throw new StanzaError('policy-violation', `at most ${limits.rsmPageMax} ids at once`);
  const found = (await readEntries(account, ids.filter(isId))).filter(({ value }) => value.archive);
  if (found.length < ids.length) throw new StanzaError('item-not-found', 'an id is not in the archive');
  return { items: found.sort((a, b) => (a.id < b.id ? -1 : 1)).map(toItem), isComplete: true };
}

async function mustExist(account: Account, id: string): Promise<void> {
  if (isId(id) && (await account.get(entries, id))?.archive) return;
  throw new StanzaError('item-not-found', `'${id}' is not in the archive`);
}

function toItem({ id, value }: Found): ArchiveItem {
  const stanza = Stanza.parse(value.xml);
  const entry = Stanza.parse(stanza.render(stanza.attributes, { xmlns: 'jabber:client' })).element();
  return { id, entry, stamp: new Date(timeOfId(id)).toISOString() };
}

/** The first or last archived entry; undefined when there is none among the nearest rows. */
export async function archiveEdge(account: Account, which: 'first' | 'last'): Promise<{ id: string; stamp: string } | undefined> {
  const rows = await account.list(entries, { limit: roundRows, backward: which === 'last' });
  const found = rows.find(({ value }) => value.archive);
  return found && { id: found.key, stamp: new Date(timeOfId(found.key)).toISOString() };
}
