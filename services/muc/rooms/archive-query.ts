/**
 * Reading a room's archive: XEP-0313 (mam:2, #extended) with pages both ways. Runs beside the room's queue, so that nobody's typing
 * waits for it; the results come as messages, then the iq's answer.
 *
 * The filter `with` takes an occupant's address, or a real one of whom the reader may know. There is no index by sender: so many
 * entries are looked at for one page, and the page says where to go on. Likewise entries are counted only when nothing else is asked
 * for (`<max>0</max>`, XEP-0059 §2.7), and up to that bound.
 *
 * DEVIATION from §5.1.2: of what was said while the room was semi-anonymous, only those who may see JIDs anyway learn who said it.
 */
import { limits } from '../../../lib/limits.ts';
import { firstIdAt, isId } from '../../../lib/runtime/ids.ts';
import type { Item, Rows } from '../../../lib/runtime/rows.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type Rsm, readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { affiliationRank } from '../core/affiliation.ts';
import { NS_DATA, NS_MAM } from '../core/namespaces.ts';
import { type Archived, messages } from '../core/room-rows.ts';
import { type RoomTurn, resultOf } from '../core/room-turn.ts';
import { archiveResult } from './archive-result.ts';
import { readForm, renderForm } from './data-form.ts';

interface Filter {
  /** Exclusive bounds. */
  readonly after: string;
  readonly before: string | undefined;
  readonly ids: readonly string[] | undefined;
  /** `with`; absent: everything. */
  readonly isWanted?: ((entry: Archived) => boolean) | undefined;
}

interface Found {
  readonly items: Item<Archived>[];
  readonly isComplete: boolean;
  /** The entry that was looked at last, where that is not the last of the items. */
  readonly cursor?: string | undefined;
}

type Values = ReadonlyMap<string, readonly string[]>;

const pageDefault = 50;
const scanPage = 100;

/** XEP-0313 §5.1.2: whoever may enter may read. @throws {StanzaError} */
function checkMayRead(turn: RoomTurn): void {
  const { config, affiliation } = turn;
  if (config.isLocked && affiliation !== 'owner') throw new StanzaError('item-not-found');
  if (affiliation === 'outcast') throw new StanzaError('forbidden', 'you are banned from this room');
  const isMember = affiliationRank(affiliation) >= affiliationRank('member');
  if (config.membersOnly && !isMember) throw new StanzaError('forbidden', 'the archive is for members');
  if (config.password !== '' && !isMember && !turn.own) throw new StanzaError('forbidden', 'enter the room first');
  if (!config.archive) throw new StanzaError('feature-not-implemented', 'this room keeps no archive');
}

/** §4.1.3: the fields that a client may filter by. */
export function archiveForm(turn: RoomTurn, iq: Stanza): void {
  checkMayRead(turn);
  const fields = [
    { var: 'with', type: 'jid-single' },
    { var: 'start', type: 'text-single' },
    { var: 'end', type: 'text-single' },
    { var: 'before-id', type: 'text-single' },
    { var: 'after-id', type: 'text-single' },
    { var: 'ids', type: 'list-multi', isOpen: true },
  ];
  turn.result(iq, xml('query', { xmlns: NS_MAM }, renderForm({ type: 'form', formType: NS_MAM, fields })));
}

/** §4. @throws {StanzaError} */
export function queryArchive(turn: RoomTurn, iq: Stanza, query: Element): void {
  checkMayRead(turn);
  const { rows, config, room } = turn;
  const page = readRsm(query, pageDefault);
  const form = query.getChild('x', NS_DATA);
  const values: Values = form ? readForm(form) : new Map();
  const isFlipped = query.getChild('flip-page') !== undefined;
  const seesJids = turn.own?.occupant.role === 'moderator' || affiliationRank(turn.affiliation) >= affiliationRank('admin');
  const mayKnow = (entry: Archived) => seesJids || (config.whois === 'anyone' && entry.isOpen === true);
  const filter = { ...readFilter(values, config.since), isWanted: readWith(turn, values, mayKnow) };
  const { queryid } = query.attrs;
  turn.defer(iq, async () => {
    await checkKnown(rows, [page.after, page.before === '' ? undefined : page.before, ...(filter.ids ?? [])]);
    const { items, isComplete, cursor } = filter.ids ? await readIds(rows, filter) : await readRange(rows, filter, page);
    const count = page.max === 0 ? await countEntries(rows, filter) : undefined;
    const isBackward = page.before !== undefined;
    const fin = xml(
      'fin',
      { xmlns: NS_MAM, complete: isComplete ? 'true' : undefined },
      writeRsm(
        (isBackward ? cursor : undefined) ?? items[0]?.key ?? cursor,
        (isBackward ? undefined : cursor) ?? items.at(-1)?.key ?? cursor,
        count,
      ),
    );
    const shown = isFlipped ? items.toReversed() : items;
    const results = shown.map(({ key, value }) =>
      archiveResult(value, {
        room: room.jid,
        id: key,
        queryid,
        hasJid: mayKnow(value),
      }),
    );
    return [...results, Buffer.from(resultOf(iq, fin).toString())];
  });
}

