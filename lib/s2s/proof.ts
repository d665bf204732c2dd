/** Whether a peer's certificate proves its domain, in both directions of a stream: RFC 6120 §13.7, XEP-0178. */
import type { TLSSocket } from 'node:tls';
import { CertificateFault, type CertificateNames, readCertificate } from './certificate.ts';
import { isFor } from './certificate-names.ts';
import { s2sLimits } from './limits.ts';
import { type PathOptions, pathFault } from './path.ts';

/** The reason is a sentence without its end, for logs and operators. */
export type Proof = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * @param domain in U-labels, as in XMPP
 * @param chain DER, the peer's own first; the order of the others does not matter
 */
export async function provesDomain(domain: string, chain: readonly Buffer[], options: PathOptions): Promise<Proof> {
  const [own, ...others] = chain.slice(0, s2sLimits.chainCertificatesMax);
  if (own === undefined) return { ok: false, reason: 'the peer has no certificate' };
  try {
    const leaf = readCertificate(own);
    if (!isFor(leaf.names, domain)) return { ok: false, reason: `the certificate is ${shown(leaf.names)}, not for ${domain}` };
    const fault = pathFault(leaf, others, options);
    return fault === undefined ? { ok: true } : { ok: false, reason: `the certificate does not count: ${fault}` };
  } catch (error) {
    if (error instanceof CertificateFault) return { ok: false, reason: `the certificate does not count: ${error.message}` };
    throw error;
  }
}

/** Node is asked once: of a client's socket it forgets the first certificate when it has told it. */
const chains = new WeakMap<TLSSocket, readonly Buffer[]>();

/** The certificates that a peer has sent, its own first. */
export function peerChain(socket: TLSSocket): readonly Buffer[] {
  const known = chains.get(socket);
  if (known !== undefined) return known;
  const chain: Buffer[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < s2sLimits.chainCertificatesMax) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  if (chain.length > 0) chains.set(socket, chain);
  return chain;
}

function shown({ dns, srv, xmpp }: CertificateNames): string {
  const all = [...new Set([...dns, ...srv, ...xmpp])];
  if (all.length === 0) return 'for no domain';
  const first = all.slice(0, s2sLimits.namesShownMax).join(', ');
  return `for ${first}${all.length > s2sLimits.namesShownMax ? ` and ${all.length - s2sLimits.namesShownMax} more` : ''}`;
}
