/** Finds rows of the embedded store by their words, with the index of `sqlite-words.ts`. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Row, Search } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';
import { compareSort } from './sort-range.ts';
import type { Interval } from './sqlite-statements.ts';
import { lastRankAt, rankAt, wordPrefix } from './sqlite-words.ts';

interface Hit {
  readonly at: number;
  readonly sort: string;
  readonly value: string;
  readonly version: string;
}

/** @returns a function that finds rows; `interval` is that of the search's sort keys */
export function prepareSearch(db: DatabaseSync): (search: Search, interval: Interval, now: number) => Row[] {
  const prepare = (order: 'ASC' | 'DESC'): StatementSync =>
    db.prepare(`SELECT found.rowid >> 21 AS at, sort, CAST(value AS TEXT) AS value, version
      FROM archive_words AS found CROSS JOIN archive_rank ON archive_rank.rank = found.rowid CROSS JOIN archive ON archive.id = archive_rank.id
      WHERE archive_words MATCH ? AND found.rowid >= ? AND found.rowid <= ?
        AND partition = ? AND sort >= ? AND sort < ? AND (expires IS NULL OR expires > ?)
      ORDER BY found.rowid ${order} LIMIT ?`);
  const statements = { forward: prepare('ASC'), backward: prepare('DESC') };
  return ({ partition, words, fromMs, untilMs, direction = 'forward', limit }, { from, until }, now) => {
    const prefix = wordPrefix(partition);
    const match = words.map((word) => `"${prefix}${word}"`).join(' AND '); // letters, digits and marks: nothing of FTS5's syntax
    const ranks = [rankAt(fromMs), lastRankAt(untilMs)] as const;
    const read = (count: number): Hit[] =>
      statements[direction].all(match, ...ranks, partition, from, until, now, count) as unknown as Hit[];
    const hits = wholeMilliseconds(read, limit);
    hits.sort((one, other) => compareSort(one.sort, other.sort) * (direction === 'forward' ? 1 : -1));
    return hits.slice(0, limit).map(({ sort, value, version }) => ({ partition, sort, value, version }));
  };
}

/** Rows of one millisecond are found in any order, so the last one counts only when all of its rows are there. */
function wholeMilliseconds(read: (count: number) => Hit[], limit: number): Hit[] {
  for (let count = limit + adapterLimits.sqliteSearchSpareRows; ; count *= 4) {
    const hits = read(count);
    if (hits.length < count) return hits;
    const lastMs = hits.at(-1)!.at;
    const whole = hits.filter(({ at }) => at !== lastMs);
    if (whole.length >= limit) return whole;
  }
}
