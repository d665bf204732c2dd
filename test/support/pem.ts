/** Certificates as a test wants them: any names, any dates, self-signed or of a chain. */
import 'reflect-metadata';
import { type KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1000;

export interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

export interface Made extends Issuer {
  /** PEM of this one alone. */
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  readonly names?: readonly x509.JsonGeneralName[];
  readonly isCa?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly issuer?: Issuer;
  /** Instead of one that is made, for a certificate of an issuer. */
  readonly publicKey?: KeyObject;
}

type CryptoKeyPair = Awaited<ReturnType<typeof generate>>;

function generate() {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

export function dns(...names: string[]): x509.JsonGeneralName[] {
  return names.map((value) => ({ type: 'dns', value }));
}

function nameOf(subject: string): string {
  return subject === '' ? '' : `CN=${subject}`;
}

/** In date: from yesterday for 90 days, unless said. */
export async function makePem(subject: string, wanted: Wanted = {}): Promise<Made> {
  const { names = dns(subject), isCa = false, issuer } = wanted;
  const { notBefore = new Date(Date.now() - dayMs), notAfter = new Date(Date.now() + 89 * dayMs) } = wanted;
  const keys = await generate();
  const common = {
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(isCa, undefined, true),
      ...(names.length > 0 && !isCa ? [new x509.SubjectAlternativeNameExtension([...names])] : []),
    ],
  };
  const certificate = issuer
    ? await x509.X509CertificateGenerator.create({
        ...common,
        subject: nameOf(subject),
        issuer: issuer.certificate.subject,
        publicKey: (wanted.publicKey?.export({ type: 'spki', format: 'der' }) ?? keys.publicKey) as never,
        signingKey: issuer.keys.privateKey as never,
      })
    : await x509.X509CertificateGenerator.createSelfSigned({ ...common, name: nameOf(subject), keys: keys as never });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate,
    keys,
    cert: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
  };
}
