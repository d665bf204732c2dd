/**
 * Reading a room's archive: XEP-0313 (mam:2, #extended) with pages both ways. Runs beside the room's queue, so that nobody's typing
 * waits for it; the results come as messages, then the iq's answer.
 *
 * Left out on purpose: the filter `with`, which would need an index by sender.
 */
import { limits } from '../../lib/limits.ts';
import { firstIdAt, isId } from '../../lib/runtime/ids.ts';
import type { Item, Rows } from '../../lib/runtime/rows.ts';
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { affiliationRank } from './affiliation.ts';
import { archiveResult } from './archive-result.ts';
import { readForm, renderForm } from './data-form.ts';
import { NS_DATA, NS_MAM } from './namespaces.ts';
import { type Archived, messages } from './room-rows.ts';
import { type RoomTurn, resultOf } from './room-turn.ts';
import { type Page, readPage, renderPage } from './rsm.ts';

interface Filter {
  /** Exclusive bounds. */
  readonly after: string;
  readonly before: string | undefined;
  readonly ids: readonly string[] | undefined;
}

const pageDefault = 50;

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
    { var: 'start', type: 'text-single' },
    { var: 'end', type: 'text-single' },
    { var: 'before-id', type: 'text-single' },
    { var: 'after-id', type: 'text-single' },
    { var: 'ids', type: 'list-multi' },
  ];
  turn.result(iq, xml('query', { xmlns: NS_MAM }, renderForm({ type: 'form', formType: NS_MAM, fields })));
}

/** §4. @throws {StanzaError} */
export function queryArchive(turn: RoomTurn, iq: Stanza, query: Element): void {
  checkMayRead(turn);
  const { rows, config, room } = turn;
  const page = readPage(query, pageDefault);
  const filter = readFilter(query, config.since);
  const isFlipped = query.getChild('flip-page') !== undefined;
  const seesJids = turn.own?.occupant.role === 'moderator' || affiliationRank(turn.affiliation) >= affiliationRank('admin');
  const { queryid } = query.attrs;
  turn.defer(iq, async () => {
    await checkKnown(rows, [page.after, page.before === '' ? undefined : page.before, ...(filter.ids ?? [])]);
    const { items, isComplete } = filter.ids ? await readIds(rows, filter) : await readRange(rows, filter, page);
    const fin = xml(
      'fin',
      { xmlns: NS_MAM, complete: isComplete ? 'true' : undefined },
      renderPage(items[0]?.key, items.at(-1)?.key),
    );
    const shown = isFlipped ? items.toReversed() : items;
    const results = shown.map(({ key, value }) =>
      archiveResult(value, {
        room: room.jid,
        id: key,
        queryid,
        hasJid: seesJids || (config.whois === 'anyone' && value.isOpen === true),
      }),
    );
    return [...results, Buffer.from(resultOf(iq, fin).toString())];
  });
}

function readFilter(query: Element, since: string): Filter {
  const form = query.getChild('x', NS_DATA);
  const values = form ? readForm(form) : new Map<string, readonly string[]>();
  for (const name of values.keys()) {
    if (!['FORM_TYPE', 'start', 'end', 'before-id', 'after-id', 'ids'].includes(name)) {
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

function readTime(values: ReadonlyMap<string, readonly string[]>, name: string): number | undefined {
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

async function readIds(rows: Rows, { ids = [], after }: Filter) {
  const items: Item<Archived>[] = [];
  for (const id of [...new Set(ids)].sort()) {
    const item = id > after ? await rows.get(messages, id) : undefined;
    if (item && !item.value.isTransient) items.push(item);
  }
  return { items, isComplete: true };
}

/** A page, oldest first, cut at its bound in bytes. */
async function readRange(rows: Rows, filter: Filter, page: Page): Promise<{ items: Item<Archived>[]; isComplete: boolean }> {
  const isBackward = page.before !== undefined;
  let after = page.after !== undefined && page.after > filter.after ? page.after : filter.after;
  let before = page.before && (filter.before === undefined || page.before < filter.before) ? page.before : filter.before;
  const items: Item<Archived>[] = [];
  let bytes = 0;
  for (;;) {
    const limit = Math.min(page.max - items.length + 1, 100);
    const found = await rows.list(messages, { limit, after, before, backward: isBackward });
    for (const item of found) {
      if (item.value.isTransient) continue;
      bytes += item.value.xml.length;
      const isFull = items.length >= page.max || (bytes > limits.roomPageBytesMax && items.length > 0);
      if (isFull) return { items: isBackward ? items.reverse() : items, isComplete: false };
      items.push(item);
    }
    if (found.length < limit) return { items: isBackward ? items.reverse() : items, isComplete: true };
    if (isBackward) before = found.at(-1)!.key;
    else after = found.at(-1)!.key;
  }
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
