/**
 * Whether a domain says over HTTPS that a certificate is its own (RFC 7711). A stream does not wait for long: most domains say nothing, and
 * many drop what comes to port 443.
 */
import type { Clock } from '../../../lib/ports/clock.ts';
import { s2sLimits } from '../../../lib/s2s/limits.ts';
import { Posh } from '../../../lib/s2s/posh.ts';
import type { Roots } from '../../../lib/s2s/roots.ts';
import type { Finder } from './finder.ts';
import { GuardedHttps } from './guarded-https.ts';
import { findingLimits } from './limits.ts';

/** @param chain DER, the peer's certificate first */
export type PoshProves = (domain: string, chain: readonly Buffer[]) => Promise<boolean>;

export function poshProof(options: { readonly finder: Finder; readonly roots: Roots; readonly clock: Clock }): PoshProves {
  const { clock } = options;
  const https = new GuardedHttps(options);
  const posh = new Posh({ clock, fetch: (url) => https.get(url, s2sLimits.poshBytesMax) });
  return (domain, chain) =>
    new Promise((resolve, reject) => {
      const timer = clock.after(findingLimits.poshWaitMs, () => resolve(false));
      posh
        .proves(domain, chain)
        .then(({ ok }) => resolve(ok), reject)
        .finally(() => timer.cancel());
    });
}
