/** Which streams between servers broke, as the logs of those who had opened them tell it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Break } from './checks-abroad.ts';

interface Line {
  readonly time: number;
  readonly msg: string;
  readonly host: string;
  readonly peer: string;
  readonly unconfirmed: number;
}

const ended = 'a stream to another server has ended';

export class StreamEnds {
  readonly #paths: readonly string[];
  /** What was read of each, bytes. */
  readonly #read: number[];

  /** @param paths logs of Skylark, one JSON object a line */
  constructor(paths: readonly string[]) {
    this.#paths = paths;
    this.#read = paths.map(() => 0);
  }

  /** Those that have ended since the last call with something unconfirmed. */
  take(): Break[] {
    return this.#paths.flatMap((path, index) => {
      const text = this.#more(path, index);
      return text.split('\n').flatMap((line) => (line.includes(ended) ? breakOf(line) : []));
    });
  }

  /** Whole lines. */
  #more(path: string, index: number): string {
    const file = openSync(path, 'r');
    try {
      const from = this.#read[index]!;
      const bytes = Buffer.alloc(fstatSync(file).size - from);
      const text = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from));
      const whole = text.subarray(0, text.lastIndexOf(0x0a) + 1);
      this.#read[index] = from + whole.length;
      return whole.toString();
    } finally {
      closeSync(file);
    }
  }
}

function breakOf(line: string): Break[] {
  let read: Line;
  try {
    read = JSON.parse(line) as Line;
  } catch {
    return []; // a process died while it wrote
  }
  const { time, msg, host, peer, unconfirmed } = read;
  if (msg !== ended || unconfirmed === 0) return [];
  return [{ hosts: [host], peer, atMs: time - performance.timeOrigin, unconfirmed }];
}
