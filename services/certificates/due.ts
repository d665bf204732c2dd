/** When a certificate is renewed, and how long a domain rests after a failure. */
import type { CertificateEntry } from '../../lib/runtime/certificates.ts';
import { certificateLimits } from './limits.ts';

/** Due when less than a third of its life is left: 30 of 90 days, as CAs ask, and time for several tries if it is shorter. */
export function isDue({ notBeforeMs, notAfterMs }: Pick<CertificateEntry, 'notBeforeMs' | 'notAfterMs'>, nowMs: number): boolean {
  return notAfterMs - nowMs < (notAfterMs - notBeforeMs) / 3;
}

/** The last try that failed, or is running. */
export interface Attempt {
  readonly failures: number;
  /** Milliseconds since the epoch; the domain rests until then. */
  readonly notBeforeMs: number;
  readonly error?: string;
}

/** @param chance 0 to 1, so that domains which failed together do not come back together */
export function pauseAfter(failures: number, chance: number): number {
  const pauseMs = Math.min(
    certificateLimits.renewalPauseMaxMs,
    certificateLimits.renewalPauseMs * 2 ** Math.min(failures - 1, 30),
  );
  return Math.round(pauseMs * (1 + chance / 10));
}
