/** Values of rows: JSON, read once of a row that a store gives out again and again (`lib/adapters/row-cache.ts`). */
import type { Row } from '../ports/store.ts';

const known = new WeakMap<Row, unknown>();

/** Do not change it: whoever reads the row gets the same one. */
export function rowValue<Value>(row: Row): Value {
  let value = known.get(row);
  if (value === undefined) {
    value = freeze(JSON.parse(row.value));
    known.set(row, value);
  }
  return value as Value;
}

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
