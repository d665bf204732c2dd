/**
 * Combines the unconditional puts and deletions of one tick into BatchWriteItem requests of 25.
 *
 * DynamoDB refuses a request that names a key twice, and requests may overtake each other. So of several waiting writes of a key
 * only the last is sent (the others resolve with it, because nobody could have seen what they did), and a write waits while an
 * earlier one of its key is being sent.
 */
import { BatchWriteItemCommand, type WriteRequest } from '@aws-sdk/client-dynamodb';
import { type Key, type Put, Unavailable } from '../ports/store.ts';
import type { DynamoCaller } from './dynamodb-calls.ts';
import { type Item, keyText, tableName, toItem, toKey } from './dynamodb-items.ts';
import { adapterLimits } from './limits.ts';

interface Waiting {
  readonly name: string;
  write: WriteRequest;
  bytes: number;
  readonly waiters: { resolve: () => void; reject: (error: unknown) => void }[];
}

export class WriteBatches {
  readonly #caller: DynamoCaller;
  readonly #prefix: string;
  readonly #pending = new Map<string, Waiting>();
  readonly #underWay = new Set<string>();
  readonly #batches = new Set<Promise<void>>();
  #pendingBytes = 0;
  #isFlushPlanned = false;

  constructor(caller: DynamoCaller, prefix: string) {
    this.#caller = caller;
    this.#prefix = prefix;
  }

  put(row: Put, version: string, bytes: number): Promise<void> {
    return this.#add(row, { PutRequest: { Item: toItem(row, version) } }, bytes);
  }

  delete(key: Key, bytes: number): Promise<void> {
    return this.#add(key, { DeleteRequest: { Key: toKey(key) } }, bytes);
  }

  #add(key: Key, write: WriteRequest, bytes: number): Promise<void> {
    if (this.#pending.size >= adapterLimits.storeWaitingMax || this.#pendingBytes + bytes > adapterLimits.storeWaitingBytesMax) {
      return Promise.reject(new Unavailable(`${this.#pending.size} writes of ${this.#pendingBytes} bytes are already waiting`));
    }
    const text = keyText(key);
    let waiting = this.#pending.get(text);
    this.#pendingBytes += bytes - (waiting?.bytes ?? 0);
    if (waiting === undefined) {
      waiting = { name: tableName(this.#prefix, key.table), write, bytes, waiters: [] };
      this.#pending.set(text, waiting);
    } else {
      waiting.write = write;
      waiting.bytes = bytes;
    }
    this.#planFlush();
    return new Promise((resolve, reject) => {
      waiting.waiters.push({ resolve, reject });
    });
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    setImmediate(() => this.#flush());
  }

  /** Resolves when nothing is waiting. */
  async drain(): Promise<void> {
    while (this.#pending.size > 0 || this.#batches.size > 0) {
      await Promise.all(this.#batches);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #flush(): void {
    this.#isFlushPlanned = false;
    while (this.#batches.size < adapterLimits.dynamoBatchesMax) {
      const batch = this.#takeBatch();
      if (batch.size === 0) return;
      const texts = [...batch.keys()];
      const done = this.#write(batch).then(() => {
        this.#batches.delete(done);
        for (const text of texts) this.#underWay.delete(text);
        if (this.#pending.size > 0) this.#planFlush();
      });
      this.#batches.add(done);
    }
  }

  #takeBatch(): Map<string, Waiting> {
    const batch = new Map<string, Waiting>();
    for (const [text, waiting] of this.#pending) {
      if (this.#underWay.has(text)) continue;
      batch.set(text, waiting);
      this.#pending.delete(text);
      this.#pendingBytes -= waiting.bytes;
      this.#underWay.add(text);
      if (batch.size === adapterLimits.dynamoWriteItemsMax) break;
    }
    return batch;
  }

  /** Settles every waiter of the batch, and never throws. */
  async #write(batch: Map<string, Waiting>): Promise<void> {
    try {
      for (let fruitless = 0; batch.size > 0; ) {
        const sent = batch.size;
        await this.#writeOnce(batch);
        if (batch.size === 0) return;
        fruitless = batch.size < sent ? 0 : fruitless + 1;
        this.#caller.troubles.throttles++;
        if (fruitless >= adapterLimits.dynamoTriesMax)
          throw new Unavailable('DynamoDB batchWrite: some items remain unprocessed');
        await this.#caller.pause(fruitless + 1);
      }
    } catch (error) {
      for (const { waiters } of batch.values()) for (const { reject } of waiters) reject(error);
    }
  }

  /** Answers the processed items and takes them out of the batch. */
  async #writeOnce(batch: Map<string, Waiting>): Promise<void> {
    const request: Record<string, WriteRequest[]> = {};
    for (const { name, write } of batch.values()) {
      request[name] ??= [];
      request[name].push(write);
    }
    const command = new BatchWriteItemCommand({ RequestItems: request });
    const { UnprocessedItems } = await this.#caller.call('batchWrite', () => this.#caller.client.send(command));
    const left = new Set<string>();
    for (const [name, writes] of Object.entries(UnprocessedItems ?? {})) {
      for (const { PutRequest, DeleteRequest } of writes) left.add(this.#textOf(name, PutRequest?.Item ?? DeleteRequest!.Key!));
    }
    for (const [text, { waiters }] of batch) {
      if (left.has(text)) continue;
      batch.delete(text);
      for (const { resolve } of waiters) resolve();
    }
  }

  #textOf(name: string, item: Item): string {
    const table = name.slice(this.#prefix.length) as Key['table'];
    return keyText({ table, partition: item.p!.S!, sort: item.s!.S! });
  }
}
