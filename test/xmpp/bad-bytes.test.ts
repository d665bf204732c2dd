/**
 * Bytes that must not occur anywhere in a stanza: what is not UTF-8 is `unsupported-encoding` (RFC 6120 §4.9.3.22), and what is
 * UTF-8 but not an XML character is `not-well-formed` (§4.9.3.13, XML 1.0 §2.2).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamError } from '../../lib/xmpp/errors.ts';
import { FrameScanner } from '../../lib/xmpp/frame-scanner.ts';
import { openBounds, preauthBounds, type Scanner, StreamScanner } from '../../lib/xmpp/scanner.ts';
import { header } from './scanning.ts';

const notUtf8 = 'unsupported-encoding: not UTF-8';
const noncharacter = 'not-well-formed: XML does not allow U+FFFE or U+FFFF';
const control = 'not-well-formed: a control character';

/** @param bytes as latin1 text */
const kinds: readonly (readonly [what: string, bytes: string, verdict: string])[] = [
  ['a lone continuation byte', '\x80', notUtf8],
  ['a byte that UTF-8 never has', '\xFF', notUtf8],
  ['an overlong NUL', '\xC0\x80', notUtf8],
  ['an overlong slash', '\xC0\xAF', notUtf8],
  ['an overlong form of three bytes', '\xE0\x82\xAC', notUtf8],
  ['an overlong form of four bytes', '\xF0\x82\x82\xAC', notUtf8],
  ['a high surrogate', '\xED\xA0\x80', notUtf8],
  ['a low surrogate', '\xED\xBF\xBF', notUtf8],
  ['a pair of surrogates (CESU-8)', '\xED\xA0\xBD\xED\xB8\x80', notUtf8],
  ['a code beyond Unicode', '\xF4\x90\x80\x80', notUtf8],
  ['a form of five bytes', '\xF8\x88\x80\x80\x80', notUtf8],
  ['a character cut short', '\xE2\x82', notUtf8],
  ['U+FFFE', '\xEF\xBF\xBE', noncharacter],
  ['U+FFFF', '\xEF\xBF\xBF', noncharacter],
  ['U+FFFE behind a character that begins like it', '\xEF\xBC\x8C\xEF\xBF\xBD\xEF\xBF\xBE', noncharacter],
  ['U+FFFF behind the last byte of another', '\xF0\x90\x8F\xAF\xEF\xBF\xBF', noncharacter],
  ['NUL', '\0', control],
  ['U+0001', '\x01', control],
  ['a vertical tab', '\x0B', control],
  ['ESC', '\x1B', control],
];

const places: readonly (readonly [where: string, element: (bytes: string) => string])[] = [
  ['text', (bytes) => `<iq xmlns='jabber:client'>a${bytes}b</iq>`],
  ['a child', (bytes) => `<iq xmlns='jabber:client'><q>${bytes}</q></iq>`],
  ['a section', (bytes) => `<iq xmlns='jabber:client'><![CDATA[${bytes}]]></iq>`],
  ['a value', (bytes) => `<iq xmlns='jabber:client' id='a${bytes}b'/>`],
  ['a namespace', (bytes) => `<iq xmlns='jabber:client'><q xmlns='urn:${bytes}'/></iq>`],
];

/** In a name a bad character may also show as a malformed name or attribute, so only the condition is compared here. */
const names: readonly (readonly [where: string, element: (bytes: string) => string])[] = [
  ['the name of an element', (bytes) => `<iq xmlns='jabber:client'><q${bytes}/></iq>`],
  ['the beginning of a name', (bytes) => `<iq xmlns='jabber:client'><${bytes}/></iq>`],
  ['the name of an attribute', (bytes) => `<iq xmlns='jabber:client' a${bytes}='1'/>`],
  ['a prefix', (bytes) => `<iq xmlns='jabber:client' xmlns:a${bytes}='urn:a'/>`],
  ['a name after a prefix', (bytes) => `<iq xmlns='jabber:client' xmlns:a='urn:a'><a:b${bytes}/></iq>`],
];

function verdictOf(scanner: Scanner, chunks: readonly Buffer[]): string | undefined {
  try {
    for (const chunk of chunks) {
      scanner.push(chunk);
      while (scanner.next() !== undefined);
    }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return error.message;
  }
  return undefined;
}

/**
 * Each case runs as a stream at once and byte by byte, and as a WebSocket message; with the bounds of before and after signing
 * in.
 */
function verdicts(element: string): (string | undefined)[] {
  const bytes = Buffer.from(element, 'latin1');
  const whole = Buffer.concat([Buffer.from(header), bytes]);
  return [preauthBounds, openBounds].flatMap((bounds) => [
    verdictOf(new StreamScanner({ contentNs: 'jabber:client', bounds }), [Buffer.from(whole)]),
    verdictOf(
      new StreamScanner({ contentNs: 'jabber:client', bounds }),
      [...whole].map((byte) => Buffer.from([byte])),
    ),
    verdictOf(new FrameScanner({ bounds }), [Buffer.from(bytes)]),
  ]);
}

for (const [what, bytes, verdict] of kinds) {
  test(`${what}: ${verdict}`, () => {
    for (const [where, element] of places) {
      assert.deepEqual(verdicts(element(bytes)), new Array(6).fill(verdict), `in ${where}`);
    }
    for (const [where, element] of names) {
      const expected = verdict === notUtf8 ? /^unsupported-encoding: not UTF-8$/ : /^not-well-formed: /;
      for (const found of verdicts(element(bytes))) assert.match(found ?? 'nothing', expected, `in ${where}`);
    }
  });
}

test('a stream header is judged in the same way', () => {
  for (const [what, bytes, verdict] of kinds) {
    const opening = header.replace("version='1.0'", `version='1.0' id='${bytes}'`);
    const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: preauthBounds });
    assert.equal(verdictOf(scanner, [Buffer.from(opening, 'latin1')]), verdict, what);
  }
});

test('references to the same characters are not well-formed, in text and in values', () => {
  for (const name of ['#0', '#1', '#x1B', '#xD800', '#57343', '#xFFFE', '#65535', '#x110000', '#x', '#', '#xG', '#1a', '#-1']) {
    const verdict = 'not-well-formed: a reference names no character that XML allows';
    assert.deepEqual(verdicts(`<iq xmlns='jabber:client'>&${name};</iq>`), new Array(6).fill(verdict), name);
    assert.deepEqual(verdicts(`<iq xmlns='jabber:client' id='&${name};'/>`), new Array(6).fill(verdict), name);
  }
});

test('what XML allows is accepted: DEL, the C1 controls, private use, noncharacters of other planes', () => {
  for (const text of ['\x7F', '\x80\x9F', '\uE000', '\uFFFD', '\uFDD0', '\u{1FFFE}', '\u{1FFFF}', '\u{10FFFF}', '\uFEFF']) {
    const element = Buffer.from(`<iq xmlns='jabber:client' id='${text}'>${text}</iq>`).toString('latin1');
    assert.deepEqual(verdicts(element), new Array(6).fill(undefined), JSON.stringify(text));
  }
  for (const name of ['é', 'a\xB7', '\u3042', '\u{10000}', '\u1680', '\uFEFF']) {
    const element = Buffer.from(`<iq xmlns='jabber:client'><${name} ${name}='1'/></iq>`).toString('latin1');
    assert.deepEqual(verdicts(element), new Array(6).fill(undefined), JSON.stringify(name));
  }
});
