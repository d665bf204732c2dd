/**
 * Rows of one owner: every key starts with the tenant's domain, which is given once, where the scope is made, and
 * cannot be named again. Domains hold no `/` and no `#`, so two tenants' keys never meet.
 *
 *     example.org/a/juliet   an account         example.org/r/garden   a room
 *     example.org/t          the tenant         example.org/d/0..15    its directory of accounts, rooms and nodes
 *     example.org/p/<hash>   a node of its pubsub service, by a hash because its name may contain any character
 *     example.org/c          the tenant's certificate and what belongs to it
 *     example.org/f          its secrets towards other servers
 *     example.org/s/0..63    what waits for other servers
 *     #nodes                 the deployment itself
 *
 * Every kind of partition is made here and nowhere else, so that the erasure of a tenant can be checked to know them all.
 */
import { hash } from 'node:crypto';
import { portLimits } from '../ports/limits.ts';
import type { Condition, IndexedRow, Key, Put, Row, RowText, Store } from '../ports/store.ts';
import { StanzaError } from '../xmpp/errors.ts';
import type { Collection, OwnerKind } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { rowValue } from './row-values.ts';

export interface Item<Value> {
  readonly key: string;
  readonly value: Value;
  readonly version: string;
}

export interface ListOptions {
  readonly limit: number;
  readonly after?: string;
  readonly before?: string;
  readonly backward?: boolean;
}

/** What a search looks for: {@link Search}. */
export interface SearchOptions extends ListOptions {
  readonly words: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
}

function tooLong(): StanzaError {
  return new StanzaError('not-acceptable', 'a name or an address is too long for this server');
}

/** UTF-8 takes at most three bytes for a UTF-16 unit: the common key is short and not counted. */
function isTooLong(key: string): boolean {
  return key.length * 3 > portLimits.storeKeyBytesMax && Buffer.byteLength(key) > portLimits.storeKeyBytesMax;
}

function itemOf<Value>(prefix: string, { sort, value, version }: Row): Item<Value> {
  return { key: sort.slice(prefix.length), value: JSON.parse(value) as Value, version };
}

interface DeleteOptions<Value> extends Pick<ListOptions, 'after' | 'before'> {
  readonly mayDelete?: () => void;
  readonly isToGo?: (value: Value) => boolean;
}

export class Rows {
  readonly partition: string;
  readonly #kind: OwnerKind;
  readonly #store: Store;

  private constructor(store: Store, kind: OwnerKind, partition: string) {
    this.#store = store;
    this.#kind = kind;
    this.partition = partition;
  }

  static ofAccount(store: Store, domain: string, local: string): Rows {
    return new Rows(store, 'account', `${domain}/a/${local}`);
  }

  static ofRoom(store: Store, domain: string, room: string): Rows {
    return new Rows(store, 'room', `${domain}/r/${room}`);
  }

  /** @param node the name of a node of the tenant's pubsub service */
  static ofPubsub(store: Store, domain: string, node: string): Rows {
    return new Rows(store, 'pubsub', `${domain}/p/${hash('sha256', node, 'base64url')}`);
  }

  static ofTenant(store: Store, domain: string): Rows {
    return new Rows(store, 'tenant', `${domain}/t`);
  }

  static ofCertificate(store: Store, domain: string): Rows {
    return new Rows(store, 'certificate', `${domain}/c`);
  }

  static ofFederation(store: Store, domain: string): Rows {
    return new Rows(store, 'federation', `${domain}/f`);
  }

  /** What waits for other servers, by the shard of the pair of domains. */
  static ofOutbox(store: Store, domain: string, shard: number): Rows {
    return new Rows(store, 'outbox', `${domain}/s/${shard}`);
  }

  /** One of the partitions that list a tenant's accounts, rooms or nodes. */
  static ofDirectory(store: Store, domain: string, part: number): Rows {
    return new Rows(store, 'directory', `${domain}/d/${part}`);
  }

  static ofDeployment(store: Store, name: string): Rows {
    return new Rows(store, 'deployment', `#${name}`);
  }

  /** @throws {StanzaError} not-acceptable, when an address makes the key longer than a store takes */
  keyOf(collection: Collection<unknown>, key: string): Key {
    if (collection.owner !== this.#kind && collection.alsoOf !== this.#kind) {
      throw new Error(`rows of '${collection.name}' belong under a partition of kind ${collection.owner}, not ${this.#kind}`);
    }
    const sort = key === '' ? collection.prefix : collection.prefix + key;
    if (isTooLong(this.partition) || isTooLong(sort)) throw tooLong();
    return { table: collection.table, partition: this.partition, sort };
  }

