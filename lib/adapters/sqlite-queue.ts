/**
 * Takes writes from the main thread to the writing thread, and their outcomes back.
 *
 * The writes of one tick are sent together, as bytes, so that rows which wait for the disk are not objects of this thread. The writer
 * answers in order, so a queue of waiters is all the bookkeeping needed. The worker is held (`ref`) only while somebody waits, so that an
 * idle store does not keep the process alive.
 */
import { Worker } from 'node:worker_threads';
import { Unavailable } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';
import { SpareMemory } from './spare-memory.ts';
import { PackedWrites } from './sqlite-packing.ts';
import type { Answer, Batch, Outcome } from './sqlite-writes.ts';

/** One call of the port. All of its writes are in one batch. */
interface Waiter {
  readonly count: number;
  readonly bytes: number;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: Unavailable) => void;
}

export class WriterQueue {
  readonly #worker: Worker;
  readonly #now: () => number;
  /** Batches that are full, and the one that is being filled. They leave with the next flush. */
  #full: PackedWrites[] = [];
  #open: PackedWrites | undefined;
  readonly #memory = new SpareMemory();
  /** One entry per call, oldest at `#head`. */
  #waiters: Waiter[] = [];
  #head = 0;
  /** What has no answer yet. */
  #count = 0;
  #bytes = 0;
  #isFlushPlanned = false;
  /** Number of calls since the last flush; number of calls in the previous group; and the time when that left. */
  #unsentCalls = 0;
  #lastCalls = 0;
  #lastFlushMs = 0;
  #isClosing = false;
  #broken: string | undefined;
  readonly #exit: Promise<void>;

  constructor(worker: Worker, now: () => number) {
    this.#worker = worker;
    this.#now = now;
    worker.on('message', (message: Outcome | 'ready') => {
      if (message !== 'ready') this.#settle(message);
    });
    worker.on('error', (error) => this.#break(`the writer died: ${error.message}`));
    this.#exit = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#break('the writer has ended');
        resolve();
      });
    });
  }

  /**
   * Resolves when all writes are durable.
   * @param count of the writes, at most `sqliteGroupWritesMax`
   * @param bytes of their keys and values
   * @param pack adds the writes; it is called at once
   * @throws {Unavailable} when any fails, or when too many are waiting
   */
  write(count: number, bytes: number, pack: (packed: PackedWrites) => void): Promise<Answer | undefined> {
    if (this.#isClosing) return Promise.reject(new Unavailable('the store is closed'));
    if (this.#broken !== undefined) return Promise.reject(new Unavailable(this.#broken));
    if (this.#count + count > adapterLimits.storeWaitingMax || this.#bytes + bytes > adapterLimits.storeWaitingBytesMax) {
      return Promise.reject(new Unavailable(`${this.#count} writes of ${this.#bytes} bytes are already waiting for the disk`));
    }
    const isAlone = this.#count === 0;
    if (isAlone) this.#worker.ref();
    this.#count += count;
    this.#bytes += bytes;
    pack(this.#batchFor(count, bytes));
    this.#unsentCalls++;
    this.#planFlush(isAlone);
    return new Promise((resolve, reject) => this.#waiters.push({ count, bytes, resolve, reject }));
  }

  #batchFor(count: number, bytes: number): PackedWrites {
    const open = this.#open;
    if (open !== undefined) {
      if (open.count + count <= adapterLimits.sqliteGroupWritesMax && open.length + bytes <= adapterLimits.sqliteBatchBytesMax)
        return open;
      this.#full.push(open);
    }
    this.#open = new PackedWrites(this.#memory.take());
    return this.#open;
  }

  /**
   * A single writer does not wait. When there are several, the next group leaves a few milliseconds after the previous one: a
   * commit costs as much as fifty rows, whatever it holds.
   * @param isAlone nobody else waits for the disk
   */
  #planFlush(isAlone: boolean): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    const hasNeighbours = !isAlone || this.#lastCalls > 1;
    const leftMs = hasNeighbours ? this.#lastFlushMs + adapterLimits.sqliteCommitPaceMs - performance.now() : 0;
    if (leftMs > 0) setTimeout(() => this.#flush(), leftMs);
    else setImmediate(() => this.#flush());
  }

  /** Waits for all writes, then for the writer to close its file. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#broken !== undefined) return this.#exit;
    this.#worker.ref();
    this.#flush({ last: true });
    await this.#exit;
  }

  #flush({ last } = { last: false }): void {
    this.#isFlushPlanned = false;
    const batches = this.#open === undefined ? this.#full : [...this.#full, this.#open];
    this.#full = [];
    this.#open = undefined;
    this.#lastCalls = this.#unsentCalls;
    this.#unsentCalls = 0;
    this.#lastFlushMs = performance.now();
    if (this.#broken !== undefined) return;
    const now = this.#now();
    for (const batch of batches) this.#send({ bytes: batch.take(), count: batch.count, now });
    if (last) this.#send({ bytes: new Uint8Array(0), count: 0, now, last });
  }

  #send(batch: Batch): void {
    this.#memory.used(batch.bytes.length);
    this.#worker.postMessage(batch, [batch.bytes.buffer]);
  }

  #settle({ count, failed, answers, memory }: Outcome): void {
    this.#memory.giveBack(memory);
    const error = failed === undefined ? undefined : `SQLite: ${failed}`;
    let nextAnswer = 0;
    for (let at = 0; at < count; ) {
      const waiter = this.#waiters[this.#head++]!;
      at += waiter.count;
      let answer: Answer | undefined;
      while (nextAnswer < answers.length && answers[nextAnswer]![0] < at) answer = answers[nextAnswer++]![1];
      this.#finish(waiter, answer, error);
    }
    if (this.#head === this.#waiters.length) {
      this.#waiters = [];
      this.#head = 0;
      if (!this.#isClosing) this.#worker.unref();
    } else if (this.#head > adapterLimits.sqliteGroupWritesMax) {
      this.#waiters = this.#waiters.slice(this.#head);
      this.#head = 0;
    }
  }

  #finish({ count, bytes, resolve, reject }: Waiter, answer: Answer | undefined, error: string | undefined): void {
    this.#count -= count;
    this.#bytes -= bytes;
    if (error === undefined) resolve(answer);
    else reject(new Unavailable(error));
  }

  /** Waiting callers cannot know whether the last group was committed; Unavailable means exactly that. */
  #break(why: string): void {
    this.#broken ??= why;
    const waiters = this.#waiters.slice(this.#head);
    this.#waiters = [];
    this.#head = 0;
    this.#full = [];
    this.#open = undefined;
    for (const waiter of waiters) this.#finish(waiter, undefined, this.#broken);
  }
}

/** The writer's file: beside this one, or beside the bundle that includes this one. */
const writer = import.meta.url.endsWith('.ts') ? './sqlite-writer.ts' : './sqlite-writer.mjs';

/** Resolves when the writer has opened its file. */
export async function openWriterQueue(path: string, now: () => number): Promise<WriterQueue> {
  const worker = new Worker(new URL(writer, import.meta.url), { workerData: path });
  const queue = new WriterQueue(worker, now);
  worker.ref();
  await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', resolve);
  });
  worker.unref();
  return queue;
}
