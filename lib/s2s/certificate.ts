/**
 * A certificate, as far as it matters for whether it proves a domain (RFC 5280 §4, RFC 9525, RFC 4985, RFC 6120 §13.7.1). OpenSSL has read it
 * once already, and checks signatures; the extensions are read here, because Node shows only some of them.
 */
import { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import * as asn1 from '@peculiar/asn1-x509';
import { s2sLimits } from './limits.ts';

/** The certificate cannot be read, or has what we do not take. The message is a part of a sentence: "it has …". */
export class CertificateFault extends Error {
  override name = 'CertificateFault';
}

/** All in lower case, as they stand. */
export interface CertificateNames {
  /** DNS-ID, such as `example.org` or `*.example.org`. */
  readonly dns: readonly string[];
  /** SRV-ID (RFC 4985), such as `_xmpp-server.example.org`. */
  readonly srv: readonly string[];
  /** `id-on-xmppAddr` (RFC 6120 §13.7.1.4): domains, in U-labels. */
  readonly xmpp: readonly string[];
}

export interface Certificate {
  readonly x509: X509Certificate;
  /** It is signed by an algorithm that nobody can forge; of a root, nobody asks. */
  readonly isStronglySigned: boolean;
  /** Absent without the extension. */
  readonly basicConstraints?: { readonly isCa: boolean; readonly pathLength?: number };
  readonly maySignCertificates: boolean;
  /** Absent without the extension: good for anything. */
  readonly extendedKeyUsage?: readonly string[];
  readonly names: CertificateNames;
  readonly constraints?: NameConstraints;
}

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

/** Only forms of names that can prove a domain: constraints on other forms concern no name that we look at. */
export type Subtree = { readonly form: 'dns'; readonly base: string } | { readonly form: 'srv' | 'xmpp' };

const srvNameId = '1.3.6.1.5.5.7.8.7';
const xmppAddressId = '1.3.6.1.5.5.7.8.5';

/** Extensions that may be critical. Those without a reader say nothing about the name, or less than what is checked anyway. */
const understood: ReadonlySet<string> = new Set([
  asn1.id_ce_basicConstraints,
  asn1.id_ce_keyUsage,
  asn1.id_ce_extKeyUsage,
  asn1.id_ce_subjectAltName,
  asn1.id_ce_nameConstraints,
  asn1.id_ce_certificatePolicies, // any policy will do (RFC 5280 §6.1.1 (c))
  asn1.id_ce_subjectKeyIdentifier,
  asn1.id_ce_authorityKeyIdentifier,
  asn1.id_ce_cRLDistributionPoints,
]);

/** Hashes that nobody can find collisions of; `1.2.840.113549.1.1.10` (RSA-PSS) names its hash in its parameters. */
const strongSignatures: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', // RSA with SHA-256, SHA-384, SHA-512
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2', // ECDSA with the same
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112', // Ed25519
  '1.3.101.113', // Ed448
]);
const rsaPss = '1.2.840.113549.1.1.10';
/** How the identifiers of SHA-2 and SHA-3 begin in DER, 2.16.840.1.101.3.4.2. */
const sha2 = Buffer.from('06096086480165030402', 'hex');

const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** @throws {CertificateFault} */
export function readCertificate(der: Buffer): Certificate {
  if (der.length > s2sLimits.certificateBytesMax) throw new CertificateFault(`it has ${der.length} bytes`);
  const { x509, parsed } = parse(der);
  const list = [...(parsed.tbsCertificate.extensions ?? [])];
  if (list.length > s2sLimits.extensionsMax) throw new CertificateFault(`it has ${list.length} extensions`);
  const extensions = new Map(list.map((extension) => [extension.extnID, extension]));
  if (extensions.size < list.length) throw new CertificateFault('it has an extension twice');
  const foreign = list.find(({ critical, extnID }) => critical && !understood.has(extnID));
  if (foreign !== undefined) throw new CertificateFault(`it has a critical extension that is not known here (${foreign.extnID})`);
  checkKey(x509);
  const read = <Value>(id: string, shape: new () => Value): Value | undefined => {
    const extension = extensions.get(id);
    return extension && asFault(() => AsnConvert.parse(extension.extnValue.buffer, shape));
  };
  const basic = read(asn1.id_ce_basicConstraints, asn1.BasicConstraints);
  const usage = read(asn1.id_ce_keyUsage, asn1.KeyUsage)?.toNumber();
  const constraints = read(asn1.id_ce_nameConstraints, asn1.NameConstraints);
  const purposes = read(asn1.id_ce_extKeyUsage, asn1.ExtendedKeyUsage);
  return {
    x509,
    isStronglySigned: isStrong(parsed.signatureAlgorithm),
    ...(basic && { basicConstraints: { isCa: basic.cA, pathLength: basic.pathLenConstraint } }),
    maySignCertificates: usage === undefined || (usage & asn1.KeyUsageFlags.keyCertSign) !== 0,
    ...(purposes && { extendedKeyUsage: [...purposes] }),
    names: namesOf(read(asn1.id_ce_subjectAltName, asn1.SubjectAlternativeName)),
    ...(constraints && { constraints: constraintsOf(constraints) }),
  };
}

