/**
 * The Store port on DynamoDB: three tables with text keys.
 *
 * Gets, and unconditional puts and deletions of batches, of one tick share requests; every other call is a request of its own.
 * Overlapping calls have no order, except such writes of one key, which take effect in the order of the calls.
 */
import {
  type ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { portLimits } from '../ports/limits.ts';
import {
  type Condition,
  type Key,
  type Put,
  type Query,
  type ReadOptions,
  type Row,
  type Store,
  Unavailable,
} from '../ports/store.ts';
import { DynamoCaller, type DynamoCalls, type DynamoOptions, type DynamoTroubles, type Tries } from './dynamodb-calls.ts';
import { conflict, type Item, isExpired, tableName, toItem, toKey, toRow } from './dynamodb-items.ts';
import { ReadBatches } from './dynamodb-reads.ts';
import { WriteBatches } from './dynamodb-writes.ts';
import { adapterLimits } from './limits.ts';
import { isWithin, type SortRange, sortRange } from './sort-range.ts';
import {
  checkBatch,
  checkKey,
  checkPut,
  checkQuery,
  checkStep,
  counterOverflow,
  notACounter,
  nowSeconds,
} from './store-checks.ts';

export type { DynamoCalls, DynamoOptions } from './dynamodb-calls.ts';
export { createTables } from './dynamodb-tables.ts';

export interface DynamoStore extends Store {
  readonly calls: Readonly<DynamoCalls>;
  readonly troubles: Readonly<DynamoTroubles>;
}

/** Does not connect: the tables may be out of reach or missing when a service starts. */
export async function openDynamoStore(options: DynamoOptions): Promise<DynamoStore> {
  return new TableStore(options);
}

class TableStore implements DynamoStore {
  readonly #caller: DynamoCaller;
  readonly #reads: ReadBatches;
  readonly #writes: WriteBatches;
  readonly #prefix: string;
  readonly #epoch: string;
  #counter = 0;
  #closed: Promise<void> | undefined;

  constructor(options: DynamoOptions) {
    this.#prefix = options.tablePrefix;
    this.#caller = new DynamoCaller(options);
    this.#reads = new ReadBatches(this.#caller, this.#prefix);
    this.#writes = new WriteBatches(this.#caller, this.#prefix);
    this.#epoch = options.clock.randomBytes(9).toString('base64url');
  }

  get calls(): Readonly<DynamoCalls> {
    return this.#caller.calls;
  }

  get troubles(): Readonly<DynamoTroubles> {
    return this.#caller.troubles;
  }

  async get(key: Key, { consistent }: ReadOptions): Promise<Row | undefined> {
    checkKey(key);
    return this.#toRow(await this.#reads.get(key, consistent));
  }

  async batchGet(keys: readonly Key[], { consistent }: ReadOptions): Promise<(Row | undefined)[]> {
    checkBatch(keys);
    const items = await Promise.all(keys.map((key) => this.#reads.get(key, consistent)));
    return items.map((item) => this.#toRow(item));
  }

  /** Reads pages until the limit is filled or the partition ends. Expired rows that DynamoDB has not removed yet do not count. */
  async query(query: Query): Promise<Row[]> {
    checkQuery(query);
    const range = sortRange(query);
    if (range === undefined) return [];
    const condition = keyCondition(query, range);
    const rows: Row[] = [];
    let start: Item | undefined;
    do {
      const command = new QueryCommand({
        TableName: tableName(this.#prefix, query.table),
        ...condition,
        ConsistentRead: query.consistent,
        ScanIndexForward: query.direction !== 'backward',
        Limit: query.limit - rows.length + 2, // BETWEEN includes both ends
        ...(start !== undefined && { ExclusiveStartKey: start }),
      });
      const page = await this.#caller.call('query', () => this.#caller.client.send(command));
      for (const item of page.Items ?? []) {
        const row = this.#toRow(item);
        if (row !== undefined && isWithin(range, row.sort) && rows.length < query.limit) rows.push(row);
      }
      start = page.LastEvaluatedKey;
    } while (start !== undefined && rows.length < query.limit);
    return rows;
  }

  async put(row: Put, condition?: Condition): Promise<string> {
    const bytes = checkPut(row);
    this.#checkOpen();
    const version = this.#mintVersion();
    if (condition === undefined) await this.#writes.put(row, version, bytes);
    else await this.#putIf(row, version, condition);
    return version;
  }

  async batchPut(rows: readonly Put[]): Promise<void> {
    const sizes = rows.map(checkPut); // all are checked before the first is written
    await this.#writeAll(rows, (row, at) => this.#writes.put(row, this.#mintVersion(), sizes[at]!));
  }

  async batchDelete(keys: readonly Key[]): Promise<void> {
    const sizes = keys.map(checkKey);
    await this.#writeAll(keys, (key, at) => this.#writes.delete(key, sizes[at]!));
  }

  /** @throws the error of the first write that fails, when all of its slice have ended */
  async #writeAll<Written>(all: readonly Written[], write: (one: Written, at: number) => Promise<void>): Promise<void> {
    const sliceMax = portLimits.storeBatchKeysMax;
    for (let from = 0; from < all.length; from += sliceMax) {
      this.#checkOpen();
      const writes = all.slice(from, from + sliceMax).map((one, i) => write(one, from + i));
      const failed = (await Promise.allSettled(writes)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    }
  }

  /**
   * After a try without an answer, a conditional delete that finds no row cannot know who removed it, so it throws Unavailable.
   */
  async delete(key: Key, condition?: { readonly version: string }): Promise<boolean> {
    checkKey(key);
    const command = new DeleteItemCommand({
      TableName: tableName(this.#prefix, key.table),
      Key: toKey(key),
      ReturnValues: 'ALL_OLD',
      ...(condition !== undefined && {
        ConditionExpression: 'attribute_not_exists(p) OR w = :version',
        ExpressionAttributeValues: { ':version': { S: condition.version } },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    });
    const tries: Tries = { isUncertain: false };
    try {
      const { Attributes } = await this.#caller.call('delete', () => this.#caller.client.send(command), tries);
      if (Attributes === undefined && condition !== undefined && tries.isUncertain) {
        throw new Unavailable(`DynamoDB delete: an earlier try may have removed ${key.table} ${key.partition} ${key.sort}`);
      }
      return this.#toRow(Attributes) !== undefined;
    } catch (error) {
      if (this.#toRow(await this.#itemBehind(error, key)) === undefined) return false;
      throw conflict(key);
    }
  }

  async add(key: Key, by: number): Promise<number> {
    checkKey(key);
    checkStep(by);
    const version = this.#mintVersion();
    const command = new UpdateItemCommand({
      TableName: tableName(this.#prefix, key.table),
      Key: toKey(key),
      UpdateExpression: 'SET w = :version ADD n :by',
      // An absent row, or a counter that stays within bounds: rows with a value have no n.
      ConditionExpression: 'attribute_not_exists(p) OR n BETWEEN :least AND :most',
      ExpressionAttributeValues: {
        ':version': { S: version },
        ':by': { N: `${by}` },
        ':least': { N: `${-Number.MAX_SAFE_INTEGER - Math.min(by, 0)}` },
        ':most': { N: `${Number.MAX_SAFE_INTEGER - Math.max(by, 0)}` },
      },
      ReturnValues: 'UPDATED_NEW',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    for (let attempt = 1; attempt <= adapterLimits.dynamoTriesMax; attempt++) {
      try {
        const { Attributes } = await this.#caller.call('update', () => this.#caller.client.send(command));
        return Number(Attributes!.n!.N);
      } catch (error) {
        const item = await this.#itemBehind(error, key);
        const counter = item?.n?.N;
        if (counter !== undefined && !Number.isSafeInteger(Number(counter) + by)) throw counterOverflow(key);
        if (counter !== undefined) continue;
        if (this.#toRow(item) !== undefined) throw notACounter(key);
        // An expired row counts as absent, but ADD would keep its expiry, so the row is deleted first.
        if (item !== undefined) await this.#removeExpired(key, item);
      }
    }
    throw new Unavailable(`DynamoDB update: other writers keep changing ${key.table} ${key.partition} ${key.sort}`);
  }

  /** Lets running calls finish. */
  close(): Promise<void> {
    this.#closed ??= this.#writes.drain().then(() => this.#caller.close());
    return this.#closed;
  }

  async #putIf(row: Put, version: string, condition: Condition): Promise<void> {
    const now = { N: `${this.#now()}` };
    const command = new PutItemCommand({
      TableName: tableName(this.#prefix, row.table),
      Item: toItem(row, version),
      ...(condition === 'absent'
        ? { ConditionExpression: 'attribute_not_exists(p) OR e <= :now', ExpressionAttributeValues: { ':now': now } }
        : {
            ConditionExpression: 'w = :version AND (attribute_not_exists(e) OR e > :now)',
            ExpressionAttributeValues: { ':now': now, ':version': { S: condition.version } },
          }),
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    const tries: Tries = { isUncertain: false };
    try {
      await this.#caller.call('put', () => this.#caller.client.send(command), tries);
    } catch (error) {
      if (!isConditionFailure(error)) throw error;
      if (!tries.isUncertain) throw conflict(row);
      // The conflicting row may come from an earlier try of this call.
      const item = await this.#itemBehind(error, row);
      if (item?.w?.S !== version) {
        throw new Unavailable(`DynamoDB put: an earlier try may have written ${row.table} ${row.partition} ${row.sort}`);
      }
    }
  }

  /** The item that made a condition fail. @throws the error itself when it is of another kind */
  async #itemBehind(error: unknown, key: Key): Promise<Item | undefined> {
    if (!isConditionFailure(error)) throw error;
    if (error.Item !== undefined) return error.Item;
    // COMPAT: dynalite 4.0.0 leaves the item out.
    const command = new GetItemCommand({ TableName: tableName(this.#prefix, key.table), Key: toKey(key), ConsistentRead: true });
    return (await this.#caller.call('get', () => this.#caller.client.send(command))).Item;
  }

  /** Deletes the item only if it is exactly the one that was read. */
  async #removeExpired(key: Key, item: Item): Promise<void> {
    const command = new DeleteItemCommand({
      TableName: tableName(this.#prefix, key.table),
      Key: toKey(key),
      ConditionExpression: 'w = :version',
      ExpressionAttributeValues: { ':version': item.w! },
    });
    try {
      await this.#caller.call('delete', () => this.#caller.client.send(command));
    } catch (error) {
      if (!isConditionFailure(error)) throw error; // somebody else was first, so the next turn looks again
    }
  }

  /** While the store closes, puts that wait for a batch are still sent and new ones are refused. */
  #checkOpen(): void {
    if (this.#closed !== undefined) throw new Unavailable('the store is closed');
  }

  #mintVersion(): string {
    return `${this.#epoch}.${(this.#counter++).toString(36)}`;
  }

  #now(): number {
    return nowSeconds(this.#caller.clock.now());
  }

  #toRow(item: Item | undefined): Row | undefined {
    return item === undefined || isExpired(item, this.#now()) ? undefined : toRow(item);
  }
}

function isConditionFailure(error: unknown): error is ConditionalCheckFailedException {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}

type KeyCondition = Pick<ConstructorParameters<typeof QueryCommand>[0], 'KeyConditionExpression' | 'ExpressionAttributeValues'>;

/** DynamoDB takes one condition on the sort key. Its BETWEEN includes both ends; the caller drops an end that is not wanted. */
function keyCondition({ partition }: Query, { lower, upper }: SortRange): KeyCondition {
  const values: Item = { ':p': { S: partition } };
  if (lower !== undefined) values[':lower'] = { S: lower.at };
  if (upper !== undefined) values[':upper'] = { S: upper.at };
  return {
    KeyConditionExpression: ['p = :p', ...sortCondition({ lower, upper })].join(' AND '),
    ExpressionAttributeValues: values,
  };
}

function sortCondition({ lower, upper }: SortRange): string[] {
  if (lower !== undefined && upper !== undefined) return ['s BETWEEN :lower AND :upper'];
  if (lower !== undefined) return [lower.inclusive ? 's >= :lower' : 's > :lower'];
  if (upper !== undefined) return [upper.inclusive ? 's <= :upper' : 's < :upper'];
  return [];
}
