/** Certificates as PEM texts: which names and dates they have, whether they may be served at all, and how they are kept. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Keys } from '../ports/keys.ts';
import { portLimits } from '../ports/limits.ts';
import type { Store } from '../ports/store.ts';
import { asciiName, covers } from './certificate-names.ts';
import { type CertificateEntry, Certificates, serverName } from './certificates.ts';
import { runtimeLimits } from './limits.ts';

/** Its message is a sentence for people. */
export class BadCertificate extends Error {
  override name = 'BadCertificate';
}

export interface Pem {
  /** The certificate and its chain. What stands around them is neither looked at nor kept. */
  readonly chain: string;
  readonly key: string;
}

const block = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/**
 * Checks whether a certificate may be shown to clients of the domain: it is in date, covers the domain, has this key, each
 * certificate of the chain is signed by the next, and TLS takes it.
 * @returns the entry for the list of certificates
 * @throws {BadCertificate}
 */
export function checkPem(
  domain: string,
  { chain, key }: Pem,
  source: CertificateEntry['source'],
  nowMs: number,
): CertificateEntry {
  const certificates = readChain(chain);
  const leaf = certificates[0]!;
  const name = asciiName(domain);
  if (name === undefined) throw new BadCertificate(`'${domain}' is not a domain name that a certificate can cover`);
  if (leaf.ca) throw new BadCertificate(misplaced(certificates));
  const names = namesOf(leaf);
  if (!covers(names, name)) {
    const told = names.length === 0 ? 'no names' : names.slice(0, 5).join(', ');
    throw new BadCertificate(`the certificate is not for '${name}'; it is for ${told}`);
  }
  const [notBeforeMs, notAfterMs] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  if (notAfterMs <= nowMs) throw new BadCertificate(`the certificate expired on ${leaf.validToDate.toISOString()}`);
  if (notBeforeMs > nowMs) throw new BadCertificate(`the certificate is not valid before ${leaf.validFromDate.toISOString()}`);
  if (!leaf.checkPrivateKey(readKey(key))) throw new BadCertificate('the private key does not belong to the certificate');
  checkOrder(certificates, nowMs);
  checkIsServable(chain, key);
  const fingerprint = leaf.fingerprint256.replaceAll(':', '').toLowerCase();
  const issuer = issuerOf(leaf).slice(0, runtimeLimits.certificateIssuerCharactersMax).toWellFormed();
  return { domain, names, notBeforeMs, notAfterMs, fingerprint, source, issuer };
}

/**
 * Keeps a certificate that was checked, with its key sealed for the domain. Of the chain, only the certificates are kept: people give files
 * that have the key in them, too. @throws {Unavailable}
 */
export async function keepPem(
  { store, keys }: { readonly store: Store; readonly keys: Keys },
  entry: CertificateEntry,
  { chain, key }: Pem,
): Promise<void> {
  const sealedKey = await keys.seal(Buffer.from(key), entry.domain);
  await new Certificates(store).put(entry, { chain: `${blocksOf(chain).join('\n')}\n`, sealedKey });
}

function blocksOf(text: string): readonly string[] {
  return text.match(block) ?? [];
}

function readChain(text: string): X509Certificate[] {
  if (text.length > runtimeLimits.certificateBytesMax) {
    throw new BadCertificate(`the certificate and its chain have more than ${runtimeLimits.certificateBytesMax} bytes`);
  }
  const blocks = blocksOf(text);
  if (blocks.length === 0) throw new BadCertificate('there is no certificate in PEM');
  if (blocks.length > runtimeLimits.certificateChainMax) {
    throw new BadCertificate(`there are more than ${runtimeLimits.certificateChainMax} certificates in the chain`);
  }
  return blocks.map((each, index) => {
    try {
      return new X509Certificate(each);
    } catch {
      throw new BadCertificate(`certificate ${index + 1} of the chain is damaged`);
    }
  });
}

