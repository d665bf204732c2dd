/**
 * A peer chooses two numbers, and the cost must not be their product: attributes and declarations, levels and prefixes, children
 * and what they inherit. The tests count the bytes that the scanner looks at. They also compare times with those of a plain
 * stanza, in the same process and in turns, with so much tolerance that only a product fails.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plainText, shapes } from '../../bench/hostile/shapes.ts';
import { openBounds } from '../../lib/xmpp/scanner.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Scope } from '../../lib/xmpp/xml-element.ts';
import { XmlMachine } from '../../lib/xmpp/xml-machine.ts';

const scope: Scope = { defaultNs: 'jabber:client', contentNs: 'jabber:client', prefixes: new Map() };

/** A buffer that counts the bytes that are read, singly or in ranges. */
function counting(bytes: Buffer): { buffer: Buffer; looks: () => number } {
  let looks = 0;
  const buffer = new Proxy(bytes, {
    get(target, name) {
      if (typeof name === 'string' && /^\d/.test(name)) {
        looks += 1;
        return target[Number(name)];
      }
      if (name === 'toString' || name === 'subarray') {
        return (...values: (string | number)[]) => {
          const [start, end] = values.filter((value) => typeof value === 'number');
          looks += end! - start!;
          return name === 'toString' ? target.toString('utf8', start, end) : target.subarray(start, end);
        };
      }
      throw new Error(`the scanner uses ${String(name)} of a buffer, which nobody counts`);
    },
  });
  return { buffer, looks: () => looks };
}

function looksPerByte(text: string): number {
  const bytes = Buffer.from(text);
  const { buffer, looks } = counting(bytes);
  const machine = new XmlMachine(openBounds, scope);
  machine.start();
  assert.equal(machine.scan(buffer, 0, 1, bytes.length), bytes.length);
  return looks() / bytes.length;
}

const stanza = (inside: string): string => `<message>${inside}</message>`;
/**
 * Twice for names and values that become strings, twice for names that are compared or checked, once to find their ends; and a
 * little.
 */
const looksMax = 8;

describe('each byte is read a few times, however many there are', () => {
  for (const [name, shape] of Object.entries(shapes)) {
    test(name, () => {
      for (const bytes of [6_000, 40_000]) {
        const looks = looksPerByte(stanza(shape(bytes)));
        assert.ok(looks <= looksMax, `${looks.toFixed(1)} looks at each of ${bytes} bytes`);
      }
    });
  }
});

/** The quickest of several rounds, in nanoseconds for each byte: other work on the machine only ever adds. */
function quickest(bytes: Buffer, work: (bytes: Buffer) => void, rounds: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const start = process.hrtime.bigint();
    work(bytes);
    least = Math.min(least, Number(process.hrtime.bigint() - start) / bytes.length);
  }
  return least;
}

/**
 * A product of two bounds costs hundreds or thousands of times as much as text; everything else costs less than fifty times as
 * much.
 */
const timesPlainMax = 150;

function compare(bytesList: readonly number[], work: (bytes: Buffer) => void): void {
  for (const bytes of bytesList) {
    const plain = quickest(Buffer.from(stanza(plainText(bytes))), work, 12);
    for (const [name, shape] of Object.entries(shapes)) {
      const hostile = Buffer.from(stanza(shape(bytes)));
      let times = Number.POSITIVE_INFINITY;
      // A machine may be busy for a moment, so there are more rounds.
      for (let tries = 0; tries < 4 && times > timesPlainMax; tries += 1)
        times = Math.min(times, quickest(hostile, work, 4) / plain);
      assert.ok(times <= timesPlainMax, `${name}, ${bytes} bytes: ${times.toFixed(0)} times plain text`);
    }
  }
}

test('no shape costs the scanner a product of two bounds', () => {
  compare([8_000, 200_000], (bytes) => void Stanza.parse(bytes, { bounds: openBounds }));
});

test('no shape costs the trees of all children a product of two bounds', () => {
  compare([8_000, 200_000], (bytes) => {
    const parsed = Stanza.parse(bytes, { bounds: openBounds });
    for (const child of parsed.children) parsed.elementOf(child);
  });
});

test('children of a stanza that declares many prefixes cost no more than without prefixes', () => {
  const declarations = Array.from({ length: 60 }, (_, index) => ` xmlns:p${index}='u:${index}'`).join('');
  const inside = '<q/>'.repeat(9_000);
  const trees = (bytes: Buffer): void => {
    const parsed = Stanza.parse(bytes);
    for (const child of parsed.children) parsed.elementOf(child);
  };
  const none = quickest(Buffer.from(stanza(inside)), trees, 8);
  const many = quickest(Buffer.from(`<message${declarations}>${inside}</message>`), trees, 8);
  assert.ok(many <= 4 * none, `${many.toFixed(0)} and ${none.toFixed(0)} ns for each byte`);
});

describe('the tree of a child declares the inherited namespaces that it uses', () => {
  const parsed = Stanza.parse(
    "<message xmlns:a='urn:a' xmlns:b='urn:b' xmlns:c='urn:c'><x><a:y b:z=''/></x><b:x xmlns:b='urn:own'/><q/></message>",
  );
  for (const [index, expected] of [
    "<x xmlns='jabber:client' xmlns:a='urn:a' xmlns:b='urn:b'><a:y b:z=''/></x>",
    "<b:x xmlns:b='urn:own' xmlns='jabber:client'/>",
    "<q xmlns='jabber:client'/>",
  ].entries()) {
    test(expected, () => assert.equal(parsed.elementOf(parsed.children[index]!).toString(), expected));
  }
});
