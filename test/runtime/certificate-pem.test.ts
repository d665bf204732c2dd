/** Which certificates may be served, and that each refusal says what is wrong. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Keys } from '../../lib/ports/keys.ts';
import { BadCertificate, checkPem, keepPem } from '../../lib/runtime/certificate-pem.ts';
import { Certificates } from '../../lib/runtime/certificates.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { dns, type Made, makePem } from '../support/pem.ts';
import { memoryStore } from '../support/stage/memory-store.ts';

const now = Date.now();
const check = (domain: string, chain: string, key: string) => checkPem(domain, { chain, key }, 'pem', now);

describe('a given certificate', () => {
  let root: Made;
  let middle: Made;
  let leaf: Made;
  let chain: string;
  before(async () => {
    root = await makePem('Root', { isCa: true });
    middle = await makePem('Middle', { isCa: true, issuer: root });
    leaf = await makePem('example.org', { names: dns('example.org', 'CONFERENCE.example.org', '*.example.net'), issuer: middle });
    chain = leaf.cert + middle.cert + root.cert;
  });

  test('is described by names, dates and fingerprint', () => {
    const entry = check('example.org', chain, leaf.key);
    const certificate = new X509Certificate(leaf.cert);
    assert.deepEqual(entry, {
      domain: 'example.org',
      names: ['example.org', 'conference.example.org', '*.example.net'],
      notBeforeMs: certificate.validFromDate.getTime(),
      notAfterMs: certificate.validToDate.getTime(),
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
      source: 'pem',
      issuer: 'CN=Middle',
    });
  });

  test('may come alone, with text around it, and with CRLF', () => {
    assert.ok(check('example.org', leaf.cert, leaf.key));
    assert.ok(check('example.org', `subject=CN = example.org\n${chain}\nthe end`, leaf.key));
    assert.ok(check('example.org', chain.replaceAll('\n', '\r\n'), leaf.key));
  });

  test('is good for a name that a wildcard covers, one label deep', () => {
    assert.ok(check('chat.example.net', chain, leaf.key));
    for (const domain of ['example.net', 'a.chat.example.net', 'xample.net']) {
      assert.throws(() => check(domain, chain, leaf.key), /is not for '/, domain);
    }
  });

  test('is good for a domain in any script', async () => {
    const made = await makePem('xn--bcher-kva.example');
    assert.deepEqual(check('bücher.example', made.cert, made.key).names, ['xn--bcher-kva.example']);
  });

  for (const [what, message, make] of [
    [
      'another name',
      "the certificate is not for 'other.org'; it is for example.org, conference.example.org, *.example.net",
      () => ['other.org', chain, leaf.key],
    ],
    [
      'the key of another certificate',
      'the private key does not belong to the certificate',
      () => ['example.org', chain, root.key],
    ],
    ['no PEM', 'there is no certificate in PEM', () => ['example.org', 'hello', leaf.key]],
    ['the two files swapped', 'there is no certificate in PEM', () => ['example.org', leaf.key, leaf.cert]],
    [
      'a damaged certificate',
      'certificate 1 of the chain is damaged',
      () => ['example.org', leaf.cert.replace(/M/g, 'N'), leaf.key],
    ],
    ['no key', 'the private key is not in PEM, or has a passphrase', () => ['example.org', chain, 'secret']],
    [
      'the chain reversed',
      "the chain is reversed: the domain's own certificate must come first, then each before its issuer",
      () => ['example.org', root.cert + middle.cert + leaf.cert, leaf.key],
    ],
    [
      'the chain reversed, without its root',
      "the chain is reversed: the domain's own certificate must come first, then each before its issuer",
      () => ['example.org', middle.cert + leaf.cert, leaf.key],
    ],
    [
      'the root first',
      "the first certificate is that of a CA; the domain's own is number 2 and must come first",
      () => ['example.org', root.cert + leaf.cert + middle.cert, leaf.key],
    ],
    [
      'a CA alone',
      "the first certificate is that of a CA; the domain's own must come first",
      () => ['example.org', middle.cert + root.cert, middle.key],
    ],
    [
      'a gap in the chain',
      "certificate 1 of the chain is not signed by certificate 2: the certificate of its issuer 'CN=Middle' is missing between them",
      () => ['example.org', leaf.cert + root.cert, leaf.key],
    ],
    [
      'the rest of the chain reversed',
      'certificate 1 of the chain is not signed by certificate 2: the rest of the chain is reversed; each must come before its issuer',
      () => ['example.org', leaf.cert + root.cert + middle.cert, leaf.key],
    ],
    [
      'the same certificate twice',
      'certificate 1 of the chain is not signed by certificate 2, but by certificate 3; each must come before its issuer',
      () => ['example.org', leaf.cert + leaf.cert + middle.cert + root.cert, leaf.key],
    ],
    [
      'too many',
      `there are more than ${runtimeLimits.certificateChainMax} certificates in the chain`,
      () => ['example.org', leaf.cert.repeat(runtimeLimits.certificateChainMax + 1), leaf.key],
    ],
    [
      'too much',
      `the certificate and its chain have more than ${runtimeLimits.certificateBytesMax} bytes`,
      () => ['example.org', `${chain}${' '.repeat(runtimeLimits.certificateBytesMax)}`, leaf.key],
    ],
    [
      'an address as the domain',
      "'192.0.2.1' is not a domain name that a certificate can cover",
      () => ['192.0.2.1', chain, leaf.key],
    ],
  ] as const) {
    test(`is refused: ${what}`, () => {
      const [domain, cert, key] = make() as [string, string, string];
      assert.throws(() => check(domain, cert, key), new BadCertificate(message));
    });
  }

  test('is refused before its time and after it, also further up the chain', async () => {
    const early = await makePem('example.org', { notBefore: new Date('2099-01-01'), notAfter: new Date('2099-02-01') });
    assert.throws(
      () => check('example.org', early.cert, early.key),
      /the certificate is not valid before 2099-01-01T00:00:00.000Z/,
    );
    const late = await makePem('example.org', { notBefore: new Date('2001-01-01'), notAfter: new Date('2001-02-01') });
    assert.throws(() => check('example.org', late.cert, late.key), /the certificate expired on 2001-02-01T00:00:00.000Z/);
    const old = await makePem('Old', { isCa: true, notBefore: new Date('2001-01-01'), notAfter: new Date('2001-02-01') });
    const under = await makePem('example.org', { issuer: old });
    assert.throws(() => check('example.org', under.cert + old.cert, under.key), /certificate 2 of the chain expired on 2001/);
  });

  test('is refused without a DNS name: a common name, an address or a trick with a comma does not count', async () => {
    const nameless = await makePem('example.org', { names: [] });
    assert.throws(() => check('example.org', nameless.cert, nameless.key), /it is for no names/);
    const tricky = await makePem('evil.example', {
      names: [
        { type: 'dns', value: 'evil.example, DNS:example.org' },
        { type: 'ip', value: '192.0.2.1' },
        { type: 'url', value: 'https://example.org/, DNS:example.org' },
      ],
    });
    assert.throws(() => check('example.org', tricky.cert, tricky.key), /is not for 'example.org'/);
  });

  test('is refused where TLS would not take it, or each handshake would cost too much', async () => {
    for (const [bits, message] of [
      [1_024, 'TLS does not take the certificate: ee key too small'],
      [8_192, 'the private key has 8192 bits; one of RSA has at most 4096'],
    ] as const) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
      const made = await makePem('example.org', { issuer: root, publicKey });
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      assert.throws(() => check('example.org', made.cert, key), new BadCertificate(message));
    }
  });

  test('is told of in a sentence when it names no issuer', async () => {
    const nameless = await makePem('', { names: dns('example.org') });
    assert.equal(check('example.org', nameless.cert, nameless.key).issuer, '');
    assert.throws(
      () => check('example.org', nameless.cert + root.cert, nameless.key),
      /the certificate of its issuer '' is missing between them/,
    );
  });

  test('is kept without what stands around it, such as its key', async () => {
    const store = memoryStore(systemClock);
    const pem = { chain: `subject=CN = example.org\r\n${leaf.key}${chain}${leaf.key}`, key: leaf.key + chain };
    const entry = checkPem('example.org', pem, 'pem', now);
    const keys: Keys = { seal: async () => 'sealed', open: () => assert.fail('nothing is opened') };
    await keepPem({ store, keys }, entry, pem);
    const kept = (await new Certificates(store).read('example.org'))!;
    assert.deepEqual(kept, { chain: chain.replaceAll('\n\n', '\n'), sealedKey: 'sealed' });
    assert.ok(!JSON.stringify(kept).includes('PRIVATE KEY'));
  });

  test('is refused with an encrypted key', () => {
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
    });
    assert.throws(() => check('example.org', chain, privateKey), /the private key is not in PEM, or has a passphrase/);
  });
});
