/**
 * Names of domains are prepared by tables of tr46 and code of our own. What is taken, and what comes out, is what tr46's functions and
 * IDNA2008 say together: stored addresses depend on it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import punycode from 'punycode/punycode.js';
import { toASCII, toUnicode } from 'tr46';
import { asciiDomain, unicodeDomain } from '../../lib/xmpp/idna.ts';
import { isUnicodeLabel } from '../../lib/xmpp/precis.ts';

const options = { useSTD3ASCIIRules: true, checkHyphens: true, checkBidi: true, checkJoiners: true } as const;
const namePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** By tr46 alone: the name in U-labels, if it also has a form in ASCII that the DNS takes. */
function expected(text: string): string | undefined {
  const { domain, error } = toUnicode(text, options);
  const name = domain.replace(/\.$/, '');
  if (error || !name.split('.').every(isUnicodeLabel)) return undefined;
  const ascii = toASCII(name, options);
  return ascii !== null && namePattern.test(ascii) ? name : undefined;
}

function same(text: string): void {
  const [one, other] = [unicodeDomain(text), expected(text)];
  if (one !== other) assert.equal(one, other, JSON.stringify(text));
  const ascii = other === undefined ? null : toASCII(other, options);
  const isShort = ascii !== null && ascii.length <= 253;
  if (asciiDomain(text) !== (isShort ? ascii : undefined)) assert.equal(asciiDomain(text), ascii, JSON.stringify(text));
}

/** Letters of both directions, digits of three kinds, marks, joiners, what is mapped to more, to less and to nothing, and what is refused. */
const alphabet = [
  ...'aZ09-..',
  ...'\u3002\uFF0E\uFF61<=> /@_\0\u007F\u0085',
  ...'éßẞςΣİıǅŉ\u1E9B\u2126\u212B\uFB03\uFF21\uFDFA\u2260\u226E\u00AD\u034F\u200B\uFE0F\u180E',
  ...'\u0300\u0301\u0323\u0338\u0345\u093F\u1100\u1161\u11A8\uAC00\u3099\u304B\u1D15E',
  ...'אבجيلاݐ\u0627\u0660\u06F0\u05BC\u0640\u07FA\u{10A00}\u{1E900}',
  ...'\u200C\u200D\u094D\u0915\u00B7l\u0375\u05F3\u30FB\u30AB漢𠀀',
  '\uD800',
  '\uDC00',
  '\u{E0100}',
  '\u{F0000}',
  '\u{10FFFF}',
];
const label = fc.array(fc.constantFrom(...alphabet), { minLength: 0, maxLength: 12 }).map((characters) => characters.join(''));
const anyLabel = fc.oneof(
  label,
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.stringMatching(/^[a-z0-9-]{0,10}$/),
  fc.stringMatching(/^(xn|XN)--[a-zA-Z0-9-]{0,12}$/),
  // What is encoded need not be what a name may hold.
  label.map((text) => `xn--${punycode.encode(text)}`),
  label.map((text) => `xn--${punycode.encode(text.normalize('NFC').toLowerCase())}`),
  fc.constantFrom('xn--', 'xn--a', 'xn--a-', 'XN--BCHER-KVA', 'xn--bücher', 'ｘn--bcher-kva', '\u00ADxn--bcher-kva'),
);
const name = fc.array(anyLabel, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'));

test('any name gives what tr46 gives', () => {
  fc.assert(fc.property(name, same), { numRuns: 3_000 });
});

test('a name of letters of one script gives what tr46 gives', () => {
  for (const script of ['абвгд', 'éèñçœ', 'אבגדה', 'ابتثج', 'कखग\u094D\u200D\u093F', '漢字かな', '한국어', 'ΑΒΓΣς', '0123-']) {
    const letters = fc.string({ unit: fc.constantFrom(...script, ...script, '1', '-', 'a'), minLength: 1, maxLength: 70 });
    const names = fc.array(letters, { minLength: 1, maxLength: 2 }).map((labels) => labels.join('.'));
    fc.assert(fc.property(names, same), { numRuns: 300 });
  }
});

test('each character gives what tr46 gives, alone, behind a letter, and with a mark behind it', () => {
  let count = 0;
  // A few of the many Chinese ones will do, and of those that are not assigned.
  for (let code = 0x80; code < 0x110000; code += code < 0x3400 || (code > 0xf8ff && code < 0x11000) ? 1 : 97) {
    const character = String.fromCodePoint(code);
    for (const text of [character, `a${character}`, `${character}\u0338`]) same(text);
    count += 1;
  }
  assert.ok(count > 20_000);
});

describe('the length of a label', () => {
  for (const letter of ['é', 'ж', 'א', '漢', '𠀀']) {
    test(`in ${letter}`, () => {
      for (let length = 1; length < 70; length += 1) same(`${letter.repeat(length)}.example`);
      assert.equal(unicodeDomain(`${letter.repeat(60)}.example`), undefined);
    });
  }
});
