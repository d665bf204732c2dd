/**
 * The index of words of the embedded store (SQLite's FTS5), for rows of `archive`.
 *
 * - `archive_words` has the words of each row, and nothing else. Each word has a digest of its partition in front, so that a search meets no
 *   row of another partition, and costs what the partition has, whatever others keep.
 * - The number of a row in it is its rank: the time of its text, and 21 bits that tell rows of one millisecond apart. Rows are found in the
 *   order of ranks, which is that of sort keys except within a millisecond. `archive_rank` says which row of `archive` it is.
 * - `archive_text` has texts that wait: to cut a text into words and to file them costs more than to write the row, so it is done after
 *   the commit, many rows at a time. It has the rows that were written a moment ago.
 *
 * Triggers take a row out of all three in the transaction that deletes or overwrites it, whoever does that: removal, retention, retraction.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { wordsOf } from '../xmpp/words.ts';
import { adapterLimits } from './limits.ts';
import type { Write } from './sqlite-writes.ts';

const forgetRow = `
  DELETE FROM archive_text WHERE id = old.id;
  DELETE FROM archive_words WHERE rowid IN (SELECT rank FROM archive_rank WHERE id = old.id);
  DELETE FROM archive_rank WHERE id = old.id;`;

/** Creates what is missing. A program that does not know the index leaves it right, because of the triggers. */
export const indexSchema = `
  CREATE TABLE IF NOT EXISTS archive_text (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, text NOT NULL);
  CREATE TABLE IF NOT EXISTS archive_rank (rank INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE);
  CREATE VIRTUAL TABLE IF NOT EXISTS archive_words
    USING fts5(words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii');
  CREATE TRIGGER IF NOT EXISTS archive_deleted AFTER DELETE ON archive BEGIN ${forgetRow} END;
  CREATE TRIGGER IF NOT EXISTS archive_changed AFTER UPDATE OF value ON archive BEGIN ${forgetRow} END;`;

const rankBits = 21n;

/** The lowest rank of a millisecond. */
export function rankAt(ms: number): bigint {
  return BigInt(ms) << rankBits;
}

/** The highest one. That of the last millisecond (`storeTextMsMax`) is SQLite's largest integer. */
export function lastRankAt(ms: number): bigint {
  return rankAt(ms) + (1n << rankBits) - 1n;
}

/** What stands in front of a partition's words. */
export function wordPrefix(partition: string): string {
  return createHash('sha256').update(partition).digest('hex').slice(0, 24);
}

interface Waiting {
  readonly id: number;
  readonly at: number;
  readonly text: string;
  readonly partition: string;
}

export interface WordIndex {
  /** Carries out a write of kind `index`: the text waits, or the row is not found any more. */
  note(write: Write): void;
  /** Files the words of rows that wait. It opens a transaction. @returns whether more may be waiting */
  fileSome(): boolean;
  /** Whether any row waits. */
  hasWaiting(): boolean;
}

export function prepareIndex(db: DatabaseSync): WordIndex {
  const find = db.prepare('SELECT id FROM archive WHERE partition = ? AND sort = ? AND version = ?');
  const wait = db.prepare('INSERT OR REPLACE INTO archive_text (id, at, text) VALUES (?, ?, ?)');
  const first = db.prepare(`SELECT waiting.id, waiting.at, CAST(waiting.text AS TEXT) AS text, archive.partition
    FROM archive_text AS waiting JOIN archive ON archive.id = waiting.id ORDER BY waiting.id LIMIT ${adapterLimits.sqliteIndexRowsMax}`);
  const unlist = db.prepare('DELETE FROM archive_text WHERE id <= ?');
  const unlistOne = db.prepare('DELETE FROM archive_text WHERE id = ?');
  const rankOf = db.prepare('SELECT rank FROM archive_rank WHERE id = ?');
  const unrank = db.prepare('DELETE FROM archive_rank WHERE rank = ?');
  const unfile = db.prepare('DELETE FROM archive_words WHERE rowid = ?');
  const highest = db.prepare('SELECT max(rank) AS rank FROM archive_rank WHERE rank >= ? AND rank <= ?');
  const rank = db.prepare('INSERT INTO archive_rank (rank, id) VALUES (?, ?)');
  const file = db.prepare('INSERT INTO archive_words (rowid, words) VALUES (?, ?)');
  const any = db.prepare('SELECT 1 FROM archive_text LIMIT 1');
  for (const statement of [rankOf, highest]) statement.setReadBigInts(true);
  const prefixes = new Map<string, string>();
  /** Both sides of a message archive the same text, one after the other. */
  let last: { readonly text: string; readonly words: ReadonlySet<string> } | undefined;

  const forget = (id: number): void => {
    const found = rankOf.get(id) as { rank: bigint } | undefined;
    if (found === undefined) return;
    unfile.run(found.rank);
    unrank.run(found.rank);
  };

  const prefixOf = (partition: string): string => {
    let prefix = prefixes.get(partition);
    if (prefix !== undefined) return prefix;
    prefix = wordPrefix(partition);
    if (prefixes.size >= adapterLimits.sqliteWordPrefixesMax) prefixes.clear();
    prefixes.set(partition, prefix);
    return prefix;
  };

  const fileOne = ({ id, at, text, partition }: Waiting): void => {
    forget(id);
    if (last?.text !== text) last = { text, words: wordsOf(text) };
    if (last.words.size === 0) return;
    const prefix = prefixOf(partition);
    let terms = '';
    for (const word of last.words) terms += `${prefix}${word} `;
    const before = (highest.get(rankAt(at), lastRankAt(at)) as { rank: bigint | null }).rank;
    const own = before === null ? rankAt(at) : before + 1n;
    rank.run(own, id);
    file.run(own, terms);
  };

  return {
    note({ partition, sort, expected, value, by }) {
      const row = find.get(partition, sort, expected) as { id: number } | undefined;
      if (row === undefined) return;
      if (value.length > 0) {
        wait.run(row.id, by, value);
        return;
      }
      unlistOne.run(row.id);
      forget(row.id);
    },
    fileSome() {
      db.exec('BEGIN IMMEDIATE');
      const rows = first.all() as unknown as Waiting[];
      for (const row of rows) fileOne(row);
      if (rows.length > 0) unlist.run(rows.at(-1)!.id);
      db.exec('COMMIT');
      return rows.length === adapterLimits.sqliteIndexRowsMax;
    },
    hasWaiting: () => any.get() !== undefined,
  };
}