function readFilter(values: Values, since: string): Filter {
  for (const name of values.keys()) {
    if (!['FORM_TYPE', 'with', 'start', 'end', 'before-id', 'after-id', 'ids'].includes(name)) {
      throw new StanzaError('feature-not-implemented', `this archive cannot be filtered by ${name.slice(0, 64)}`);
    }
  }
  const start = readTime(values, 'start');
  const end = readTime(values, 'end');
  const lower = [since, values.get('after-id')?.[0], start === undefined ? undefined : firstIdAt(start)];
  const upper = [values.get('before-id')?.[0], end === undefined ? undefined : firstIdAt(end + 1)];
  return {
    after: lower.reduce<string>((most, one) => (one !== undefined && one > most ? one : most), ''),
    before: upper.reduce<string | undefined>((least, one) => (one !== undefined && !(least! < one) ? one : least), undefined),
    ids: values.get('ids'),
  };
}

/** §4.1.1: by who wrote it. @throws {StanzaError} jid-malformed */
function readWith({ room }: RoomTurn, values: Values, mayKnow: (entry: Archived) => boolean): Filter['isWanted'] {
  const text = values.get('with')?.[0]?.trim() ?? '';
  if (text === '') return undefined;
  const wanted = Jid.parse(text);
  if (wanted.equals(room.jid)) return undefined;
  if (wanted.bare.equals(room.jid)) {
    const from = wanted.toString();
    return ({ xml: written }) => Stanza.parse(written).attributes.from === from;
  }
  return (entry) => {
    if (!mayKnow(entry)) return false;
    const writer = Jid.parse(entry.jid);
    return wanted.isBare ? writer.bare.equals(wanted) : writer.equals(wanted);
  };
}

function readTime(values: Values, name: string): number | undefined {
  const text = values.get(name)?.[0];
  if (text === undefined || text === '') return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new StanzaError('bad-request', `${name} is no time: ${JSON.stringify(text.slice(0, 40))}`);
  return time;
}

/** §4.3: who names an entry that is not there is told, rather than given another page. */
async function checkKnown(rows: Rows, ids: readonly (string | undefined)[]): Promise<void> {
  for (const id of ids) {
    if (id === undefined) continue;
    if (!isId(id) || !(await rows.get(messages, id))) throw new StanzaError('item-not-found', 'the archive has no such entry');
  }
}

async function readIds(rows: Rows, { ids = [], after, isWanted }: Filter): Promise<Found> {
  const items: Item<Archived>[] = [];
  for (const id of [...new Set(ids)].sort()) {
    const item = id > after ? await rows.get(messages, id) : undefined;
    if (item && !item.value.isTransient && (isWanted?.(item.value) ?? true)) items.push(item);
  }
  return { items, isComplete: true };
}

/** A page, oldest first, cut at its bound in bytes. */
async function readRange(rows: Rows, filter: Filter, page: Rsm): Promise<Found> {
  const isBackward = page.before !== undefined;
  let after = page.after !== undefined && page.after > filter.after ? page.after : filter.after;
  let before = page.before && (filter.before === undefined || page.before < filter.before) ? page.before : filter.before;
  const items: Item<Archived>[] = [];
  const inOrder = () => (isBackward ? items.reverse() : items);
  let bytes = 0;
  let scanned = 0;
  for (;;) {
    const limit = filter.isWanted ? scanPage : Math.min(page.max - items.length + 1, 100);
    const found = await rows.list(messages, { limit, after, before, backward: isBackward });
    for (const item of found) {
      if (item.value.isTransient || filter.isWanted?.(item.value) === false) continue;
      bytes += item.value.xml.length;
      const isFull = items.length >= page.max || (bytes > limits.roomPageBytesMax && items.length > 0);
      if (isFull) return { items: inOrder(), isComplete: false };
      items.push(item);
    }
    if (found.length < limit) return { items: inOrder(), isComplete: true };
    scanned += found.length;
    if (scanned >= limits.roomArchiveScanMax) return { items: inOrder(), isComplete: false, cursor: found.at(-1)!.key };
    if (isBackward) before = found.at(-1)!.key;
    else after = found.at(-1)!.key;
  }
}

/** undefined: too many. */
async function countEntries(rows: Rows, { after, before, ids, isWanted }: Filter): Promise<number | undefined> {
  if (ids) return (await readIds(rows, { after, before, ids, isWanted })).items.length;
  let count = 0;
  let from = after;
  for (let scanned = 0; scanned < limits.roomArchiveScanMax; scanned += scanPage) {
    const found = await rows.list(messages, { limit: scanPage, after: from, before });
    count += found.filter(({ value }) => !value.isTransient && (isWanted?.(value) ?? true)).length;
    if (found.length < scanPage) return count;
    from = found.at(-1)!.key;
  }
  return undefined;
}

/** §5: the first and the last entry. */
export function archiveMetadata(turn: RoomTurn, iq: Stanza): void {
  checkMayRead(turn);
  const { rows, config } = turn;
  turn.defer(iq, async () => {
    const [first, last] = await Promise.all([
      readRange(rows, { after: config.since, before: undefined, ids: undefined }, { max: 1 }),
      readRange(rows, { after: config.since, before: undefined, ids: undefined }, { max: 1, before: '' }),
    ]);
    const show = (name: string, item: Item<Archived> | undefined) =>
      item && xml(name, { id: item.key, timestamp: new Date(item.value.at).toISOString() });
    const metadata = xml('metadata', { xmlns: NS_MAM }, show('start', first.items[0]), show('end', last.items[0]));
    return [Buffer.from(resultOf(iq, metadata).toString())];
  });
}
