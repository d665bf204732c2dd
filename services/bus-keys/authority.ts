/**
 * A certificate authority of the bus alone, and certificates for its servers (RFC 5280). Servers show theirs to the services, and to each
 * other, so it is one for servers and for clients.
 */
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../../lib/ports/clock.ts';
import { busKeyLimits } from './limits.ts';

/** PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 60 * 60 * 1000;

const generate = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

/** Positive, RFC 5280 §4.1.2.2. */
function serialNumber(clock: Clock): string {
  return `4${clock.randomBytes(15).toString('hex')}0`;
}

function validity(clock: Clock, days: number) {
  const now = clock.now();
  return { notBefore: new Date(now - busKeyLimits.earlierMs), notAfter: new Date(now + days * dayMs) };
}

async function identityOf(certificate: x509.X509Certificate, { privateKey }: webcrypto.CryptoKeyPair): Promise<Identity> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  return { cert: `${certificate.toString('pem')}\n`, key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n` };
}

/** Each has a name of its own: while authorities are exchanged, several are trusted, and they are told apart by it. */
export async function makeAuthority(clock: Clock): Promise<Identity> {
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(clock),
    name: [{ CN: [`Skylark bus ${clock.randomBytes(6).toString('hex')}`] }],
    ...validity(clock, busKeyLimits.authorityDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return identityOf(certificate, keys);
}

/** @param host the name under which the servers are found */
export async function issueForServers(authority: Identity, host: string, clock: Clock): Promise<Identity> {
  const issuer = new x509.X509Certificate(authority.cert);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(authority.key), algorithm, false, [
    'sign',
  ]);
  const keys = await generate();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(clock),
    subject: [{ CN: [host.slice(0, 64)] }],
    issuer: issuer.subject,
    ...validity(clock, busKeyLimits.serverDays),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return identityOf(certificate, keys);
}

/** Issued by that authority for the host, and with more than a third of its days left. */
export function isGood({ cert }: Identity, authority: Identity, host: string, clock: Clock): boolean {
  const [own, issuer] = [new X509Certificate(cert), new X509Certificate(authority.cert)];
  const leftMs = own.validToDate.getTime() - clock.now();
  return own.verify(issuer.publicKey) && own.checkHost(host) !== undefined && leftMs > (busKeyLimits.serverDays * dayMs) / 3;
}
