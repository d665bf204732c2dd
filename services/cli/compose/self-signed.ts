/** Makes a self-signed certificate (ECDSA P-256, RFC 6120 §13.7.1.2). */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../../../lib/ports/clock.ts';
import { programLimits } from '../limits.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** @param name the domain as certificates have it: as A-labels, or an IP address. @returns both in PEM */
export async function makeSelfSigned(name: string, clock: Clock): Promise<{ readonly cert: string; readonly key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const now = clock.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `4${clock.randomBytes(15).toString('hex')}0`, // positive, RFC 5280 §4.1.2.2
    name: [{ CN: [name.slice(0, 64)] }],
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + programLimits.ownCertificateDays * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(name)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = x509.PemConverter.encode(pkcs8, 'PRIVATE KEY');
  return { cert: `${certificate.toString('pem')}\n`, key: `${key}\n` };
}

/** The domain and its subdomains, and the names under which clients on the same machine reach the service. */
function alternativeNames(name: string): x509.JsonGeneralNames {
  const ofDomain: x509.JsonGeneralNames =
    isIP(name) === 0
      ? [
          { type: 'dns', value: name },
          { type: 'dns', value: `*.${name}` },
        ]
      : [{ type: 'ip', value: name }];
  const local: x509.JsonGeneralNames = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ];
  return [...ofDomain, ...local.filter(({ value }) => value !== name)];
}