function readKey(text: string): KeyObject {
  if (text.length > portLimits.sealedBytesMax)
    throw new BadCertificate(`the private key has more than ${portLimits.sealedBytesMax} bytes`);
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw new BadCertificate('the private key is not in PEM, or has a passphrase');
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits > runtimeLimits.certificateRsaBitsMax)
    throw new BadCertificate(`the private key has ${bits} bits; one of RSA has at most ${runtimeLimits.certificateRsaBitsMax}`);
  return key;
}

/** OpenSSL refuses keys that are too small, and digests that are too weak, when the first client comes. */
function checkIsServable(chain: string, key: string): void {
  try {
    createSecureContext({ cert: chain, key });
  } catch (error) {
    const { reason = 'it is not usable' } = error as { readonly reason?: string };
    throw new BadCertificate(`TLS does not take the certificate: ${reason}`);
  }
}

/** On one line. A certificate may name no issuer. */
function issuerOf(certificate: X509Certificate): string {
  const issuer = certificate.issuer as string | undefined;
  return issuer?.replaceAll('\n', ', ') ?? '';
}

/** Only names in the right form. Others, such as addresses, are useless to a client that asks for a domain. */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  const names = subjectAltName.split(', ').flatMap((entry) => (entry.startsWith('DNS:') ? [serverName(entry.slice(4))] : []));
  if (names.length > runtimeLimits.certificateNamesMax) {
    throw new BadCertificate(`the certificate is for more than ${runtimeLimits.certificateNamesMax} names`);
  }
  return names.filter((name) => {
    const host = name.replace(/^\*\./, '');
    return asciiName(host) === host;
  });
}

/** The certificate of the domain must come first (RFC 8446 §4.4.2). */
function misplaced(certificates: readonly X509Certificate[]): string {
  const place = certificates.findIndex(({ ca }) => !ca);
  if (place < 0) return "the first certificate is that of a CA; the domain's own must come first";
  const isReversed = place === certificates.length - 1 && isInOrder(certificates.toReversed());
  if (isReversed) return "the chain is reversed: the domain's own certificate must come first, then each before its issuer";
  return `the first certificate is that of a CA; the domain's own is number ${place + 1} and must come first`;
}

function isInOrder(certificates: readonly X509Certificate[]): boolean {
  return certificates.every((each, index) => index === 0 || isIssuer(each, certificates[index - 1]!));
}

function isIssuer(issuer: X509Certificate, of: X509Certificate): boolean {
  return of.checkIssued(issuer) && of.verify(issuer.publicKey);
}

/** Says what is wrong when a certificate does not certify the previous one. @param index of the first such certificate */
function orderFault(certificates: readonly X509Certificate[], index: number): string {
  const unsigned = `certificate ${index} of the chain is not signed by certificate ${index + 1}`;
  if (isInOrder([certificates[0]!, ...certificates.slice(1).toReversed()])) {
    return `${unsigned}: the rest of the chain is reversed; each must come before its issuer`;
  }
  const before = certificates[index - 1]!;
  const place = certificates.findIndex((each) => each !== before && isIssuer(each, before));
  if (place >= 0) return `${unsigned}, but by certificate ${place + 1}; each must come before its issuer`;
  return `${unsigned}: the certificate of its issuer '${issuerOf(before)}' is missing between them`;
}

/** Each certificate must certify the previous one (RFC 8446 §4.4.2). */
function checkOrder(certificates: readonly X509Certificate[], nowMs: number): void {
  for (const [index, certificate] of certificates.entries()) {
    if (index === 0) continue;
    if (!isIssuer(certificate, certificates[index - 1]!)) throw new BadCertificate(orderFault(certificates, index));
    if (certificate.validToDate.getTime() <= nowMs) {
      throw new BadCertificate(`certificate ${index + 1} of the chain expired on ${certificate.validToDate.toISOString()}`);
    }
  }
}
