/** Which certificates prove a domain between servers, and which do not: RFC 5280, RFC 9525, RFC 6120 §13.7. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { provesDomain } from '../../lib/s2s/proof.ts';
import { Roots } from '../../lib/s2s/roots.ts';
import * as made from './proof-certificates.ts';
import { clientAuth, dnsTree, type Made, make, serverAuth, type Wanted } from './proof-certificates.ts';

let root: Made;
let ca: Made;
let roots: Roots;

before(async () => {
  root = await make('CN=Root', { ca: -1 });
  ca = await make('CN=CA', { ca: 0, by: root, usage: x509.KeyUsageFlags.keyCertSign });
  roots = new Roots([new X509Certificate(root.der)]);
});

/** @returns 'ok', or the reason */
async function proof(domain: string, chain: readonly Made[], trusted: Roots = roots): Promise<string> {
  const ders = chain.map(({ der }) => der);
  const result = await provesDomain(domain, ders, { roots: trusted, now: Date.now() });
  return result.ok ? 'ok' : result.reason;
}

const leafOf = (wanted: Wanted, subject = 'CN=host') => make(subject, { by: ca, purposes: [serverAuth], ...wanted });

test('a certificate of a CA that the roots vouch for proves its domain, and not another tenant’s', async () => {
  const leaf = await leafOf({ dns: ['a.example', 'conference.a.example'] });
  assert.equal(await proof('a.example', [leaf, ca]), 'ok');
  assert.equal(await proof('conference.a.example', [leaf, ca]), 'ok');
  assert.equal(await proof('b.example', [leaf, ca]), 'the certificate is for a.example, conference.a.example, not for b.example');
});

test('the order of what the peer sends besides does not matter, nor do strangers among it', async () => {
  const stranger = await make('CN=Stranger', { ca: -1 });
  const leaf = await leafOf({ dns: ['a.example'] });
  assert.equal(await proof('a.example', [leaf, stranger, root, ca]), 'ok');
  assert.match(await proof('a.example', [leaf]), /its CA is not trusted here/);
});

for (const [what, wanted, domain, isGood] of [
  ['RFC 9525 §6.3: a wildcard stands for one label', { dns: ['*.a.example'] }, 'x.a.example', true],
  ['a wildcard does not stand for none', { dns: ['*.a.example'] }, 'a.example', false],
  ['a wildcard does not stand for two', { dns: ['*.a.example'] }, 'x.y.a.example', false],
  ['a wildcard is a whole label', { dns: ['x*.a.example'] }, 'xy.a.example', false],
  ['a wildcard is the left-most label', { dns: ['x.*.example'] }, 'x.a.example', false],
  ['a wildcard below a top-level domain proves nothing', { dns: ['*.example'] }, 'a.example', false],
  ['a wildcard alone proves nothing', { dns: ['*'] }, 'example', false],
  ['names are compared without case', { dns: ['A.Example'] }, 'a.example', true],
  ['names are A-labels', { dns: ['xn--bcher-kva.example'] }, 'bücher.example', true],
  ['RFC 4985: SRVName for servers', { srv: ['_xmpp-server.a.example'] }, 'a.example', true],
  ['SRVName for clients proves nothing to a server', { srv: ['_xmpp-client.a.example'] }, 'a.example', false],
  ['SRVName of another domain', { srv: ['_xmpp-server.b.example'] }, 'a.example', false],
  ['RFC 6120 §13.7.1.4: XmppAddr', { xmpp: ['bücher.example'] }, 'bücher.example', true],
  ['XmppAddr of another domain', { xmpp: ['b.example'] }, 'a.example', false],
  ['XmppAddr of an account', { xmpp: ['juliet@a.example'] }, 'a.example', false],
] as const) {
  test(`${what}`, async () => {
    const found = await proof(domain, [await leafOf(wanted), ca]);
    if (isGood) assert.equal(found, 'ok');
    else assert.match(found, new RegExp(`not for ${domain}$`));
  });
}

test('RFC 9525 §2: the common name proves nothing', async () => {
  const leaf = await leafOf({}, 'CN=a.example');
  assert.equal(await proof('a.example', [leaf, ca]), 'the certificate is for no domain, not for a.example');
});

