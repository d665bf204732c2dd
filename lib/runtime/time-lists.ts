/**
 * What the deployment has to do when its time has come, in order of time, for whoever looks for it:
 *
 *     #<name>-<number>     <collection>/<time> <id>
 *
 * One partition of DynamoDB takes a thousand writes a second, so there are several lists of a kind. The id says in which one a row
 * stands.
 */
import { createHash } from 'node:crypto';
import type { Put, Store } from '../ports/store.ts';
import type { Collection } from './collection.ts';
import { Rows } from './rows.ts';

export interface Listed<Value> {
  readonly value: Value;
  readonly list: string;
  /** Its key in the list. */
  readonly key: string;
}

export class TimeLists<Value> {
  readonly #rows: Collection<Value>;
  readonly #own: readonly string[];
  /** The names of all lists that are read. */
  readonly names: readonly string[];

  /** @param others lists that are read, and get no new rows */
  constructor(rows: Collection<Value>, name: string, count: number, others: readonly string[] = []) {
    this.#rows = rows;
    this.#own = Array.from({ length: count }, (_, number) => `${name}-${number}`);
    this.names = [...this.#own, ...others];
  }

  /** @param ms since the epoch */
  put(store: Store, ms: number, id: string, value: Value): Put {
    return Rows.ofDeployment(store, this.#listOf(id)).row(this.#rows, `${timeKey(ms)} ${id}`, value);
  }

  /** @param list where it stands, unless its id says so */
  remove(store: Store, ms: number, id: string, list?: string): Promise<boolean> {
    return this.removeListed(store, { list: list ?? this.#listOf(id), key: `${timeKey(ms)} ${id}` });
  }

  removeListed(store: Store, { list, key }: Pick<Listed<Value>, 'list' | 'key'>): Promise<boolean> {
    return Rows.ofDeployment(store, list).delete(this.#rows, key);
  }

  /** Those before this time, in order of time, at most `limit`. @param lists where to look */
  async before(store: Store, ms: number, limit: number, lists = this.names): Promise<Listed<Value>[]> {
    const found = await Promise.all(
      lists.map(async (list) => {
        const items = await Rows.ofDeployment(store, list).list(this.#rows, { limit, before: timeKey(ms) });
        return items.map(({ key, value }) => ({ key, value, list }));
      }),
    );
    return found
      .flat()
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, limit);
  }

  /** All of them, counted up to `limit` in each list. */
  async count(store: Store, limit: number): Promise<number> {
    const counts = await Promise.all(
      this.names.map(async (list) => (await Rows.ofDeployment(store, list).list(this.#rows, { limit })).length),
    );
    return counts.reduce((sum, count) => sum + count);
  }

  #listOf(id: string): string {
    return this.#own[createHash('sha1').update(id).digest().readUInt16BE() % this.#own.length]!;
  }
}

function timeKey(ms: number): string {
  return String(Math.max(0, Math.floor(ms))).padStart(15, '0');
}
