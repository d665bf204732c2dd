/**
 * Combines the gets of one tick into one BatchGetItem, because an SDK call costs about half a millisecond of CPU whatever it
 * carries.
 *
 * One request asks for up to 100 different keys of all tables, either all consistent or none.
 */
import { BatchGetItemCommand, type KeysAndAttributes } from '@aws-sdk/client-dynamodb';
import { type Key, Unavailable } from '../ports/store.ts';
import type { DynamoCaller } from './dynamodb-calls.ts';
import { type Item, keyText, tableName, toKey } from './dynamodb-items.ts';
import { adapterLimits } from './limits.ts';

/** Everybody who asked for one key in one tick. */
interface Asked {
  readonly key: Key;
  readonly waiters: { resolve: (item: Item | undefined) => void; reject: (error: unknown) => void }[];
}

export class ReadBatches {
  readonly #caller: DynamoCaller;
  readonly #prefix: string;
  readonly #pending = { consistent: new Map<string, Asked>(), eventual: new Map<string, Asked>() };
  #isFlushPlanned = false;
  #underWay = 0;

  constructor(caller: DynamoCaller, prefix: string) {
    this.#caller = caller;
    this.#prefix = prefix;
  }

  get(key: Key, isConsistent: boolean): Promise<Item | undefined> {
    const pending = this.#pending[isConsistent ? 'consistent' : 'eventual'];
    const text = keyText(key);
    let asked = pending.get(text);
    if (asked === undefined) {
      if (pending.size >= adapterLimits.storeWaitingMax)
        return Promise.reject(new Unavailable(`${pending.size} reads are already waiting`));
      asked = { key, waiters: [] };
      pending.set(text, asked);
    }
    this.#planFlush();
    return new Promise((resolve, reject) => {
      asked.waiters.push({ resolve, reject });
    });
  }

  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushPlanned = false;
    for (const kind of ['consistent', 'eventual'] as const) {
      const pending = this.#pending[kind];
      while (pending.size > 0 && this.#underWay < adapterLimits.dynamoBatchesMax) {
        const batch = new Map<string, Asked>();
        for (const [text, asked] of pending) {
          batch.set(text, asked);
          pending.delete(text);
          if (batch.size === adapterLimits.dynamoReadKeysMax) break;
        }
        this.#underWay++;
        void this.#read(batch, kind === 'consistent').finally(() => {
          this.#underWay--;
          if (pending.size > 0) this.#planFlush();
        });
      }
    }
  }

  /** Settles every waiter of the batch, and never throws. */
  async #read(batch: Map<string, Asked>, isConsistent: boolean): Promise<void> {
    try {
      for (let fruitless = 0; batch.size > 0; ) {
        const asked = batch.size;
        await this.#readOnce(batch, isConsistent);
        if (batch.size === 0) return;
        // A response has at most 16 MB, so leftovers are common. There is a reason to give up only when nothing comes.
        fruitless = batch.size < asked ? 0 : fruitless + 1;
        if (fruitless > 0) this.#caller.troubles.throttles++;
        if (fruitless >= adapterLimits.dynamoTriesMax) throw new Unavailable('DynamoDB batchGet: some keys remain unprocessed');
        await this.#caller.pause(fruitless + 1);
      }
    } catch (error) {
      for (const { waiters } of batch.values()) for (const { reject } of waiters) reject(error);
    }
  }

  /** Answers the processed keys and takes them out of the batch. */
  async #readOnce(batch: Map<string, Asked>, isConsistent: boolean): Promise<void> {
    const request: Record<string, KeysAndAttributes> = {};
    for (const { key } of batch.values()) {
      const name = tableName(this.#prefix, key.table);
      request[name] ??= { Keys: [], ConsistentRead: isConsistent };
      request[name].Keys!.push(toKey(key));
    }
    const command = new BatchGetItemCommand({ RequestItems: request });
    const { Responses, UnprocessedKeys } = await this.#caller.call('batchGet', () => this.#caller.client.send(command));
    const found = new Map<string, Item>();
    for (const [name, items] of Object.entries(Responses ?? {}))
      for (const item of items) found.set(this.#textOf(name, item), item);
    const left = new Set<string>();
    for (const [name, { Keys }] of Object.entries(UnprocessedKeys ?? {}))
      for (const key of Keys ?? []) left.add(this.#textOf(name, key));
    for (const [text, { waiters }] of batch) {
      if (left.has(text)) continue;
      batch.delete(text);
      for (const { resolve } of waiters) resolve(found.get(text));
    }
  }

  #textOf(name: string, item: Item): string {
    const table = name.slice(this.#prefix.length) as Key['table'];
    return keyText({ table, partition: item.p!.S!, sort: item.s!.S! });
  }
}
