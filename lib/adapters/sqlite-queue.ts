/**
 * Takes writes from the main thread to the writing thread, and their outcomes back.
 *
 * The writes of one tick are sent in one message. The writer answers in order, so a queue of waiters is all the bookkeeping
 * needed. The worker is held (`ref`) only while somebody waits, so that an idle store does not keep the process alive.
 */
import { Worker } from 'node:worker_threads';
import { Unavailable } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';
import type { Answer, Batch, Outcome, Write } from './sqlite-writes.ts';

/** One call of the port. It may consist of several writes, and is done when `left` is 0. */
interface Waiter {
  left: number;
  readonly bytes: number;
  failed: string | undefined;
  answer: Answer | undefined;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: Unavailable) => void;
}

export class WriterQueue {
  readonly #worker: Worker;
  readonly #now: () => number;
  /** Writes since the last flush; their waiters are the last ones of `#waiters`. */
  #unsent: Write[] = [];
  /** One entry per write, oldest at `#head`. */
  #waiters: Waiter[] = [];
  #head = 0;
  #bytes = 0;
  #isFlushPlanned = false;
  /** Number of calls in `#unsent`; number of calls in the previous group; and the time when that left. */
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

  /** Resolves when all writes are durable. @throws {Unavailable} when any fails, or when too many are waiting */
  write(writes: readonly Write[], bytes: number): Promise<Answer | undefined> {
    if (this.#isClosing) return Promise.reject(new Unavailable('the store is closed'));
    if (this.#broken !== undefined) return Promise.reject(new Unavailable(this.#broken));
    const waiting = this.#waiters.length - this.#head;
    if (waiting + writes.length > adapterLimits.storeWaitingMax || this.#bytes + bytes > adapterLimits.storeWaitingBytesMax) {
      return Promise.reject(new Unavailable(`${waiting} writes of ${this.#bytes} bytes are already waiting for the disk`));
    }
    if (waiting === 0) this.#worker.ref();
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { left: writes.length, bytes, failed: undefined, answer: undefined, resolve, reject };
      for (const write of writes) {
        this.#unsent.push(write);
        this.#waiters.push(waiter);
      }
      this.#unsentCalls++;
      this.#planFlush();
    });
  }

  /**
   * A single writer does not wait. When there are several, the next group leaves a few milliseconds after the previous one: a
   * commit costs as much as fifty rows, whatever it holds.
   */
  #planFlush(): void {
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    const leftMs = this.#lastCalls > 1 ? this.#lastFlushMs + adapterLimits.sqliteCommitPaceMs - performance.now() : 0;
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
    const writes = this.#unsent;
    this.#unsent = [];
    this.#lastCalls = this.#unsentCalls;
    this.#unsentCalls = 0;
    this.#lastFlushMs = performance.now();
    if (this.#broken !== undefined) return;
    const now = this.#now();
    for (let from = 0; from < writes.length; from += adapterLimits.sqliteGroupWritesMax) {
      const batch: Batch = { writes: writes.slice(from, from + adapterLimits.sqliteGroupWritesMax), now };
      this.#worker.postMessage(batch);
    }
    if (last) this.#worker.postMessage({ writes: [], now, last } satisfies Batch);
  }

  #settle({ count, failed, answers }: Outcome): void {
    let nextAnswer = 0;
    for (let index = 0; index < count; index++) {
      const waiter = this.#waiters[this.#head++]!;
      if (answers[nextAnswer]?.[0] === index) waiter.answer = answers[nextAnswer++]![1];
      if (failed !== undefined) waiter.failed = failed;
      waiter.left--;
      if (waiter.left === 0) this.#finish(waiter);
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

  #finish(waiter: Waiter): void {
    this.#bytes -= waiter.bytes;
    if (waiter.failed === undefined) waiter.resolve(waiter.answer);
    else waiter.reject(new Unavailable(`SQLite: ${waiter.failed}`));
  }

  /** Waiting callers cannot know whether the last group was committed; Unavailable means exactly that. */
  #break(why: string): void {
    this.#broken ??= why;
    const waiters = new Set(this.#waiters.slice(this.#head));
    this.#waiters = [];
    this.#head = 0;
    for (const waiter of waiters) {
      waiter.failed = this.#broken;
      this.#finish(waiter);
    }
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
