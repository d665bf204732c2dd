/**
 * A row as a DynamoDB item.
 *
 *   p  partition (HASH)       v  value; left out when empty
 *   s  sort (RANGE)           n  a counter's number, instead of v
 *   w  version                e  expiry, seconds since the epoch (the TTL attribute)
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { Conflict, type Key, type Put, type Row, type Table } from '../ports/store.ts';
import { expirySeconds } from './store-checks.ts';

export type Item = Record<string, AttributeValue>;

export function tableName(prefix: string, table: Table): string {
  return `${prefix}${table}`;
}

export function toKey({ partition, sort }: Pick<Key, 'partition' | 'sort'>): Item {
  return { p: { S: partition }, s: { S: sort } };
}

export function toItem(row: Put, version: string): Item {
  const item: Item = { p: { S: row.partition }, s: { S: row.sort }, w: { S: version } };
  if (row.value !== '') item.v = { S: row.value };
  if (row.expiresAtMs !== undefined) item.e = { N: `${expirySeconds(row.expiresAtMs)}` };
  return item;
}

/** DynamoDB may take days to remove expired items, so each read checks for itself. */
export function isExpired(item: Item, now: number): boolean {
  return item.e?.N !== undefined && Number(item.e.N) <= now;
}

export function toRow(item: Item): Row {
  const { p, s, v, n, w } = item;
  return { partition: p!.S!, sort: s!.S!, value: n?.N ?? v?.S ?? '', version: w?.S ?? '' };
}

/** A text that is unique to the key. */
export function keyText({ table, partition, sort }: Key): string {
  return `${table} ${partition.length} ${partition}${sort}`;
}

export function conflict({ table, partition, sort }: Key): Conflict {
  return new Conflict(`another write came first: ${table} ${partition} ${sort}`);
}
