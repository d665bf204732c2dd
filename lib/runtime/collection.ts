/**
 * A collection names rows of one kind under an account, a room or a tenant, and their value's shape. Its rows stand in the
 * partition of their owner under the sort key `<name>/<key>`; values are JSON.
 */
import type { Table } from '../ports/store.ts';

export interface Collection<Value> {
  readonly name: string;
  readonly table: Table;
  /** Never set; carries the type. */
  readonly shape?: Value;
}

export function collection<Value>(name: string, table: Table = 'core'): Collection<Value> {
  return { name, table };
}
