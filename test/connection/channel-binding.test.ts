/** RFC 5929 §4.1: the end point's hash follows the certificate's signature. XEP-0515 §4.1: the version of TLS as both ends have it. */
import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { serverEndPoint, tlsVersion } from '../../services/connection/door/channel-binding.ts';

const rsa = { publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 };

for (const [algorithm, hash] of [
  [{ name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }, 'sha256'],
  [{ name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-384' }, 'sha384'],
  [{ name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' }, 'sha512'],
  [{ name: 'RSASSA-PKCS1-v1_5', ...rsa, hash: 'SHA-1' }, 'sha256'],
  [{ name: 'RSASSA-PKCS1-v1_5', ...rsa, hash: 'SHA-256' }, 'sha256'],
  [{ name: 'RSASSA-PKCS1-v1_5', ...rsa, hash: 'SHA-512' }, 'sha512'],
  [{ name: 'RSA-PSS', ...rsa, hash: 'SHA-384', saltLength: 48 }, 'sha384'],
  [{ name: 'Ed25519' }, undefined],
] as const) {
  const what = `${algorithm.name}${'hash' in algorithm ? ` with ${algorithm.hash}` : ''}`;
  test(`a certificate signed by ${what} is bound by ${hash ?? 'nothing'}`, async () => {
    const keys = (await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify'])) as never;
    const made = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=example.org',
      signingAlgorithm: algorithm as never,
      keys,
    });
    const der = Buffer.from(made.rawData);
    assert.deepEqual(serverEndPoint(der), hash === undefined ? undefined : createHash(hash).update(der).digest());
  });
}

test('bytes that are not a certificate give no channel binding', () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff])]) {
    assert.equal(serverEndPoint(bytes), undefined);
  }
});

for (const [version, digits] of [
  ['TLSv1.2', '0303'],
  ['TLSv1.3', '0304'],
] as const) {
  test(`a stream over ${version} is one of version ${digits}`, async (t) => {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const made = await x509.X509CertificateGenerator.createSelfSigned({ name: 'CN=a.example', keys: keys as never });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const pem = `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----`;
    const server = createServer({ cert: made.toString('pem'), key: pem }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: version, maxVersion: version });
    t.after(() => client.destroy());
    const [accepted] = (await once(server, 'secureConnection')) as [TLSSocket];
    t.after(() => accepted.destroy());
    assert.equal(tlsVersion(accepted), digits);
  });
}
