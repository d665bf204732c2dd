/**
 * What a feature keeps in a row that belongs to the room: a part with a key of its own, which the feature declares. A part that
 * no feature knows any more stays in the row as it is.
 */
import { type Affiliated, affiliatedKeys } from './affiliation-list.ts';
import { configKeys, type RoomConfig } from './config.ts';

export interface RowPart<Row, Value> {
  /** undefined: the feature has not written it. */
  of(row: Row): Value | undefined;
  /** The row, or the change of a row, with this value. */
  with<Change extends Partial<Row>>(row: Change, value: Value): Change;
}

const configParts = new Set<string>(Object.keys(configKeys));
const affiliationParts = new Set<string>(Object.keys(affiliatedKeys));

/** @param name the key in the row: it stays the same for ever, because workers of two versions read the same rows */
export function configPart<Value>(name: string): RowPart<RoomConfig, Value> {
  return rowPart(configParts, name);
}

/** The same in the entry that a room keeps of each affiliation. */
export function affiliationPart<Value>(name: string): RowPart<Affiliated, Value> {
  return rowPart(affiliationParts, name);
}

function rowPart<Row, Value>(declared: Set<string>, name: string): RowPart<Row, Value> {
  if (declared.has(name)) throw new Error(`two parts of a row are called '${name}'`);
  declared.add(name);
  return {
    of: (row) => (row as Readonly<Record<string, Value | undefined>>)[name],
    with: (row, value) => ({ ...row, [name]: value }),
  };
}
