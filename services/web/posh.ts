/** RFC 7711: PKIX over Secure HTTP, §3.1. What a tenant says of the certificate that its XMPP servers show. */
import { webLimits } from './limits.ts';

/** @param fingerprint SHA-256, hex */
export function poshDocument(fingerprint: string): object {
  const sha256 = Buffer.from(fingerprint, 'hex').toString('base64');
  return { fingerprints: [{ 'sha-256': sha256 }], expires: webLimits.poshExpiresSeconds };
}
