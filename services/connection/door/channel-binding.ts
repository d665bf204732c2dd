/**
 * Channel bindings of a TLS connection that we serve: `tls-exporter` (RFC 9266, TLS 1.3) and `tls-server-end-point` (RFC 5929 §4).
 */
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import type { TlsSource } from './tls.ts';

/**
 * The types that a client is offered, each with '' as its data. The data costs more than the rest of the offer, and hardly any
 * client uses it. RFC 9266 §2 allows tls-exporter with TLS 1.2 only together with the extended master secret, and Node does not
 * say whether that is in use.
 * @param shown the result of {@link shownCertificate} at the end of the handshake
 */
export function offeredBinding(socket: TLSSocket, shown: Buffer | undefined): ChannelBinding {
  const raw = shown ?? (socket.isSessionReused() ? undefined : socket.getX509Certificate()?.raw);
  return {
    ...(socket.getProtocol() === 'TLSv1.3' && { 'tls-exporter': '' }),
    ...(raw && knownEndPoint(raw) && { 'tls-server-end-point': '' }),
  };
}

/** @param shown the result of {@link shownCertificate} at the end of the handshake */
export function channelBinding(socket: TLSSocket, shown: Buffer | undefined): ChannelBinding {
  const raw = socket.isSessionReused() ? shown : socket.getX509Certificate()?.raw;
  const endPoint = raw && knownEndPoint(raw);
  return {
    ...(socket.getProtocol() === 'TLSv1.3' && {
      'tls-exporter': socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('base64'),
    }),
    ...(endPoint !== undefined && { 'tls-server-end-point': endPoint.toString('base64') }),
  };
}

/** XEP-0515 §4.1: the number of the TLS version, as four hexadecimal digits. */
export function tlsVersion(socket: TLSSocket): string | undefined {
  return { 'TLSv1.3': '0304', 'TLSv1.2': '0303' }[socket.getProtocol() ?? ''];
}

/**
 * The certificate that the client was shown in this handshake, or in the handshake that began the session which it resumes. It
 * must be asked for before certificates change. When a session is resumed, Node does not ask for the context of the name, and
 * reports the certificate of the context without a name.
 * @returns undefined when the name does not tell
 */
export function shownCertificate(socket: TLSSocket, source: TlsSource): Buffer | undefined {
  return source.certificateFor(socket.servername || undefined);
}

/** Nearly all streams have the same certificate. */
let lastKnown: { readonly certificate: Buffer; readonly endPoint: Buffer | undefined } | undefined;

function knownEndPoint(certificate: Buffer): Buffer | undefined {
  if (lastKnown?.certificate.equals(certificate) !== true) {
    lastKnown = { certificate: Buffer.from(certificate), endPoint: serverEndPoint(certificate) };
  }
  return lastKnown!.endPoint;
}

/** RFC 5929 §4.1: the hash of the certificate by the hash function of its signature. SHA-256 replaces MD5 and SHA-1. */
export function serverEndPoint(certificate: Buffer): Buffer | undefined {
  const hash = signatureHash(certificate);
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest();
}

/** OIDs of signature algorithms (DER in hex, without tag and length), and of the hashes in the parameters of RSASSA-PSS. */
const hashes: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};
const rsaPss = '2a864886f70d01010a';
const pssHashes: Readonly<Record<string, string>> = {
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

/** @returns undefined when the signature has no hash of its own (Ed25519), so that the binding is not defined */
function signatureHash(certificate: Buffer): string | undefined {
  try {
    const whole = readDer(certificate, 0);
    const algorithm = readDer(certificate, readDer(certificate, whole.start).end);
    const oid = readDer(certificate, algorithm.start);
    const name = certificate.toString('hex', oid.start, oid.end);
    if (name !== rsaPss) return hashes[name];
    // The first hash in the parameters. Without one, the default is SHA-1, which counts as SHA-256.
    const parameters = certificate.toString('hex', oid.end, algorithm.end);
    const found = Object.keys(pssHashes).find((hash) => parameters.includes(hash));
    return found === undefined ? 'sha256' : pssHashes[found];
  } catch {
    return undefined; // OpenSSL has accepted the certificate, so this is a form that we do not know
  }
}

/** The content of the element at `at`. @throws {RangeError} */
function readDer(bytes: Buffer, at: number): { readonly start: number; readonly end: number } {
  const first = bytes.readUInt8(at + 1);
  const width = first < 0x80 ? 0 : first & 0x7f;
  const length = width === 0 ? first : bytes.readUIntBE(at + 2, width);
  const start = at + 2 + width;
  if (start + length > bytes.length) throw new RangeError(`DER element ends at ${start + length} of ${bytes.length} bytes`);
  return { start, end: start + length };
}