test('an address is not proven by name', async () => {
  const leaf = await leafOf({ dns: ['192.0.2.1', '::1', '[::1]'] });
  for (const address of ['192.0.2.1', '[::1]']) assert.ok((await proof(address, [leaf, ca])).endsWith(`not for ${address}`));
});

test('without a certificate nothing is proven', async () => {
  assert.equal(await proof('a.example', []), 'the peer has no certificate');
});

describe('RFC 5280: what makes a certificate worthless', () => {
  const refused = async (chain: readonly Made[], reason: string, trusted?: Roots) =>
    assert.equal(await proof('a.example', chain, trusted), `the certificate does not count: ${reason}`);
  const dns = ['a.example'];

  test('it has expired, or is not valid yet; so has, or is, its CA', async () => {
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    await refused([await leafOf({ dns, to: -2 }), ca], `it has expired on ${day(-2)}`);
    await refused([await leafOf({ dns, from: 2 }), ca], `it is not valid before ${day(2)}`);
    const old = await make('CN=Old', { ca: 0, by: root, to: -2 });
    await refused([await leafOf({ dns, by: old }), old], `its CA has expired on ${day(-2)}`);
  });

  test('it is self-signed', async () => {
    await refused([await make('CN=a.example', { dns })], 'its CA is not trusted here');
  });

  test('its CA sends its own root, which nobody trusts', async () => {
    const own = await make('CN=Root', { ca: -1 }); // the same name as the root that is trusted
    const below = await make('CN=CA', { ca: 0, by: own });
    const leaf = await leafOf({ dns, by: below });
    await refused([leaf, below, own], 'its CA is not trusted here');
  });

  test('its chain is forged: the names are right, the signature is of another key', async () => {
    const impostor = { ...(await make('CN=CA', { ca: 0 })), subject: ca.subject };
    const leaf = await leafOf({ dns, by: impostor });
    await refused([leaf, ca], 'its CA is not trusted here');
    const forgedCa = { ...(await make('CN=Root', { ca: -1 })), subject: root.subject };
    const between = await make('CN=CA', { ca: 0, by: forgedCa });
    await refused([await leafOf({ dns, by: between }), between, root], 'its CA is not trusted here');
  });

  test('it was issued by a certificate that is not a CA’s', async () => {
    const server = await leafOf({ dns: ['b.example'] }, 'CN=b.example');
    await refused([await leafOf({ dns, by: server }), server, ca], 'it was issued by a certificate that is not for a CA');
    const plain = await make('CN=Plain', { by: root, isVersion1Like: true });
    await refused([await leafOf({ dns, by: plain }), plain], 'it was issued by a certificate that is not for a CA');
    const noSigner = await make('CN=No Signer', { by: root, ca: -1, usage: x509.KeyUsageFlags.digitalSignature });
    assert.match(await proof('a.example', [await leafOf({ dns, by: noSigner }), noSigner]), /^the certificate does not count/);
  });

  test('its CA has a CA below it that it may not have', async () => {
    const deeper = await make('CN=Deeper', { ca: -1, by: ca });
    await refused([await leafOf({ dns, by: deeper }), deeper, ca], 'its CA may not have CAs below it');
  });

  test('its chain is longer than anybody needs', async () => {
    const chain: Made[] = [];
    let last = root;
    for (let depth = 0; depth < 6; depth++) {
      last = await make(`CN=CA ${depth}`, { ca: -1, by: last });
      chain.unshift(last);
    }
    await refused([await leafOf({ dns, by: last }), ...chain], 'its CA is not trusted here');
    assert.equal(await proof('a.example', [await leafOf({ dns, by: chain[3]! }), ...chain.slice(3)]), 'ok');
  });

  test('it is not for servers; for servers alone, for anything or without a word is enough', async () => {
    await refused([await leafOf({ dns, purposes: [clientAuth] }), ca], 'it is not for servers');
    const forClients = await make('CN=Client CA', { ca: 0, by: root, purposes: [clientAuth] });
    await refused([await leafOf({ dns, by: forClients }), forClients], 'its CA is not for servers');
    for (const purposes of [[serverAuth], [serverAuth, clientAuth], [made.anyPurpose], undefined])
      assert.equal(await proof('a.example', [await leafOf({ dns, purposes }), ca]), 'ok');
  });

  test('it has a critical extension that we do not know; one that is not critical is left alone', async () => {
    const reason = 'it has a critical extension that is not known here (1.2.3.4.5)';
    await refused([await leafOf({ dns, extensions: [made.strangeExtension(true)] }), ca], reason);
    assert.equal(await proof('a.example', [await leafOf({ dns, extensions: [made.strangeExtension(false)] }), ca]), 'ok');
  });

  test('its key is too short, or it is signed by a weak algorithm', async () => {
    const rsa = (modulusLength: number, hash = 'SHA-256') => ({
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash,
    });
    await refused([await leafOf({ dns, algorithm: rsa(1_024) }), ca], 'its RSA key has 1024 bits');
    const weak = await make('CN=Weak', { ca: 0, by: root, algorithm: rsa(2_048, 'SHA-1') });
    await refused([await leafOf({ dns, by: weak }), weak], 'it is signed by a weak algorithm');
    const good = await make('CN=Good', { ca: 0, by: root, algorithm: rsa(2_048) });
    assert.equal(await proof('a.example', [await leafOf({ dns, by: good }), good]), 'ok');
  });

  test('it cannot be read, is too large, or has too many names', async () => {
    const { der } = await leafOf({ dns });
    const broken = async (bytes: Buffer) => {
      const result = await provesDomain('a.example', [bytes, ca.der], { roots, now: Date.now() });
      return result.ok ? 'ok' : result.reason;
    };
    assert.match(await broken(der.subarray(0, -10)), /it cannot be read$/);
    assert.match(await broken(Buffer.from('nonsense')), /it cannot be read$/);
    assert.match(await broken(Buffer.alloc(100_000, 0x30)), /it has 100000 bytes$/);
    const many = Array.from({ length: 600 }, (_, index) => `n${index}.example`);
    await refused([await leafOf({ dns: [...many, 'a.example'] }), ca], 'it has 601 names');
  });

  test('a byte of it, or of its CA’s, is another one: it is refused, and nothing is thrown', async () => {
    const leaf = await leafOf({ dns });
    for (const [index, { der }] of [leaf, ca].entries()) {
      for (let at = 0; at < der.length; at++) {
        const changed = Buffer.from(der);
        changed[at]! ^= 1 << (at % 8);
        const chain = index === 0 ? [changed, ca.der] : [leaf.der, changed];
        assert.equal((await provesDomain('a.example', chain, { roots, now: Date.now() })).ok, false, `byte ${at} of ${index}`);
      }
    }
  });

  test('what comes besides it cannot be read: then it is as if it were not there', async () => {
    const leaf = await leafOf({ dns });
    const result = await provesDomain('a.example', [leaf.der, Buffer.from('nonsense'), ca.der], { roots, now: Date.now() });
    assert.ok(result.ok);
  });
});