  /** The keys between which rows are looked for. @throws {StanzaError} as `keyOf` */
  #rangeOf({ prefix }: Collection<unknown>, { after, before }: Pick<ListOptions, 'after' | 'before'>) {
    const [from, to] = [after, before].map((key) => (key === undefined ? undefined : prefix + key));
    if ([from, to].some((key) => key !== undefined && isTooLong(key))) throw tooLong();
    return { after: from, before: to };
  }

  /** Keys of the collections' single rows. */
  keysOf(collections: readonly Collection<unknown>[]): Key[] {
    return collections.map((collection) => this.keyOf(collection, ''));
  }

  async get<Value>(collection: Collection<Value>, key = ''): Promise<Item<Value> | undefined> {
    const row = await this.#store.get(this.keyOf(collection, key), { consistent: true });
    return row && { key, value: rowValue<Value>(row), version: row.version };
  }

  /** Those of a collection's rows that are there, in this order, by one read. */
  async getMany<Value>(collection: Collection<Value>, keys: readonly string[]): Promise<Item<Value>[]> {
    if (keys.length === 0) return [];
    const found = await this.#store.batchGet(
      keys.map((key) => this.keyOf(collection, key)),
      { consistent: true },
    );
    return found.flatMap((row, index) => (row ? [{ key: keys[index]!, value: rowValue<Value>(row), version: row.version }] : []));
  }

  /** The values of several collections' single rows, in order, by one read. */
  async getAll(collections: readonly Collection<unknown>[]): Promise<unknown[]> {
    const rows = await this.#store.batchGet(this.keysOf(collections), { consistent: true });
    return rows.map((row) => row && rowValue(row));
  }

  async list<Value>(collection: Collection<Value>, options: ListOptions): Promise<Item<Value>[]> {
    const { prefix } = collection;
    const { table, partition } = this.keyOf(collection, '');
    const rows = await this.#store.query({
      table,
      partition,
      prefix,
      ...this.#rangeOf(collection, options),
      direction: options.backward ? 'backward' : 'forward',
      limit: options.limit,
      consistent: true,
    });
    return rows.map((row) => itemOf<Value>(prefix, row));
  }

  /** Those of a collection's rows that have all words, where the store keeps an index of words. */
  async search<Value>(collection: Collection<Value>, options: SearchOptions): Promise<Item<Value>[]> {
    const { prefix } = collection;
    const { partition } = this.keyOf(collection, '');
    const { words, fromMs, untilMs, limit, backward } = options;
    const rows = await this.#store.search!({
      ...{ partition, prefix, words, fromMs, untilMs, limit },
      ...this.#rangeOf(collection, options),
      direction: backward ? 'backward' : 'forward',
    });
    return rows.map((row) => itemOf<Value>(prefix, row));
  }

  /** Has these rows found by their texts. */
  index(collection: Collection<unknown>, rows: readonly { key: string; version: string; text: RowText }[]): Promise<void> {
    const entries = rows.map(({ key, version, text }): IndexedRow => ({ ...this.keyOf(collection, key), version, text }));
    return this.#store.index!(entries);
  }

  /** The row as `Store.batchPut` takes it, so that it can be written together with others. */
  row<Value>(collection: Collection<Value>, key: string, value: Value, expiresAtMs?: number, text?: RowText): Put {
    const { table, partition, sort } = this.keyOf(collection, key);
    return { table, partition, sort, value: JSON.stringify(value), expiresAtMs, text };
  }

  /** @returns the new version. @throws {Conflict} */
  put<Value>(
    collection: Collection<Value>,
    key: string,
    value: Value,
    condition?: Condition,
    expiresAtMs?: number,
  ): Promise<string> {
    return this.#store.put(this.row(collection, key, value, expiresAtMs), condition);
  }

  delete(collection: Collection<unknown>, key = '', condition?: { version: string }): Promise<boolean> {
    return this.#store.delete(this.keyOf(collection, key), condition);
  }

  /** Deletes rows whatever their versions, also those that are not there. After a throw any of them may be gone. */
  deleteMany(collection: Collection<unknown>, keys: readonly string[]): Promise<void> {
    return this.#store.batchDelete(keys.map((key) => this.keyOf(collection, key)));
  }

  /**
   * Deletes all rows of a collection in a range, page by page.
   * @param mayDelete runs before each page is deleted, and may throw to stop
   * @param isToGo of each row; without it all go
   */
  async deleteAll<Value>(
    collection: Collection<Value>,
    { mayDelete = () => {}, isToGo = () => true, ...range }: DeleteOptions<Value> = {},
  ): Promise<void> {
    const limit = runtimeLimits.eraseRowsMax;
    let { after } = range;
    for (;;) {
      const page = await this.list(collection, { limit, ...range, after });
      mayDelete();
      const going = page.filter(({ value }) => isToGo(value));
      await this.deleteMany(
        collection,
        going.map(({ key }) => key),
      );
      if (page.length < limit) return;
      if (going.length < limit) after = page.at(-1)!.key;
    }
  }

  add(collection: Collection<number>, by: number, key = ''): Promise<number> {
    return this.#store.add(this.keyOf(collection, key), by);
  }
}

/** The values of a collection's single row of each of these owners, in order, by one read. */
export async function singleRows<Value>(
  store: Store,
  owners: readonly Rows[],
  collection: Collection<Value>,
): Promise<(Value | undefined)[]> {
  const rows = await store.batchGet(
    owners.map((one) => one.keyOf(collection, '')),
    { consistent: true },
  );
  return rows.map((row) => row && rowValue<Value>(row));
}
