/**
 * The interval of sort keys that satisfies a query's `prefix`, `after` and `before`, in the order of UTF-8 bytes (which is the
 * order of code points, not that of JavaScript's `<`).
 */
import { portLimits } from '../ports/limits.ts';
import type { Query } from '../ports/store.ts';

interface Bound {
  readonly at: string;
  readonly inclusive: boolean;
}

/** A missing bound does not limit the interval. */
export interface SortRange {
  readonly lower?: Bound;
  readonly upper?: Bound;
}

/** Compares by code points, which is the order of UTF-8 bytes. UTF-16 would put U+10000 before U+FFFD. */
export function compareSort(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return codePointRank(a, i) - codePointRank(b, i);
  }
  return a.length - b.length;
}

/** Maps surrogates, which stand for higher code points, above all other units. */
function codePointRank(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The lowest text above all that start with `prefix`, or undefined if nothing is above them. */
function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (char) => char.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

function prefixRange(prefix: string): SortRange {
  const lower = { at: prefix, inclusive: true };
  // No longer key is possible, only the prefix itself. The end of its range could be a byte too long for DynamoDB.
  if (Buffer.byteLength(prefix) >= portLimits.storeKeyBytesMax) return { lower, upper: lower };
  const end = prefixEnd(prefix);
  return end === undefined ? { lower } : { lower, upper: { at: end, inclusive: false } };
}

/** @returns undefined when the interval is empty */
export function sortRange({ prefix, after, before }: Pick<Query, 'prefix' | 'after' | 'before'>): SortRange | undefined {
  let { lower, upper } = prefix ? prefixRange(prefix) : ({} as SortRange);
  if (after && (lower === undefined || compareSort(after, lower.at) >= 0)) lower = { at: after, inclusive: false };
  if (before === '') return undefined;
  if (before !== undefined && (upper === undefined || compareSort(before, upper.at) <= 0)) {
    upper = { at: before, inclusive: false };
  }
  if (lower !== undefined && upper !== undefined) {
    const order = compareSort(lower.at, upper.at);
    if (order > 0 || (order === 0 && !(lower.inclusive && upper.inclusive))) return undefined;
  }
  return { lower, upper };
}

/** Whether any key lies between the two ends, each of which may be exclusive. */
export function isWithin({ lower, upper }: SortRange, sort: string): boolean {
  return !(lower?.inclusive === false && sort === lower.at) && !(upper?.inclusive === false && sort === upper.at);
}