describe('RFC 5280 §4.2.1.10: name constraints of a CA', () => {
  const names = { dns: ['a.example'] };
  const under = async (constraints: Wanted, wanted: Wanted) => {
    const bound = await make('CN=Bound', { ca: 0, by: root, ...constraints });
    return proof('a.example', [await make('CN=host', { by: bound, ...wanted }), bound]);
  };
  const forbidden = (name: string) => `the certificate does not count: its CA may not issue one for ${name}`;

  for (const [what, constraints, wanted, found] of [
    ['permitted', { permitted: [dnsTree('a.example')] }, names, 'ok'],
    ['permitted, with a dot in front', { permitted: [dnsTree('.example')] }, names, 'ok'],
    ['a dot in front is for what is below', { permitted: [dnsTree('.a.example')] }, names, forbidden('a.example')],
    ['another domain is permitted', { permitted: [dnsTree('b.example')] }, names, forbidden('a.example')],
    ['a domain that ends alike', { permitted: [dnsTree('xample')] }, names, forbidden('a.example')],
    [
      'one name of two is not permitted',
      { permitted: [dnsTree('b.example')] },
      { dns: ['b.example', 'a.example'] },
      forbidden('a.example'),
    ],
    ['excluded', { excluded: [dnsTree('example')] }, names, forbidden('a.example')],
    ['another domain is excluded', { excluded: [dnsTree('b.example')] }, names, 'ok'],
    [
      'permitted and excluded',
      { permitted: [dnsTree('example')], excluded: [dnsTree('a.example')] },
      names,
      forbidden('a.example'),
    ],
    ['XmppAddr does not evade them', { permitted: [dnsTree('b.example')] }, { xmpp: ['a.example'] }, forbidden('a.example')],
    [
      'SRVName does not evade them',
      { permitted: [dnsTree('b.example')] },
      { srv: ['_xmpp-server.a.example'] },
      forbidden('a.example'),
    ],
    ['XmppAddr within them', { permitted: [dnsTree('a.example')] }, { xmpp: ['a.example'] }, 'ok'],
    [
      'constraints on XmppAddr are not evaluated',
      { permitted: [made.xmppAddress('a.example')] },
      { xmpp: ['a.example'] },
      forbidden('a.example'),
    ],
    ['constraints on XmppAddr, and a name in DNS', { permitted: [made.xmppAddress('a.example')] }, names, 'ok'],
    [
      'constraints on SRVName are not evaluated',
      { excluded: [made.srvName('_x.b.example')] },
      { srv: ['_xmpp-server.a.example'] },
      forbidden('_xmpp-server.a.example'),
    ],
    ['constraints on a form that proves nothing', { permitted: [made.directoryTree('Montague')] }, names, 'ok'],
  ] as const) {
    test(what, async () => assert.equal(await under(constraints, wanted), found));
  }

  test('a wildcard that reaches an excluded name is refused', async () => {
    const bound = await make('CN=Bound', { ca: 0, by: root, excluded: [dnsTree('secret.a.example')] });
    const leaf = await make('CN=host', { by: bound, dns: ['*.a.example'] });
    assert.equal(await proof('x.a.example', [leaf, bound]), forbidden('*.a.example'));
  });

  test('those of all CAs on the way count, the root’s too', async () => {
    const outer = await make('CN=Outer', { ca: -1, permitted: [dnsTree('b.example')] });
    const inner = await make('CN=Inner', { ca: 0, by: outer, permitted: [dnsTree('a.example')] });
    const trusted = new Roots([new X509Certificate(outer.der)]);
    assert.equal(
      await proof('a.example', [await make('CN=host', { by: inner, ...names }), inner], trusted),
      forbidden('a.example'),
    );
  });
});

