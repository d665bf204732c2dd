/** POSH (RFC 7711): which documents prove a certificate, and for how long they are believed. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Posh } from '../../lib/s2s/posh.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const own = Buffer.from('the certificate of the host');
const ca = Buffer.from('the certificate of its CA');
const hash = (name: string, bytes: Buffer) => createHash(name).update(bytes).digest('base64');
const right = { fingerprints: [{ 'sha-256': hash('sha256', own) }], expires: 3_600 };

/** @param documents by URL; what is not a string is made JSON */
function openPosh(documents: Readonly<Record<string, unknown>>) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const posh = new Posh({
    clock,
    async fetch({ href }) {
      asked.push(href);
      const document = documents[href];
      if (document === undefined) throw new Error('answered with status 404');
      return typeof document === 'string' ? document : JSON.stringify(document);
    },
  });
  const proof = async (domain: string) => {
    const result = await posh.proves(domain, [own, ca]);
    return result.ok ? 'ok' : result.reason;
  };
  return { clock, asked, proof, posh };
}

const at = (host: string) => `https://${host}/.well-known/posh/xmpp-server.json`;

for (const [what, document, found] of [
  ['the fingerprint', right, 'ok'],
  ['one of several', { ...right, fingerprints: [{ 'sha-256': 'AAAA' }, ...right.fingerprints] }, 'ok'],
  ['another hash', { fingerprints: [{ 'sha-512': hash('sha512', own) }], expires: 60 }, 'ok'],
  [
    'another certificate',
    { fingerprints: [{ 'sha-256': 'AAAA' }], expires: 60 },
    'the POSH document of a.example names other certificates',
  ],
  [
    'the CA’s',
    { fingerprints: [{ 'sha-256': hash('sha256', ca) }], expires: 60 },
    'the POSH document of a.example names other certificates',
  ],
  [
    'weak hashes alone',
    { fingerprints: [{ 'sha-1': hash('sha1', own) }], expires: 60 },
    'the POSH document of a.example names other certificates',
  ],
  ['none', { fingerprints: [], expires: 60 }, 'the POSH document of a.example names other certificates'],
  ['no document', undefined, 'there is no POSH document: answered with status 404'],
  ['nonsense', '<html>', 'there is no POSH document: the POSH document is not JSON'],
  [
    'another shape',
    { fingerprints: 'x', expires: 1 },
    'there is no POSH document: the POSH document is not as RFC 7711 wants it',
  ],
  ['no time', { fingerprints: [] }, 'there is no POSH document: the POSH document is not as RFC 7711 wants it'],
  [
    'far too many',
    { fingerprints: Array.from({ length: 65 }, () => ({})), expires: 1 },
    'there is no POSH document: the POSH document is not as RFC 7711 wants it',
  ],
  [
    'a reference without TLS',
    { url: 'http://b.example/x', expires: 1 },
    'there is no POSH document: the POSH document is not as RFC 7711 wants it',
  ],
  ['a reference to nothing', { url: 'https://b.example/x', expires: 1 }, 'there is no POSH document: answered with status 404'],
] as const) {
  test(`a document with ${what}`, async () =>
    assert.equal(await openPosh({ [at('a.example')]: document }).proof('a.example'), found));
}

test('RFC 7711 §3.2: a document may refer to another one, once', async () => {
  const { proof, asked } = openPosh({
    [at('a.example')]: { url: at('hosting.example'), expires: 600 },
    [at('hosting.example')]: right,
    [at('b.example')]: { url: at('b.example'), expires: 600 },
  });
  assert.equal(await proof('a.example'), 'ok');
  assert.deepEqual(asked, [at('a.example'), at('hosting.example')]);
  assert.match(await proof('b.example'), /points to one that points further/);
  assert.equal(asked.length, 4);
});

test('the URL has A-labels, and an address has none', async () => {
  const { proof, asked } = openPosh({ [at('xn--bcher-kva.example')]: right });
  assert.equal(await proof('bücher.example'), 'ok');
  assert.deepEqual(asked, [at('xn--bcher-kva.example')]);
  assert.match(await proof('[::1]'), /is not a name in DNS/);
});

test('RFC 7711 §6: a document is believed for the shorter of both times, within bounds; what could not be had is not asked for at once', async () => {
  const { clock, proof, asked } = openPosh({
    [at('a.example')]: { url: at('hosting.example'), expires: 120 },
    [at('hosting.example')]: { ...right, expires: 900 },
    [at('year.example')]: { ...right, expires: 31_000_000 },
    [at('now.example')]: { ...right, expires: 0 },
  });
  for (const [domain, seconds] of [
    ['a.example', 120],
    ['year.example', 86_400],
    ['now.example', 60],
    ['gone.example', 300],
  ] as const) {
    await Promise.all([proof(domain), proof(domain)]);
    const first = asked.length;
    await clock.advance(seconds * 1_000 - 1);
    await proof(domain);
    assert.equal(asked.length, first, domain);
    await clock.advance(2);
    await proof(domain);
    assert.ok(asked.length > first, domain);
  }
  assert.equal(asked.filter((url) => url === at('gone.example')).length, 2);
});

test('without a certificate nothing is proven', async () => {
  const { posh } = openPosh({ [at('a.example')]: right });
  assert.deepEqual(await posh.proves('a.example', []), { ok: false, reason: 'the peer has no certificate' });
});
