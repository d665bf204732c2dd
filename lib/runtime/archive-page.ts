/**
 * XEP-0313 §4: one query of an archive, from the form that asks to the page that answers, the same for accounts and rooms.
 *
 * An archive is rows whose ids are in its order; what it is of is told by {@link Archive}. `before` and `after` of XEP-0059 and the
 * filters `before-id`, `after-id`, `start` and `end` all narrow one range; `ids` are looked up in it. An id that is not in the archive is
 * `item-not-found` wherever it stands (§4.1.3, §4.3.2).
 *
 * Hostile: a page is bounded in entries and bytes, and so are the entries that a filter passes over; where that bound ends a page, its
 * `<last/>` (backward: `<first/>`) is the entry that was looked at last, so that the next page goes on there. A page may be empty
 * and not the end.
 */
import { emptySubmission, type Field, findForm, readSubmission, renderForm, type Submission } from '../xmpp/data-form.ts';
import { readMoment } from '../xmpp/date-time.ts';
import { type Element, xml } from '../xmpp/element.ts';
import { StanzaError } from '../xmpp/errors.ts';
import type { Jid } from '../xmpp/jid.ts';
import { xmppLimits } from '../xmpp/limits.ts';
import { readOrder } from '../xmpp/order-by.ts';
import { type Rsm, readRsm, writeRsm } from '../xmpp/rsm.ts';
import type { Collection } from './collection.ts';
import { firstIdAt, isId, timeOfId } from './ids.ts';
import { runtimeLimits } from './limits.ts';
import type { Item, Rows } from './rows.ts';

export const NS_MAM = 'urn:xmpp:mam:2';

export interface ArchiveQuery {
  readonly with?: Jid | undefined;
  /** Both inclusive (§4.1.2). */
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
  readonly afterId?: string | undefined;
  readonly beforeId?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  /** XEP-0431: what entries are searched for. */
  readonly text?: string | undefined;
}

/** A page of the whole archive in the order that is asked for. */
export interface AskedPage extends Rsm {
  /** XEP-0413: newest first, all of the archive. Messages are not published again, so creation and modification are the same. */
  readonly isDescending?: boolean;
}

export interface ArchiveRequest {
  readonly query: ArchiveQuery;
  readonly page: AskedPage;
  /** §4.3.4: the page the other way round on the wire. */
  readonly isFlipped: boolean;
  readonly queryid: string | undefined;
}

/** Ids between these two, exclusive. */
export interface ArchiveRange {
  readonly after: string;
  readonly before: string | undefined;
  readonly isBackward: boolean;
  /** Entries that make the page full. */
  readonly most: number;
}

/** An entry as rows of archives have it, with the text of its stanza. */
export interface Archived {
  readonly xml: string;
  /** By how much the time in its id was ahead of the time of day when it was accepted (decision 9); absent: not at all. */
  readonly aheadMs?: number | undefined;
}

export interface Archive<Entry extends Archived> {
  /** No entry's `aheadMs` is more than this. */
  readonly aheadMaxMs: number;
  /** Entries up to this id are not of this archive. */
  readonly floor?: string;
  /** Can be counted for who asks for a count and no entries (XEP-0059 §2.7), as far as the bound on passing over lets it. */
  readonly isCounted?: boolean;
  /** Those of these ids that are there, in this order. */
  find(ids: readonly string[]): Promise<readonly Item<Entry>[]>;
  /** At least those that {@link isWanted} wants, in the direction of the range; it is left where the page ends. */
  walk(range: ArchiveRange): AsyncIterable<Items<Entry>>;
  /** Is this entry in the archive at all? Some rows are kept for other purposes. */
  isKept?(entry: Entry): boolean;
  /** The filter `with`. */
  isWanted?(entry: Entry): boolean;
}

/** XEP-0431. Archives that are searched have it among their further fields. */
export const searchField: Field = { var: '{urn:xmpp:fulltext:0}fulltext', type: 'text-single' };

export interface ArchivePage<Entry> {
  /** In the order that was asked for: oldest first, or newest first. */
  readonly items: readonly Item<Entry>[];
  /** Nothing lies beyond this page in the direction of paging. */
  readonly isComplete: boolean;
  /** Where pages before and after this one begin. */
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly count: number | undefined;
}

const ownFields: readonly Field[] = [
  { var: 'with', type: 'jid-single' },
  { var: 'start', type: 'text-single' },
  { var: 'end', type: 'text-single' },
  { var: 'before-id', type: 'text-single' },
  { var: 'after-id', type: 'text-single' },
  { var: 'ids', type: 'list-multi', isOpen: true },
];

