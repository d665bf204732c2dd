/**
 * What DynamoDB charges for, by its own rules ("Read and write operations", "Item sizes and formats" in its Developer Guide):
 *
 * - an item is the UTF-8 of its names and values; a number about a byte for two digits, and one more;
 * - a write costs a unit for each KB begun, of the item before or after, whichever is larger; a condition that fails costs the same;
 * - a consistent read costs a unit for each 4 KB begun, and one for an item that is not there; a query reads the sum of its items;
 * - what does not ask for consistency costs half.
 */

export type Item = Readonly<Record<string, { readonly S?: string; readonly N?: string }>>;

const writeUnitBytes = 1_024;
const readUnitBytes = 4_096;
/** What storage adds to each item for its index. */
export const storageBytesPerItem = 100;

export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const [name, { S, N }] of Object.entries(item)) {
    bytes += Buffer.byteLength(name);
    bytes += S === undefined ? Math.ceil((N ?? '').replace(/^-|\./g, '').length / 2) + 1 : Buffer.byteLength(S);
  }
  return bytes;
}

export function writeUnits(bytesBefore: number, bytesAfter: number): number {
  return Math.max(1, Math.ceil(Math.max(bytesBefore, bytesAfter) / writeUnitBytes));
}

export function readUnits(bytes: number, isConsistent: boolean): number {
  return Math.max(1, Math.ceil(bytes / readUnitBytes)) / (isConsistent ? 1 : 2);
}
