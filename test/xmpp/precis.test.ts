import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nickname, nicknameKey, opaqueString, usernameCaseMapped } from '../../lib/xmpp/precis.ts';

const points = (text: string): string =>
  [...text].map((it) => `U+${it.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`).join(' ');

for (const [input, expected, why] of [
  // RFC 8265 §3.5.
  ['juliet@example.com', 'juliet@example.com', '"@" is allowed'],
  ['fussball', 'fussball', ''],
  ['fu\u00DFball', 'fu\u00DFball', 'sharp s is not folded'],
  ['\u03C0', '\u03C0', 'pi'],
  ['\u03A3', '\u03C3', 'capital sigma'],
  ['\u03C3', '\u03C3', 'small sigma'],
  ['\u03C2', '\u03C2', 'final sigma'],
  ['foo bar', undefined, 'space'],
  ['', undefined, 'empty'],
  ['henry\u2163', undefined, 'compatibility equivalent'],
  ['\u265A', undefined, 'symbol'],
  // Mapping and normalization.
  ['\uFF2A\uFF35\uFF2C', 'jul', 'fullwidth letters are mapped before the class is checked'],
  ['\uFF76\uFF9E', '\u30AC', 'halfwidth katakana with its mark composes'],
  ['A\u0308', '\u00E4', 'NFC'],
  ['\u0130x', 'i\u0307x', 'dotted capital I'],
  ['\uFB01', undefined, 'ligature'],
  ['\u1100\u1161', undefined, 'old Hangul jamo'],
  ['\uD55C', '\uD55C', 'Hangul syllable'],
  ['a\u00AD', undefined, 'soft hyphen'],
  ['a\u200B', undefined, 'zero width space'],
  ['a\0', undefined, 'NUL'],
  ['a\uD800', undefined, 'lone surrogate'],
  ['a\uE000', undefined, 'private use'],
  ['a\u0378', undefined, 'unassigned'],
  ['\u0640', undefined, 'tatweel, an exception'],
  ['\u3007', '\u3007', 'ideographic zero, an exception'],
  // RFC 5892 appendix A.
  ['\u0915\u094D\u200C\u0937', '\u0915\u094D\u200C\u0937', 'ZWNJ behind a virama'],
  ['\u0915\u094D\u200D\u0937', '\u0915\u094D\u200D\u0937', 'ZWJ behind a virama'],
  ['\u0628\u200C\u0628', '\u0628\u200C\u0628', 'ZWNJ between joining letters'],
  ['\u0628\u200C\u0628\u200C\u0628', '\u0628\u200C\u0628\u200C\u0628', 'two of them'],
  ['\u0628\u200C\u0628\u200C', undefined, 'the second of them at the end'],
  ['\u0628\u200D\u0628', undefined, 'ZWJ between joining letters'],
  ['a\u200Cb', undefined, 'ZWNJ between others'],
  ['\u200Cb', undefined, 'ZWNJ first'],
  ['l\u00B7l', 'l\u00B7l', 'middle dot between l'],
  ['l\u00B7a', undefined, 'middle dot elsewhere'],
  ['\u00B7', undefined, 'middle dot alone'],
  ['\u0375\u03B1', '\u0375\u03B1', 'keraia before Greek'],
  ['\u0375a', undefined, 'keraia before Latin'],
  ['\u05D0\u05F3', '\u05D0\u05F3', 'geresh behind Hebrew'],
  ['\u05F3\u05D0', undefined, 'geresh first'],
  ['\u05D0\u05F4', '\u05D0\u05F4', 'gershayim behind Hebrew'],
  ['a\u05F4', undefined, 'gershayim behind Latin'],
  ['\u30A2\u30FB\u30A2', '\u30A2\u30FB\u30A2', 'katakana middle dot among katakana'],
  ['a\u30FBb', undefined, 'katakana middle dot among Latin'],
  ['\u0627\u0661', '\u0627\u0661', 'Arabic-Indic digits'],
  ['\u0627\u06F1', '\u0627\u06F1', 'extended Arabic-Indic digits'],
  ['\u0627\u0661\u06F1', undefined, 'both'],
  // RFC 5893 §2.
  ['\u05D0\u05D1', '\u05D0\u05D1', 'Hebrew'],
  ['\u05D01', '\u05D01', 'Hebrew, ending with a digit'],
  ['1\u05D0', undefined, 'Hebrew, beginning with a digit'],
  ['\u05D0a', undefined, 'right to left, then left to right'],
  ['a\u05D0', undefined, 'left to right, then right to left'],
  ['\u06271\u0661', undefined, 'European and Arabic digits together'],
] as const) {
  test(`as a user name ${points(input) || 'nothing'} ${expected === undefined ? 'is refused' : `is ${points(expected)}`} (${why})`, () => {
    assert.equal(usernameCaseMapped(input), expected);
  });
}

