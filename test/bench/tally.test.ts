/** The benchmark distinguishes lost, duplicated and reordered stanzas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readMark, Tally, writeMark } from '../../bench/generator/tally.ts';

for (const [what, arriving, delivered, duplicated, reordered] of [
  ['all in order', [0, 1, 2, 3], 4, 0, 0],
  ['a gap is a missing number', [0, 1, 3], 3, 0, 0],
  ['one twice', [0, 1, 1, 2], 3, 1, 0],
  ['one after its successor', [0, 2, 1, 3], 4, 0, 1],
  ['the last twice', [0, 1, 2, 2], 3, 1, 0],
  ['late, and then again', [0, 2, 1, 1], 3, 1, 1],
  ['nothing', [], 0, 0, 0],
] as const) {
  test(`a tally of numbers: ${what}`, () => {
    const tally = new Tally();
    for (const sequence of arriving) tally.take(7, sequence);
    assert.deepEqual([tally.delivered, tally.duplicated, tally.reordered], [delivered, duplicated, reordered]);
  });
}

test('every number of any arrival is delivered or duplicated', () => {
  const property = fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(20)), { maxLength: 100 }), (arriving) => {
    const tally = new Tally();
    for (const [stream, sequence] of arriving) tally.take(stream, sequence);
    const different = new Set(arriving.map((pair) => pair.join(' '))).size;
    assert.equal(tally.delivered, different);
    assert.equal(tally.duplicated, arriving.length - different);
  });
  fc.assert(property);
});

test('a mark is found in a stanza and not beyond it', () => {
  const stanza = `<message><body>${writeMark(12, 345, 6.789)} hello</body></message>`;
  const bytes = Buffer.from(`${stanza}<message><body>${writeMark(1, 2, 3)}</body></message>`);
  assert.deepEqual(readMark(bytes, 0, stanza.length), { stream: 12, sequence: 345, sentMs: 6.789 });
  assert.equal(readMark(Buffer.from(`<iq/>${stanza}`), 0, 5), undefined);
  assert.equal(readMark(Buffer.from('<body>@@1:2</body>'), 0, 18), undefined);
  assert.equal(readMark(Buffer.from('<body>@@ 1:2:3@</body>'), 0, 22), undefined);
});
