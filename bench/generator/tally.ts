/** Whether numbered stanzas arrived once and in order. Each stream of numbers (a sender and a receiver) is counted separately. */

export class Tally {
  delivered = 0;
  duplicated = 0;
  reordered = 0;
  readonly #next = new Map<number, number>();
  /** Skipped numbers, which may still arrive late. */
  readonly #missing = new Map<number, Set<number>>();

  /** @returns false for a duplicate */
  take(stream: number, sequence: number): boolean {
    const next = this.#next.get(stream) ?? 0;
    if (sequence === next) {
      this.#next.set(stream, next + 1);
      this.delivered++;
      return true;
    }
    if (sequence > next) {
      const missing = this.#missing.get(stream) ?? new Set<number>();
      for (let skipped = next; skipped < sequence; skipped++) missing.add(skipped);
      this.#missing.set(stream, missing);
      this.#next.set(stream, sequence + 1);
      this.delivered++;
      return true;
    }
    if (this.#missing.get(stream)?.delete(sequence)) {
      this.reordered++;
      this.delivered++;
      return true;
    }
    this.duplicated++;
    return false;
  }

  /** @param sent how many should have arrived */
  counts(sent: number): Counts {
    const { delivered, duplicated, reordered } = this;
    return { lost: sent - delivered, duplicated, reordered };
  }
}

export interface Counts {
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

/** More than the clients of one run. */
export const streamsPerRun = 100_000;

let runs = Math.floor(performance.timeOrigin / 1000) % 1_000_000;

/**
 * The first of a range of stream numbers that nobody has used before. A server may deliver again what clients of an earlier run
 * already had, because they left before it knew; that must not count as a duplicate of this run.
 */
export function freshStreams(): number {
  return runs++ * streamsPerRun;
}

/** Marks can be found without parsing the stanza: `@@stream:sequence:time@`. */
const mark = Buffer.from('@@');

export interface Mark {
  readonly stream: number;
  readonly sequence: number;
  readonly sentMs: number;
}

export function writeMark(stream: number, sequence: number, nowMs: number): string {
  return `@@${stream}:${sequence}:${Math.round(nowMs * 1000)}@`;
}

export function readMark(bytes: Buffer, start: number, end: number): Mark | undefined {
  const at = bytes.indexOf(mark, start);
  if (at < 0 || at >= end) return undefined;
  const fields = [0, 0, 0];
  let field = 0;
  for (let index = at + mark.length; index < end; index++) {
    const byte = bytes[index]!;
    if (byte >= 0x30 && byte <= 0x39) fields[field] = fields[field]! * 10 + byte - 0x30;
    else if (byte === 0x3a && field < 2) field++;
    else if (byte === 0x40 && field === 2) return { stream: fields[0]!, sequence: fields[1]!, sentMs: fields[2]! / 1000 };
    else return undefined;
  }
  return undefined;
}
