/** Certificates of all kinds, good and bad, and of CAs that may issue them or not. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import * as asn1 from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';

const dayMs = 86_400_000;
const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface Made {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly der: Buffer;
  readonly subject: string;
}

export interface Wanted {
  /** By whom; none: by itself. */
  readonly by?: Made;
  readonly dns?: readonly string[];
  readonly srv?: readonly string[];
  readonly xmpp?: readonly string[];
  /** A CA, with so many CAs below it at most; a number below 0 stands for any number. */
  readonly ca?: number;
  /** Basic constraints are left out. */
  readonly isVersion1Like?: boolean;
  readonly usage?: x509.KeyUsageFlags;
  readonly purposes?: readonly string[];
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  readonly permitted?: readonly asn1.GeneralName[];
  readonly excluded?: readonly asn1.GeneralName[];
  readonly extensions?: readonly x509.Extension[];
  /** The algorithm of the key, and of the signatures on what it issues. */
  readonly algorithm?: object;
}

export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';
export const anyPurpose = '2.5.29.37.0';

let serial = 1;

export async function make(subject: string, wanted: Wanted = {}): Promise<Made> {
  const { by, from = -30, to = 60, algorithm = p256 } = wanted;
  const keys = (await webcrypto.subtle.generateKey(algorithm as never, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const issuerKeys = by?.keys ?? keys;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: (0x1000 + serial++).toString(16),
    subject,
    issuer: by?.subject ?? subject,
    notBefore: new Date(Date.now() + from * dayMs),
    notAfter: new Date(Date.now() + to * dayMs),
    signingAlgorithm: issuerKeys.privateKey.algorithm.name === 'ECDSA' ? p256 : (issuerKeys.privateKey.algorithm as never),
    publicKey: keys.publicKey as never,
    signingKey: issuerKeys.privateKey as never,
    extensions: extensionsOf(wanted),
  });
  return { certificate, keys, der: Buffer.from(certificate.rawData), subject };
}

function extensionsOf({ ca, isVersion1Like, usage, purposes, extensions = [], ...names }: Wanted): x509.Extension[] {
  const { dns = [], srv = [], xmpp = [], permitted, excluded } = names;
  const all = [...dns.map((dNSName) => new asn1.GeneralName({ dNSName })), ...srv.map(srvName), ...xmpp.map(xmppAddress)];
  const length = ca === undefined || ca < 0 ? undefined : ca;
  return [
    ...(isVersion1Like ? [] : [new x509.BasicConstraintsExtension(ca !== undefined, length, true)]),
    ...(usage === undefined ? [] : [new x509.KeyUsagesExtension(usage, true)]),
    ...(purposes === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...purposes])]),
    ...(all.length === 0 ? [] : [raw(asn1.id_ce_subjectAltName, false, new asn1.SubjectAlternativeName(all))]),
    ...((permitted ?? excluded) ? [raw(asn1.id_ce_nameConstraints, true, constraints(permitted, excluded))] : []),
    ...extensions,
  ];
}

function constraints(permitted: readonly asn1.GeneralName[] = [], excluded: readonly asn1.GeneralName[] = []) {
  const trees = (names: readonly asn1.GeneralName[]) =>
    names.length === 0 ? undefined : new asn1.GeneralSubtrees(names.map((base) => new asn1.GeneralSubtree({ base })));
  return new asn1.NameConstraints({ permittedSubtrees: trees(permitted), excludedSubtrees: trees(excluded) });
}

function raw(id: string, isCritical: boolean, value: unknown): x509.Extension {
  return new x509.Extension(id, isCritical, AsnConvert.serialize(value));
}

export function dnsTree(dNSName: string): asn1.GeneralName {
  return new asn1.GeneralName({ dNSName });
}

export function directoryTree(organization: string): asn1.GeneralName {
  const directoryName = AsnConvert.parse(new x509.Name(`O=${organization}`).toArrayBuffer(), asn1.Name);
  return new asn1.GeneralName({ directoryName });
}

export function srvName(name: string): asn1.GeneralName {
  return otherName('1.3.6.1.5.5.7.8.7', 0x16, name);
}

export function xmppAddress(name: string): asn1.GeneralName {
  return otherName('1.3.6.1.5.5.7.8.5', 0x0c, name);
}

function otherName(typeId: string, tag: number, text: string): asn1.GeneralName {
  const bytes = Buffer.from(text);
  const value = new Uint8Array([tag, bytes.length, ...bytes]).buffer;
  return new asn1.GeneralName({ otherName: new asn1.OtherName({ typeId, value }) });
}

/** As TLS takes it: the certificate, those that it shows besides, and the key. */
export async function identityOf(
  own: Made,
  ...besides: readonly Made[]
): Promise<{ readonly cert: string; readonly key: string }> {
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', own.keys.privateKey));
  const cert = [own, ...besides].map(({ certificate }) => certificate.toString('pem')).join('\n');
  return { cert, key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n` };
}

/** An extension that nobody knows. */
export function strangeExtension(isCritical: boolean): x509.Extension {
  return new x509.Extension('1.2.3.4.5', isCritical, new Uint8Array([5, 0]));
}
