/**
 * Writes as bytes, on their way from the main thread to the writing thread of the embedded store. A message that is cloned costs the main
 * thread more than the row that it carries; memory that is transferred costs nothing, and values go from it into the database as they are.
 *
 *     u8 kind | u8 table | f64 expires, NaN for never | f64 what an `add` adds | 5 times u32 bytes of the texts that follow |
 *     partition | sort | version | expected | value
 */
import type { Key, RowText, Table } from '../ports/store.ts';
import type { Write, WriteKind } from './sqlite-writes.ts';

const kinds: readonly WriteKind[] = ['put', 'insert', 'replace', 'delete', 'remove', 'deleteExact', 'add', 'sweep', 'index'];
const tables: readonly Table[] = ['core', 'archive', 'live'];

const expiresAt = 2;
const byAt = 10;
const lengthsAt = 18;
const textsAt = 38;
export class PackedWrites {
  #bytes: Buffer<ArrayBuffer>;
  #length = 0;
  count = 0;

  /** @param memory that is this object's from now on: the whole of an ArrayBuffer. Where it is too small, larger memory takes its place */
  constructor(memory: Buffer<ArrayBuffer>) {
    this.#bytes = memory;
  }

  get length(): number {
    return this.#length;
  }

  /** Memory of its own, which can be transferred. This object must not be used any more. */
  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.buffer, 0, this.#length);
  }

  /** Adds a row. @param expected the version that must be there, for a `replace` */
  put(kind: 'put' | 'insert' | 'replace', key: Key, value: string, version: string, expires: number | null, expected = ''): void {
    this.#add(kind, key, value, version, expires ?? Number.NaN, 0, expected);
  }

  /** @param expected undefined: whatever version is there */
  delete(key: Key, expected: string | undefined): void {
    this.#add(expected === undefined ? 'delete' : 'deleteExact', key, '', '', Number.NaN, 0, expected ?? '');
  }

  /** Whether there was a row is not answered. */
  remove(key: Key): void {
    this.#add('remove', key, '', '', Number.NaN, 0, '');
  }

  add(key: Key, by: number, version: string): void {
    this.#add('add', key, '', version, Number.NaN, by, '');
  }

  sweep(table: Table): void {
    this.#add('sweep', { table, partition: '', sort: '' }, '', '', Number.NaN, 0, '');
  }

  /** @param version which the row must have */
  index(key: Key, { text, atMs }: RowText, version: string): void {
    this.#add('index', key, text, '', Number.NaN, atMs, version);
  }

  #add(kind: WriteKind, key: Key, value: string, version: string, expires: number, by: number, expected: string): void {
    const start = this.#length;
    const { table, partition, sort } = key;
    const characters = partition.length + sort.length + version.length + expected.length;
    this.#reserve(textsAt + 3 * characters + Buffer.byteLength(value));
    const bytes = this.#bytes;
    bytes[start] = kinds.indexOf(kind);
    bytes[start + 1] = tables.indexOf(table);
    bytes.writeDoubleLE(expires, start + expiresAt);
    bytes.writeDoubleLE(by, start + byAt);
    this.#length = start + textsAt;
    this.#text(partition, start + lengthsAt);
    this.#text(sort, start + lengthsAt + 4);
    this.#text(version, start + lengthsAt + 8);
    this.#text(expected, start + lengthsAt + 12);
    this.#text(value, start + lengthsAt + 16);
    this.count++;
  }

  #text(text: string, lengthAt: number): void {
    const length = text === '' ? 0 : this.#bytes.write(text, this.#length);
    this.#bytes.writeUInt32LE(length, lengthAt);
    this.#length += length;
  }

  /** @param bytes may be too many: UTF-8 takes at most three for a UTF-16 unit */
  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Calls `each` with the writes, in order. */
export function unpackWrites(packed: Uint8Array, each: (write: Write) => void): void {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const sortAt = at + textsAt + bytes.readUInt32LE(at + lengthsAt);
    const versionAt = sortAt + bytes.readUInt32LE(at + lengthsAt + 4);
    const expectedAt = versionAt + bytes.readUInt32LE(at + lengthsAt + 8);
    const valueAt = expectedAt + bytes.readUInt32LE(at + lengthsAt + 12);
    const end = valueAt + bytes.readUInt32LE(at + lengthsAt + 16);
    const expires = bytes.readDoubleLE(at + expiresAt);
    each({
      kind: kinds[bytes[at]!]!,
      table: tables[bytes[at + 1]!]!,
      partition: bytes.toString('utf8', at + textsAt, sortAt),
      sort: bytes.toString('utf8', sortAt, versionAt),
      version: bytes.toString('utf8', versionAt, expectedAt),
      expected: bytes.toString('utf8', expectedAt, valueAt),
      value: bytes.subarray(valueAt, end),
      by: bytes.readDoubleLE(at + byAt),
      expires: Number.isNaN(expires) ? null : expires,
    });
    at = end;
  }
}
