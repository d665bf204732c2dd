/** Finds the certificate for a server name in the list of certificates. */
import { domainToASCII } from 'node:url';
import type { CertificateEntry } from '../../../lib/runtime/certificates.ts';

interface Candidate {
  readonly entry: CertificateEntry;
  /** How many labels of the name the tenant's domain covers; 0 when the name is not below it. */
  readonly reach: number;
}

export class CertificateNames {
  readonly fingerprints: readonly string[];
  /** When the first certificate expires, ms since the epoch. */
  readonly expiresMs: number | undefined;
  readonly #byName = new Map<string, Candidate>();

  /** A tenant's names belong to it, even when the certificate of another tenant has one of them. */
  constructor(entries: readonly CertificateEntry[]) {
    this.fingerprints = entries.map(({ fingerprint }) => fingerprint);
    this.expiresMs = entries.reduce<number | undefined>(
      (least, { notAfterMs }) => Math.min(least ?? notAfterMs, notAfterMs),
      undefined,
    );
    for (const entry of entries) {
      const own = domainToASCII(entry.domain);
      for (const name of entry.names) {
        const candidate = { entry, reach: reachOf(own, name) };
        const known = this.#byName.get(name);
        if (known === undefined || candidate.reach > known.reach) this.#byName.set(name, candidate);
      }
    }
  }

  /** @param name as `serverName` returns it */
  find(name: string): CertificateEntry | undefined {
    const exact = this.#byName.get(name);
    const dot = name.indexOf('.');
    const wild = dot < 0 ? undefined : this.#byName.get(`*${name.slice(dot)}`);
    return (wild !== undefined && wild.reach > (exact?.reach ?? -1) ? wild : exact)?.entry;
  }
}

function reachOf(own: string, name: string): number {
  const host = name.replace(/^\*\./, '');
  return host === own || host.endsWith(`.${own}`) ? own.length : 0;
}
