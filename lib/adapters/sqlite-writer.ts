/**
 * The writing thread of the embedded store.
 *
 * It commits in groups: all writes that came while the previous commit waited for the disk form the next transaction, so one
 * fsync pays for many writes. A condition that does not hold fails only its own write. An error of SQLite (disk full, I/O) fails
 * the whole group, which is rolled back; the thread goes on with the next group, which succeeds as soon as there is space again.
 *
 * Between the groups it files the words of rows that were written with a text (`sqlite-words.ts`).
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { adapterLimits } from './limits.ts';
import { unpackWrites } from './sqlite-packing.ts';
import { openWriter } from './sqlite-schema.ts';
import { prepareWrites } from './sqlite-statements.ts';
import { prepareIndex } from './sqlite-words.ts';
import type { Answer, Batch, Carried, Outcome } from './sqlite-writes.ts';

const port = parentPort!;
const db = openWriter(workerData as string);
const words = prepareIndex(db);
const perform = prepareWrites(db, words);
let filing: NodeJS.Timeout | undefined;
/** When words were last filed. */
let filedMs = -adapterLimits.sqliteIndexDelayMs;

/** Takes whatever else waits at the port, up to the bound. */
function gather(first: Batch): Batch[] {
  const group = [first];
  let count = first.count;
  while (count < adapterLimits.sqliteGroupWritesMax && !group.at(-1)!.last) {
    const next = receiveMessageOnPort(port);
    if (next === undefined) break;
    const batch = next.message as Batch;
    group.push(batch);
    count += batch.count;
  }
  return group;
}

function commit(group: readonly Batch[], count: number): Carried {
  const answers: [number, Answer][] = [];
  let index = 0;
  let hasText = false;
  try {
    db.exec('BEGIN IMMEDIATE');
    for (const { bytes, now } of group) {
      unpackWrites(bytes, (write) => {
        const answer = perform(write, now);
        if (answer !== undefined) answers.push([index, answer]);
        index++;
        hasText ||= write.kind === 'index';
      });
    }
    db.exec('COMMIT');
    if (hasText) fileWords(filedMs + adapterLimits.sqliteIndexDelayMs - performance.now());
    return { count, answers };
  } catch (error) {
    const { message, errstr } = error as { message: string; errstr?: string };
    return { count, answers: [], failed: rollBack() ?? (errstr ? `${message} (${errstr})` : message) };
  }
}

/** Rolls back; SQLite has often done so by itself (disk full). @returns what went wrong with that, if anything */
function rollBack(): string | undefined {
  try {
    if (db.isTransaction) db.exec('ROLLBACK');
  } catch (error) {
    return `cannot roll back: ${(error as Error).message}`;
  }
}

/** Files the words of rows that wait, some at a time, so that writes come in between. What fails is tried again. */
function fileWords(delayMs: number): void {
  filing ??= setTimeout(
    () => {
      filing = undefined;
      filedMs = performance.now();
      let isMore = true;
      let nextMs: number = adapterLimits.sqliteIndexPauseMs;
      try {
        isMore = words.fileSome();
      } catch {
        rollBack();
        nextMs = adapterLimits.sqliteIndexDelayMs;
      }
      if (isMore) fileWords(nextMs);
    },
    Math.max(delayMs, adapterLimits.sqliteIndexPauseMs),
  );
}

port.on('message', (first: Batch) => {
  const group = gather(first);
  const count = group.reduce((sum, batch) => sum + batch.count, 0);
  if (count > 0) {
    const memory = group.filter((batch) => batch.count > 0).map(({ bytes }) => bytes.buffer);
    port.postMessage({ ...commit(group, count), memory } satisfies Outcome, memory);
  }
  if (group.at(-1)!.last) {
    clearTimeout(filing);
    db.close();
    port.close();
  }
});

if (words.hasWaiting()) fileWords(0);
port.postMessage('ready');
