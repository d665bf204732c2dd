import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';

test('what is framed comes out again', () => {
  const header = fc.record({ kind: fc.string(), list: fc.array(fc.string()) });
  fc.assert(
    fc.property(header, fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (given, bodies) => {
      const { header: read, bodies: readBodies } = decodeFrame<typeof given>(encodeFrame(given, bodies));
      assert.deepEqual([read.kind, read.list], [given.kind, given.list]);
      assert.deepEqual(
        readBodies.map((body) => [...body]),
        bodies.map((body) => [...body]),
      );
    }),
  );
});

test('a payload that was cut or grew is refused, never misread', () => {
  const whole = encodeFrame({ kind: 'x' }, [Buffer.from('<a/>'), Buffer.from('<b/>')]);
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => decodeFrame(whole.subarray(0, length)), RangeError, `${length}`);
  assert.throws(() => decodeFrame(Buffer.concat([whole, Buffer.from('!')])), RangeError);
});
