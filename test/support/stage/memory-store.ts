/**
 * A store in memory that keeps the Store port's contract (simulator-ports.test.ts): opening one costs nothing, where SQLite starts a
 * thread and makes files. As with SQLite, a read is answered at once and a write takes a turn of the event loop, so that what runs at the
 * same time can meet; writes take effect in the order of the calls. Rows are found by their words at once.
 */
import { checkIndexed, checkSearch } from '../../../lib/adapters/store-checks.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { IndexedRow, Put, Query, Row, RowText, Search, Store } from '../../../lib/ports/store.ts';
import { wordsOf } from '../../../lib/xmpp/words.ts';
import { SimStore, type StoreLink } from '../../simulator/sim-store.ts';
import { StoreRows } from '../../simulator/store-rows.ts';

const link: StoreLink = async (apply, writes) => (writes ? inATurn(apply) : apply());

function inATurn<Answer>(apply: () => Answer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(apply());
      } catch (error) {
        reject(error);
      }
    });
  });
}

class MemoryStore extends SimStore {
  readonly keepsOrder = true;
  readonly #rows: StoreRows;
  /** By table, partition and sort key; the value tells whether the row is still the one that was written with the text. */
  readonly #texts: Map<string, Pick<Put, 'text' | 'value'>>;

  constructor(rows: StoreRows) {
    const texts = new Map<string, Pick<Put, 'text' | 'value'>>();
    super(rows, link, { onPut: (row) => void texts.set(nameOf(row.partition, row.sort), row) });
    this.#rows = rows;
    this.#texts = texts;
  }

  async search(search: Search): Promise<Row[]> {
    checkSearch(search);
    const query: Query = { ...search, table: 'archive', consistent: true };
    const all = this.#rows.query({ ...query, limit: Number.MAX_SAFE_INTEGER });
    return all.filter((row) => this.#isFound(row, search)).slice(0, search.limit);
  }

  #isFound({ partition, sort, value }: Row, { words, fromMs, untilMs }: Search): boolean {
    const known = this.#texts.get(nameOf(partition, sort));
    if (known?.text === undefined || known.value !== value) return false;
    const { text, atMs } = known.text;
    const found = wordsOf(text);
    return atMs >= fromMs && atMs <= untilMs && words.every((word) => found.has(word));
  }

  index(rows: readonly IndexedRow[]): Promise<void> {
    for (const row of rows) checkIndexed(row);
    return inATurn(() => {
      for (const { table, partition, sort, version, text } of rows) {
        const row = this.#rows.get({ table, partition, sort });
        if (row?.version === version) this.#texts.set(nameOf(partition, sort), { value: row.value, text: wordsIn(text) });
      }
    });
  }
}

function wordsIn(text: RowText): RowText | undefined {
  return text.text === '' ? undefined : text;
}

function nameOf(partition: string, sort: string): string {
  return `${partition} ${sort}`;
}

export function memoryStore(clock: Clock): Store {
  return new MemoryStore(new StoreRows(() => clock.now()));
}