const oldestFirst = { by: 'creation', isDescending: false } as const;

/** §4.1.5. @param further fields of this kind of archive */
export function archiveForm(further: readonly Field[] = []): Element {
  const form = renderForm({ type: 'form', formType: NS_MAM, fields: [...ownFields, ...further] });
  return xml('query', { xmlns: NS_MAM }, form);
}

/**
 * §4.1. A field without value filters nothing (XEP-0004 §3.5). The `further` fields change nothing, but their values are checked.
 * @throws {StanzaError} bad-request, jid-malformed, not-acceptable; feature-not-implemented for a field that the form does not have
 */
export function readArchiveRequest(request: Element, further: readonly Field[] = []): ArchiveRequest {
  const { node, queryid } = request.attrs as { node?: string; queryid?: string };
  if (node) throw new StanzaError('item-not-found', 'there is no such archive');
  const form = findForm(request);
  // an id of any length is one that is not there (§4.1.3)
  const options = { formType: NS_MAM, valuesMax: xmppLimits.rsmPageMax, charactersMax: xmppLimits.stanzaBytesMax };
  const submission = form ? readSubmission(form, options) : emptySubmission;
  const known = [...ownFields, ...further].map((field) => field.var);
  const unknown = [...submission.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new StanzaError(
      'feature-not-implemented',
      `this archive cannot be filtered by ${JSON.stringify(unknown.slice(0, 64))}`,
    );
  }
  for (const { var: name, type } of further) {
    const field = submission.get(name);
    if (type === 'boolean' && field?.isEmpty === false) field.flag();
  }
  return {
    query: readQuery(submission),
    page: { ...readRsm(request), isDescending: readOrder(request, oldestFirst).isDescending },
    isFlipped: request.getChild('flip-page', NS_MAM) !== undefined,
    queryid,
  };
}

function readQuery(submission: Submission): ArchiveQuery {
  const text = (name: string) => submission.get(name)?.text().trim() || undefined;
  const moment = (name: string) => {
    const value = text(name);
    return value === undefined ? undefined : readMoment(value, name);
  };
  const ids = submission.get('ids');
  return {
    with: submission.get('with')?.jid(),
    startMs: moment('start'),
    endMs: moment('end'),
    afterId: text('after-id'),
    beforeId: text('before-id'),
    ids: ids === undefined || ids.isEmpty ? undefined : ids.values,
    text: text(searchField.var),
  };
}

/** @throws {StanzaError} item-not-found */
export async function readArchivePage<Entry extends Archived>(
  archive: Archive<Entry>,
  query: ArchiveQuery,
  page: AskedPage,
): Promise<ArchivePage<Entry>> {
  const named = [...(query.ids ?? []), query.afterId, query.beforeId, page.after, page.before];
  const found = await findAll(archive, named.filter(isGiven));
  const range = rangeOf(archive, query, page);
  const wanted = query.ids ? fromNamed(found, query.ids, range) : archive.walk(range);
  const { items, isComplete, cursor } = await collect(archive, query, wanted, page.max);
  const isFromEnd = page.before !== undefined;
  if (isFromEnd) items.reverse();
  const count = page.max === 0 && archive.isCounted ? await countAll(archive, query, found) : undefined;
  const [first, last] = [items[0]?.key, items.at(-1)?.key];
  return {
    items,
    isComplete,
    first: (isFromEnd ? cursor : undefined) ?? first ?? cursor,
    last: (isFromEnd ? undefined : cursor) ?? last ?? cursor,
    count,
  };
}

/** The end of the answer (§4.3). */
export function finElement({ isComplete, first, last, count }: Omit<ArchivePage<unknown>, 'items'>): Element {
  return xml('fin', { xmlns: NS_MAM, complete: isComplete ? 'true' : undefined }, writeRsm(first, last, count));
}

/** Rows in the direction of paging, as many at once as a round has. */
export async function* walkRows<Entry>(
  rows: Rows,
  collection: Collection<Entry>,
  { after: from, before: until, isBackward, most }: ArchiveRange,
  rowsPerRound: number,
): AsyncGenerator<Items<Entry>> {
  let [after, before] = [from, until];
  const limit = Math.min(rowsPerRound, most + 1); // one more tells whether the page is the last
  for (;;) {
    const found = await rows.list(collection, { limit, after, before, backward: isBackward });
    yield found;
    if (found.length < limit) return;
    if (isBackward) before = found.at(-1)!.key;
    else after = found.at(-1)!.key;
  }
}

function isGiven(id: string | undefined): id is string {
  return id !== undefined && id !== '';
}

