/** Whether a certificate is for a domain: RFC 9525, RFC 6120 §13.7.1.2.1. The common name is never looked at. */
import { isIP } from 'node:net';
import { asciiDomain, unicodeDomain } from '../xmpp/idna.ts';
import type { CertificateNames } from './certificate.ts';

const service = '_xmpp-server.';

/** @param domain in U-labels, as in XMPP */
export function isFor(names: CertificateNames, domain: string): boolean {
  const ascii = asciiDomain(domain);
  if (ascii === undefined || isIP(ascii) !== 0) return false; // an address is not a name
  // RFC 9525 §6.3: the wildcard is the whole left-most label and stands for one label; below a top-level domain it says too much.
  const parent = ascii.slice(ascii.indexOf('.') + 1);
  const wildcard = parent.includes('.') ? `*.${parent}` : undefined;
  return (
    names.dns.some((name) => name === ascii || name === wildcard) ||
    names.srv.includes(service + ascii) ||
    names.xmpp.some((name) => unicodeDomain(name) === unicodeDomain(domain))
  );
}
