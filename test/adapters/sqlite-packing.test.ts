import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackedWrites, unpackWrites } from '../../lib/adapters/sqlite-packing.ts';
import type { Write } from '../../lib/adapters/sqlite-writes.ts';

/** Memory that held something else before. */
const used = () => Buffer.from(new ArrayBuffer(64)).fill(0xa5);

function unpacked(packed: PackedWrites): (Omit<Write, 'value'> & { value: string })[] {
  const writes: (Omit<Write, 'value'> & { value: string })[] = [];
  unpackWrites(packed.take(), (write) => writes.push({ ...write, value: Buffer.from(write.value).toString() }));
  return writes;
}

const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength }).filter((some) => some.isWellFormed());
const table = fc.constantFrom('core' as const, 'archive' as const, 'live' as const);
const key = fc.record({ table, partition: text(40), sort: text(40) });
const expires = fc.option(fc.integer({ min: 0, max: 2 ** 40 }));

test('any writes come out as they went in, in order', () => {
  const put = fc.record({
    ...{ kind: fc.constantFrom('put' as const, 'insert' as const, 'replace' as const), key, value: text(3_000) },
    ...{ version: text(20), expires, expected: text(20) },
  });
  fc.assert(
    fc.property(fc.array(put, { maxLength: 60 }), (puts) => {
      const packed = new PackedWrites(used());
      for (const { kind, key, value, version, expires, expected } of puts)
        packed.put(kind, key, value, version, expires, expected);
      assert.equal(packed.count, puts.length);
      const wanted = puts.map(({ key, ...rest }) => ({ ...rest, ...key, by: 0 }));
      assert.deepEqual(unpacked(packed), wanted);
    }),
  );
});

test('deletions, steps of counters and sweeps come out as they went in', () => {
  const packed = new PackedWrites(used());
  const at = { table: 'live', partition: 'p', sort: 's' } as const;
  packed.delete(at, undefined);
  packed.delete(at, '');
  packed.delete(at, 'v.1');
  packed.remove(at);
  packed.add(at, -(2 ** 53 - 1), 'v.2');
  packed.sweep('archive');
  const none = { value: '', by: 0, version: '', expires: null, expected: '' };
  assert.deepEqual(unpacked(packed), [
    { ...at, ...none, kind: 'delete' },
    { ...at, ...none, kind: 'deleteExact' },
    { ...at, ...none, kind: 'deleteExact', expected: 'v.1' },
    { ...at, ...none, kind: 'remove' },
    { ...at, ...none, kind: 'add', by: -(2 ** 53 - 1), version: 'v.2' },
    { ...none, kind: 'sweep', table: 'archive', partition: '', sort: '' },
  ]);
});

test('the memory grows with what is added, and holds nothing but that', () => {
  const packed = new PackedWrites(used());
  const value = '€'.repeat(126_000);
  for (let index = 0; index < 5; index++)
    packed.put('put', { table: 'core', partition: 'p', sort: `${index}` }, value, 'v', null);
  const bytes = packed.take();
  assert.equal(bytes.length, packed.length);
  assert.ok(bytes.length < 5 * (3 * value.length + 100), `${bytes.length} bytes`);
  assert.deepEqual(
    unpacked(packed).map(({ sort, value: found }) => [sort, found === value]),
    ['0', '1', '2', '3', '4'].map((sort) => [sort, true]),
  );
});
