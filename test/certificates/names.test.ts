/** Names of certificates, and of the records that prove them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, dnsName } from '../../lib/runtime/certificate-names.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { challengeOf, wantedNames } from '../../services/certificates/names.ts';

test('a tenant gets its domain, its rooms, its uploads and its pubsub service, each once', () => {
  assert.deepEqual(wantedNames('example.org'), [
    'example.org',
    'conference.example.org',
    'upload.example.org',
    'pubsub.example.org',
  ]);
  assert.deepEqual(wantedNames('example.org', ['pubsub.example.org', 'irc.example.org']).slice(3), [
    'pubsub.example.org',
    'irc.example.org',
  ]);
  assert.deepEqual(wantedNames('bücher.example')[0], 'xn--bcher-kva.example');
});

test('a name that no public CA could prove gets none', () => {
  for (const domain of ['localhost', '127.0.0.1', '[::1]', '1.2.3.4', 'example.123', '', '.', 'a..b', '-a.example']) {
    assert.deepEqual(wantedNames(domain), [], domain);
  }
});

test('a name that is too long with its rooms is left out, not cut', () => {
  const domain = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(55)}.example`;
  assert.equal(domain.length, 246);
  assert.deepEqual(wantedNames(domain), [domain, `upload.${domain}`, `pubsub.${domain}`]);
});

test('a text that is not a DNS name never becomes one: quotes, spaces, slashes, wildcards, underscores', () => {
  for (const domain of [
    'a b.example',
    'a".example',
    'a/b.example',
    '*.example.org',
    '_acme-challenge.example.org',
    "a';drop.example",
    'a\n.example',
    'a\0.example',
    'a\\.example',
  ]) {
    assert.equal(dnsName(domain), undefined, JSON.stringify(domain));
  }
});

test('whatever a tenant is called, its record is one name below the zone, in plain letters, at most 253 long', () => {
  const zone = 'acme.operator.example';
  const domains = fc.oneof(
    fc.domain(),
    fc.string({ unit: 'grapheme', maxLength: 80 }).map((text) => `${text}.example`),
  );
  let tried = 0;
  fc.assert(
    fc.property(domains, (text) => {
      let domain: string;
      try {
        ({ domain } = Jid.of('', text));
      } catch {
        return;
      }
      for (const name of wantedNames(domain)) {
        tried++;
        const { alias, target } = challengeOf(name, zone);
        assert.match(target, /^[a-z0-9.-]+\.acme\.operator\.example$/);
        assert.ok(target.length <= 253);
        assert.ok(!target.includes('..'));
        assert.equal(alias, `_acme-challenge.${name}`);
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(tried > 300);
});

test('different names have different records, even long ones', () => {
  const long = (letter: string) => `${Array(3).fill(letter.repeat(63)).join('.')}.${letter.repeat(50)}.example`.slice(0, 253);
  const names = ['example.org', 'conference.example.org', long('a'), long('b')];
  const targets = new Set(names.map((name) => challengeOf(name, 'acme.operator.example').target));
  assert.equal(targets.size, names.length);
  for (const target of targets) assert.ok(target.length <= 253);
});

test('a wildcard covers one label', () => {
  assert.ok(covers(['*.example.org'], 'chat.example.org'));
  assert.ok(!covers(['*.example.org'], 'example.org'));
  assert.ok(!covers(['*.example.org'], 'a.chat.example.org'));
  assert.ok(!covers(['*.org'], 'example.com'));
  assert.ok(!covers(['*'], 'org'));
});
