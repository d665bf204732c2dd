import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openBounds, preauthBounds, StreamScanner } from '../../lib/xmpp/scanner.ts';
import { describe, footer, header, scanAll, scanChunks } from './scanning.ts';
import { damagedBody } from './xml-arbitrary.ts';

const wrap = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`<?xml version='1.0'?>\n${header}`), body, Buffer.from(footer)]);

test('the verdict and the events do not depend on where the bytes are cut', () => {
  fc.assert(
    fc.property(damagedBody, fc.array(fc.nat(400), { maxLength: 12 }), fc.boolean(), (body, cuts, isTight) => {
      const bounds = isTight
        ? { ...preauthBounds, stanzaBytesMax: 60, streamBytesMax: 250, depthMax: 2, elementsMax: 4, stanzasMax: 2 }
        : openBounds;
      const input = wrap(body);
      const whole = describe(scanAll(input, bounds));
      const ends = [...new Set(cuts.map((cut) => Math.min(cut, input.length)))].sort((left, right) => left - right);
      const chunks = [...ends, input.length].map((end, index) =>
        Buffer.from(input.subarray(index === 0 ? 0 : ends[index - 1], end)),
      );
      assert.deepEqual(describe(scanChunks(chunks, bounds)), whole);
      const single = [...input].map((byte) => Buffer.from([byte]));
      assert.deepEqual(describe(scanChunks(single, bounds)), whole);
    }),
    { numRuns: 1500 },
  );
});

test('events do not change after they were returned, when more is read', () => {
  const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: openBounds });
  const bytes = Buffer.from(header + Array.from({ length: 200 }, (_, index) => `<iq id='${index}'><q/></iq>`).join(''));
  const seen = [];
  for (let at = 0; at < bytes.length; at += 13) {
    scanner.push(Buffer.from(bytes.subarray(at, at + 13)));
    for (let event = scanner.next(); event !== undefined; event = scanner.next()) if (event.kind === 'stanza') seen.push(event);
  }
  assert.equal(seen.length, 200);
  for (const [index, stanza] of seen.entries()) {
    assert.equal(`${stanza.bytes}`, `<iq id='${index}'><q/></iq>`);
    assert.equal(stanza.id, `${index}`);
  }
});

test('how often a stanza that comes byte by byte is copied does not grow with its size', () => {
  const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: openBounds });
  scanner.push(Buffer.from(header));
  scanner.next();
  const original = Buffer.prototype.copy;
  let copied = 0;
  Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<typeof original>): number {
    const count = original.apply(this, args);
    copied += count;
    return count;
  };
  const length = 100_000;
  try {
    for (const part of [`<message a='`, ...new Array<string>(length).fill('x'), `'/>`]) {
      scanner.push(Buffer.from(part));
      scanner.next();
    }
  } finally {
    Buffer.prototype.copy = original;
  }
  assert(copied > length);
  assert(copied < 4 * length, `${copied} bytes were copied`);
});
