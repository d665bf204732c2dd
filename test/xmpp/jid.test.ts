import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Jid } from '../../lib/xmpp/jid.ts';

const malformed = { name: 'StanzaError', condition: 'jid-malformed' };
const shown = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

for (const [input, local, domain, resource] of [
  // RFC 7622 §3.5, table 1.
  ['juliet@example.com', 'juliet', 'example.com', ''],
  ['juliet@example.com/foo', 'juliet', 'example.com', 'foo'],
  ['juliet@example.com/foo bar', 'juliet', 'example.com', 'foo bar'],
  ['juliet@example.com/foo@bar', 'juliet', 'example.com', 'foo@bar'],
  ['foo\\20bar@example.com', 'foo\\20bar', 'example.com', ''],
  ['fussball@example.com', 'fussball', 'example.com', ''],
  ['fu\u00DFball@example.com', 'fu\u00DFball', 'example.com', ''],
  ['\u03C0@example.com', '\u03C0', 'example.com', ''],
  ['\u03A3@example.com/foo', '\u03C3', 'example.com', 'foo'],
  ['\u03C3@example.com/foo', '\u03C3', 'example.com', 'foo'],
  ['\u03C2@example.com/foo', '\u03C2', 'example.com', 'foo'],
  ['king@example.com/\u265A', 'king', 'example.com', '\u265A'],
  ['example.com', '', 'example.com', ''],
  ['example.com/foobar', '', 'example.com', 'foobar'],
  ['a.example.com/b@example.net', '', 'a.example.com', 'b@example.net'],
  // Table 2 lists this one as invalid; errata 4560 says that it is not.
  ['juliet@example.com/ foo', 'juliet', 'example.com', ' foo'],
  // Dependencies.
  ['a@b/c/d@e', 'a', 'b', 'c/d@e'],
  ['Juliet@EXAMPLE.Com/Balcony', 'juliet', 'example.com', 'Balcony'],
  ['example.com.', '', 'example.com', ''],
  ['example.com./x', '', 'example.com', 'x'],
  ['example\u3002com', '', 'example.com', ''],
  ['B\u00FCcher.example', '', 'b\u00FCcher.example', ''],
  ['xn--bcher-kva.example', '', 'b\u00FCcher.example', ''],
  ['XN--BCHER-KVA.example.', '', 'b\u00FCcher.example', ''],
  ['stra\u00DFe.example', '', 'stra\u00DFe.example', ''],
  ['\uFF45\uFF58.example', '', 'ex.example', ''],
  ['r3---sn.example', '', 'r3---sn.example', ''],
  ['192.0.2.1', '', '192.0.2.1', ''],
  ['a@[2001:DB8::1]/x', 'a', '[2001:db8::1]', 'x'],
  ['localhost', '', 'localhost', ''],
  [`${'a'.repeat(1023)}@b`, 'a'.repeat(1023), 'b', ''],
  [`b/${'\u00E9'.repeat(511)}x`, '', 'b', `${'\u00E9'.repeat(511)}x`],
  [`${'a'.repeat(63)}.b`, '', `${'a'.repeat(63)}.b`, ''],
] as const) {
  test(`${shown(input)} is an address`, () => {
    const jid = Jid.parse(input);
    assert.deepEqual([jid.local, jid.domain, jid.resource], [local, domain, resource]);
    const text = `${local && `${local}@`}${domain}${resource && `/${resource}`}`;
    assert.equal(jid.toString(), text);
    assert(Jid.parse(text).equals(jid));
    assert(Jid.of(local, domain, resource).equals(jid));
  });
}

for (const input of [
  // RFC 7622 §3.5, table 2.
  '"juliet"@example.com',
  'foo bar@example.com',
  '@example.com/',
  'henry\u2163@example.com',
  '\u265A@example.com',
  'juliet@',
  '/foobar',
  // Dependencies.
  '',
  '@',
  '/',
  '@b',
  'a@b/',
  'a@b@c',
  'a@',
  ' a@b',
  'a@b ',
  'a@ b',
  ...[...'"&\':<>'].map((character) => `a${character}a@b.c`),
  'a\uFF20b@c',
  'a\uFF1Cb@c',
  'a\0@b',
  'a@b/\0',
  'a@b/\n',
  'a@b/\uD800',
  '..',
  '.',
  'a..b',
  '.a',
  'a.b..',
  '-a.b',
  'a-.b',
  'a_b',
  'a@b:5222',
  'a@\u2603.example',
  'a@xn--',
  'a@xn--a',
  'a@xn--\u00FC',
  'a@a\u00ADb\u2044c',
  'a@[::1',
  'a@::1',
  'a@[::g]',
  'a@[fe80::1%eth0]',
  'a@[127.0.0.1]',
  `${'a'.repeat(1024)}@b`,
  `b/${'\u00E9'.repeat(512)}`,
  `${'a'.repeat(64)}.b`,
  `${'abc.'.repeat(256)}d`,
  `a@b/${'x'.repeat(100_000)}`,
]) {
  test(`${shown(input)} is not an address`, () => {
    assert.throws(() => Jid.parse(input), malformed);
  });
}

test('an empty domain is refused, and separators do not slip in through parts', () => {
  assert.throws(() => Jid.of('a', ''), malformed);
  assert.throws(() => Jid.of('a@b', 'c'), malformed);
  assert.throws(() => Jid.of('a', 'b/c'), malformed);
  assert.equal(Jid.of('', 'B', 'c/d').toString(), 'b/c/d');
});

test('an address has a bare and a full form', () => {
  const full = Jid.parse('a@b/c');
  assert.deepEqual([full.isFull, full.isBare, `${full.bare}`], [true, false, 'a@b']);
  assert.equal(full.bare, full.bare);
  assert.equal(full.bare.bare, full.bare);
  assert.deepEqual([full.bare.isFull, full.bare.isBare], [false, true]);
  assert.equal(`${full.bare.withResource('d\u00A0e')}`, 'a@b/d e');
  assert.equal(`${full.withResource('')}`, 'a@b');
  assert.throws(() => full.withResource('\0'), malformed);
  assert.deepEqual([full.equals(Jid.of('A', 'B', 'c')), full.equals(full.bare), full.equals(undefined)], [true, false, false]);
  assert.equal(JSON.stringify({ full }), '{"full":"a@b/c"}');
});

test('the cache is bounded and answers correctly after it has dropped entries', () => {
  const first = Jid.parse('a@b/first');
  for (let index = 0; index < 25_000; index += 1) assert.equal(Jid.parse(`a${index}@b`).local, `a${index}`);
  assert.notEqual(Jid.parse('a@b/first'), first, 'dropped by now');
  assert(Jid.parse('a@b/first').equals(first));
  assert.equal(Jid.parse('a24999@b'), Jid.parse('a24999@b'), 'kept');
});

test('the text of an address is an address, and the same one', () => {
  const part = fc.string({ unit: 'grapheme', maxLength: 8 });
  let valid = 0;
  fc.assert(
    fc.property(part, fc.constantFrom('b.example', 'B\u00FCcher.example', '[::1]'), part, (local, domain, resource) => {
      let jid: Jid;
      try {
        jid = Jid.of(local, domain, resource);
      } catch (error) {
        assert.equal((error as { condition?: string }).condition, 'jid-malformed');
        return;
      }
      valid += 1;
      const again = Jid.parse(jid.toString());
      assert.deepEqual([again.local, again.domain, again.resource], [jid.local, jid.domain, jid.resource]);
    }),
    { numRuns: 2000 },
  );
  assert(valid > 100);
});