function parse(der: Buffer): { readonly x509: X509Certificate; readonly parsed: asn1.Certificate } {
  return asFault(() => ({ x509: new X509Certificate(der), parsed: AsnConvert.parse(der, asn1.Certificate) }));
}

function asFault<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw new CertificateFault('it cannot be read', { cause });
  }
}

function isStrong({ algorithm, parameters }: asn1.AlgorithmIdentifier): boolean {
  if (algorithm !== rsaPss) return strongSignatures.has(algorithm);
  return parameters != null && Buffer.from(parameters).includes(sha2); // without parameters it is SHA-1 (RFC 4055 §3.1)
}

function checkKey(x509: X509Certificate): void {
  const publicKey = asFault(() => x509.publicKey);
  const { asymmetricKeyType: type = 'unknown', asymmetricKeyDetails: { modulusLength: bits = 0, namedCurve = '' } = {} } =
    publicKey;
  if (type === 'rsa' || type === 'rsa-pss') {
    if (bits < s2sLimits.rsaBitsMin || bits > s2sLimits.rsaBitsMax) throw new CertificateFault(`its RSA key has ${bits} bits`);
  } else if (type === 'ec' ? !curves.has(namedCurve) : !['ed25519', 'ed448'].includes(type)) {
    throw new CertificateFault(`its key is of a kind that is not taken here (${namedCurve || type})`);
  }
}

function namesOf(list: readonly asn1.GeneralName[] = []): CertificateNames {
  if (list.length > s2sLimits.certificateNamesMax) throw new CertificateFault(`it has ${list.length} names`);
  const others = (id: string) =>
    list.flatMap(({ otherName }) => (otherName?.typeId === id ? [stringOf(otherName.value).toLowerCase()] : []));
  return {
    dns: list.flatMap(({ dNSName }) => (dNSName === undefined ? [] : [dNSName.toLowerCase()])),
    srv: others(srvNameId),
    xmpp: others(xmppAddressId),
  };
}

const stringTags: ReadonlySet<number> = new Set([0x0c, 0x16]); // UTF8String, IA5String

/** A string in DER. @throws {CertificateFault} for anything else */
function stringOf(value: ArrayBuffer): string {
  const bytes = Buffer.from(value);
  const long = bytes[1] === 0x81 ? 1 : bytes[1] === 0x82 ? 2 : 0;
  const length = long === 0 ? bytes[1] : bytes.length >= 2 + long ? bytes.readUIntBE(2, long) : undefined;
  if (!stringTags.has(bytes[0] ?? 0) || length !== bytes.length - 2 - long)
    throw new CertificateFault('it has a name that cannot be read');
  return bytes.subarray(2 + long).toString('utf8');
}

function constraintsOf({ permittedSubtrees = [], excludedSubtrees = [] }: Partial<asn1.NameConstraints>): NameConstraints {
  const read = (list: readonly asn1.GeneralSubtree[]): Subtree[] => {
    if (list.length > s2sLimits.constraintSubtreesMax) throw new CertificateFault(`it has ${list.length} name constraints`);
    return list.flatMap(({ base: { dNSName, otherName } }): Subtree[] => {
      if (dNSName !== undefined) return [{ form: 'dns', base: dNSName.toLowerCase() }];
      if (otherName?.typeId === srvNameId) return [{ form: 'srv' }];
      return otherName?.typeId === xmppAddressId ? [{ form: 'xmpp' }] : [];
    });
  };
  return { permitted: read([...permittedSubtrees]), excluded: read([...excludedSubtrees]) };
}
