/** RFC 5929 §4.1: the end point's hash follows the certificate's signature. */
import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import { test } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { serverEndPoint } from '../../services/connection/door/channel-binding.ts';

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
