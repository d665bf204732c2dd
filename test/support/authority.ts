/** A certificate authority of a test's own, and certificates that are right or wrong as the test wants them. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const dayMs = 86_400_000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** PEM, to be trusted. */
  readonly cert: string;
  /** @param days that it is still good; negative: it has expired @param isForClients as well as for servers */
  issue(names: readonly string[], days?: number, isForClients?: boolean): Promise<Identity>;
}

const generate = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)), 'PRIVATE KEY')}\n`;
}

export async function createAuthority(now = Date.now()): Promise<Authority> {
  const keys = await generate();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '4001',
    name: 'O=Test Authority, CN=Test Authority',
    notBefore: new Date(now - 900 * dayMs),
    notAfter: new Date(now + 900 * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  let serial = 0x5000;
  return {
    cert: `${authority.toString('pem')}\n`,
    async issue(names, days = 90, isForClients = false) {
      const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
      const own = await generate();
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: `${(serial++).toString(16)}`,
        subject: `CN=${names[0]}`,
        issuer: authority.subject,
        notBefore: new Date(now - 400 * dayMs),
        notAfter: new Date(now + days * dayMs),
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.ExtendedKeyUsageExtension(isForClients ? [serverAuth, clientAuth] : [serverAuth]),
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
        ],
      });
      return { cert: `${certificate.toString('pem')}\n`, key: await pemOf(own.privateKey) };
    },
  };
}