for (const [input, expected, why] of [
  // RFC 8265 §4.3.
  ['correct horse battery staple', 'correct horse battery staple', 'ASCII space'],
  ['Correct Horse Battery Staple', 'Correct Horse Battery Staple', 'case is kept'],
  ['\u03C0\u00DF\u00E5', '\u03C0\u00DF\u00E5', 'letters beyond ASCII'],
  ['Jack of \u2666s', 'Jack of \u2666s', 'symbols'],
  ['foo\u1680bar', 'foo bar', 'Ogham space becomes space'],
  ['', undefined, 'empty'],
  ['my cat is a \u0009by', undefined, 'tab'],
  ['a\u0308', '\u00E4', 'NFC'],
  ['\uFB01 \uFF21 \u2163', '\uFB01 \uFF21 \u2163', 'compatibility characters stay'],
  ['\u{1F600}', '\u{1F600}', 'emoji'],
  ['a\u200Db', undefined, 'ZWJ without virama'],
  ['a\uFFFE', undefined, 'noncharacter'],
  ['\u2028', undefined, 'line separator'],
  ['\u0387', undefined, 'ano teleia composes to a middle dot without its l'],
] as const) {
  test(`as an opaque string ${points(input) || 'nothing'} ${expected === undefined ? 'is refused' : `is ${points(expected)}`} (${why})`, () => {
    assert.equal(opaqueString(input), expected);
  });
}

for (const [input, shown, key] of [
  // RFC 8266 §3.
  ['Foo', 'Foo', 'foo'],
  ['foo', 'foo', 'foo'],
  ['Foo Bar', 'Foo Bar', 'foo bar'],
  ['foo bar', 'foo bar', 'foo bar'],
  ['\u03A3', '\u03A3', '\u03C3'],
  ['\u03C3', '\u03C3', '\u03C3'],
  ['\u03C2', '\u03C2', '\u03C2'],
  ['\u265A', '\u265A', '\u265A'],
  ['Richard \u2163', 'Richard IV', 'richard iv'],
  // §2.
  ['  Foo \u3000 Bar\u00A0', 'Foo Bar', 'foo bar'],
  ['\u00A0\u00A8a', '\u0308a', '\u0308a'],
  ['   ', undefined, undefined],
  ['a\nb', undefined, undefined],
] as const) {
  test(`the nickname ${points(input)} is shown as ${shown && points(shown)}, and compared as ${key && points(key)}`, () => {
    assert.deepEqual([nickname(input), nicknameKey(input)], [shown, key]);
  });
}

test('preparing twice changes nothing', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  for (const profile of [usernameCaseMapped, opaqueString, nickname, nicknameKey]) {
    let prepared = 0;
    fc.assert(
      fc.property(text, (input) => {
        const once = profile(input);
        if (once === undefined) return;
        prepared += 1;
        assert.equal(profile(once), once);
      }),
      { numRuns: 1000 },
    );
    assert(prepared > 20, `${prepared} texts were valid`);
  }
});

test('every single character is judged, and the verdict on the prepared one is the same', () => {
  let valid = 0;
  for (let code = 0; code <= 0x10ffff; code += code < 0x3400 ? 1 : 37) {
    for (const profile of [usernameCaseMapped, opaqueString, nickname, nicknameKey]) {
      const prepared = profile(String.fromCodePoint(code));
      if (prepared === undefined) continue;
      valid += 1;
      assert.equal(profile(prepared), prepared, points(prepared));
      assert.notEqual(opaqueString(prepared), undefined, points(prepared));
    }
  }
  assert(valid > 20_000);
});