test('a CA that is signed twice: one way to a root is enough', async () => {
  const old = await make('CN=Old Root', { ca: -1, to: -1 });
  const crossed = await make('CN=Crossed', { ca: -1, by: old });
  const again = await sameKey(crossed, root);
  const leaf = await leafOf({ dns: ['a.example'], by: crossed });
  const both = new Roots([new X509Certificate(old.der), new X509Certificate(root.der)]);
  assert.equal(await proof('a.example', [leaf, crossed, again], both), 'ok');
  assert.match(await proof('a.example', [leaf, crossed], both), /its CA has expired/);
});

test('a certificate that the operator has put among the roots proves its domain by itself', async () => {
  const own = await make('CN=a.example', { dns: ['a.example'] });
  const trusted = new Roots([new X509Certificate(own.der)]);
  assert.equal(await proof('a.example', [own], trusted), 'ok');
  assert.match(await proof('b.example', [own], trusted), /not for b\.example/);
  const forged = await make('CN=a.example', { dns: ['b.example'], by: { ...own, keys: own.keys } });
  assert.match(await proof('b.example', [forged], trusted), /not for a CA/);
});

/** The CA's certificate for the same key by another issuer. */
async function sameKey(of: Made, by: Made): Promise<Made> {
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: '77',
    subject: of.subject,
    issuer: by.subject,
    notBefore: new Date(Date.now() - 1_000),
    notAfter: new Date(Date.now() + 1_000_000),
    signingAlgorithm: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
    publicKey: of.keys.publicKey as never,
    signingKey: by.keys.privateKey as never,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return { ...of, certificate, der: Buffer.from(certificate.rawData) };
}