type Items<Entry> = readonly Item<Entry>[];
type Named<Entry> = ReadonlyMap<string, Item<Entry>>;

/** All of them. @throws {StanzaError} item-not-found for the first that is missing */
async function findAll<Entry extends Archived>(archive: Archive<Entry>, ids: readonly string[]): Promise<Named<Entry>> {
  const missing = (id: string): never => {
    throw new StanzaError('item-not-found', `${JSON.stringify(id.slice(0, 64))} is not in the archive`);
  };
  const distinct = [...new Set(ids)];
  for (const id of distinct) if (!isId(id) || id <= (archive.floor ?? '')) missing(id);
  const found = new Map<string, Item<Entry>>();
  for (let at = 0; at < distinct.length; at += runtimeLimits.archiveIdsPerRound) {
    const part = distinct.slice(at, at + runtimeLimits.archiveIdsPerRound);
    for (const item of await archive.find(part)) {
      if (archive.isKept?.(item.value) ?? true) found.set(item.key, item);
    }
    for (const id of part) if (!found.has(id)) missing(id);
  }
  return found;
}

/**
 * An entry is of all the time between its stamp and the time in its id, which is later where clocks were set back: who asks for what came
 * from the last stamp on misses nothing, nor does who asks for what came until now.
 */
function rangeOf<Entry extends Archived>(archive: Archive<Entry>, query: ArchiveQuery, page: AskedPage): ArchiveRange {
  const { floor = '', aheadMaxMs } = archive;
  const { startMs, endMs, afterId = '', beforeId } = query;
  const { isDescending = false } = page;
  const [lower, upper] = isDescending ? [page.before, page.after] : [page.after, page.before];
  const lowers = [floor, startMs === undefined ? '' : firstIdAt(Math.ceil(startMs)), afterId, lower ?? ''];
  const endId = endMs === undefined ? undefined : firstIdAt(Math.floor(endMs) + 1 + aheadMaxMs);
  const uppers = [endId, beforeId, upper].filter(isGiven);
  const isBackward = (page.before !== undefined) !== isDescending;
  return { after: lowers.sort().at(-1)!, before: uppers.sort()[0], isBackward, most: page.max };
}

async function* fromNamed<Entry>(
  found: Named<Entry>,
  ids: readonly string[],
  { after, before, isBackward }: Omit<ArchiveRange, 'most'>,
): AsyncGenerator<Items<Entry>> {
  const inRange = [...new Set(ids)].filter((id) => id > after && (before === undefined || id < before)).sort();
  if (isBackward) inRange.reverse();
  yield inRange.map((id) => found.get(id)!);
}

async function collect<Entry extends Archived>(
  archive: Archive<Entry>,
  query: ArchiveQuery,
  wanted: AsyncIterable<Items<Entry>>,
  max: number,
) {
  const items: Item<Entry>[] = [];
  let bytes = 0;
  let passed = 0;
  for await (const round of wanted) {
    for (const item of round) {
      if (!isMatch(archive, query, item)) {
        if (++passed < runtimeLimits.archivePassedMax) continue;
        return { items, isComplete: false, cursor: item.key };
      }
      bytes += Buffer.byteLength(item.value.xml) + runtimeLimits.archiveWrapperBytes;
      const isFull = items.length >= max || (items.length > 0 && bytes > runtimeLimits.archivePageBytesMax);
      if (isFull) return { items, isComplete: false };
      items.push(item);
    }
  }
  return { items, isComplete: true };
}

function isMatch<Entry extends Archived>(archive: Archive<Entry>, query: ArchiveQuery, { key, value }: Item<Entry>): boolean {
  const { endMs } = query;
  if (archive.aheadMaxMs > 0 && endMs !== undefined && timeOfId(key) - (value.aheadMs ?? 0) > endMs) return false;
  return (archive.isKept?.(value) ?? true) && (archive.isWanted?.(value) ?? true);
}

/** Counts the whole set, wherever in it the page is. @returns undefined when there are too many */
async function countAll<Entry extends Archived>(
  archive: Archive<Entry>,
  query: ArchiveQuery,
  found: Named<Entry>,
): Promise<number | undefined> {
  const range = rangeOf(archive, query, { max: runtimeLimits.archivePassedMax });
  let count = 0;
  let looked = 0;
  for await (const round of query.ids ? fromNamed(found, query.ids, range) : archive.walk(range)) {
    looked += round.length;
    if (looked > runtimeLimits.archivePassedMax) return undefined;
    for (const item of round) if (isMatch(archive, query, item)) count++;
  }
  return count;
}
