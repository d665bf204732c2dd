/** Renews for all tenants, a few at once. The troubles of one do not affect the others. */
import type { Logger } from 'pino';
import { daysLeft } from '../../lib/runtime/certificates.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { certificateLimits } from './limits.ts';
import { type RenewalDependencies, type Result, renew } from './renewal.ts';

export interface Walk {
  readonly log: Logger;
  /** Monotonic time; domains not started by then wait for the next run. */
  readonly untilMs?: number;
}

/** @returns the results of the domains that were reached in time */
export async function renewAll(
  dependencies: RenewalDependencies,
  { log, untilMs = Number.POSITIVE_INFINITY }: Walk,
): Promise<Result[]> {
  const { store, clock } = dependencies;
  const results: Result[] = [];
  const domains = domainsOf(new Tenants(store, clock));
  let isLate = false;
  const work = async () => {
    for await (const domain of domains) {
      if (clock.monotonic() + certificateLimits.renewalDomainMs > untilMs) {
        isLate = true;
        return;
      }
      results.push(await renewLogged(dependencies, domain, log));
    }
  };
  await Promise.all(Array.from({ length: certificateLimits.renewalsConcurrentMax }, work));
  if (isLate) log.warn({ done: results.length }, 'the time was not enough for all domains; the next run continues');
  return results;
}

async function renewLogged(dependencies: RenewalDependencies, domain: string, log: Logger): Promise<Result> {
  try {
    const result = await renew(dependencies, domain);
    logResult(log, result, dependencies.clock.now());
    return result;
  } catch (error) {
    log.error({ domain, err: error }, 'cannot check the certificate');
    return { domain, outcome: 'failed', error: 'the store did not answer' };
  }
}

export function logResult(log: Logger, { domain, outcome, entry, error }: Result, nowMs: number): void {
  const level = outcome === 'failed' ? 'error' : outcome === 'undelegated' || outcome === 'resting' ? 'warn' : 'info';
  log[level]({ domain, outcome, ...(entry && { daysLeft: daysLeft(entry, nowMs) }), ...(error && { error }) }, 'certificate');
}

/** Several workers share this, and each domain comes once. */
async function* domainsOf(tenants: Tenants): AsyncGenerator<string> {
  for (let after: string | undefined; ; ) {
    const page = await tenants.list(runtimeLimits.adminPageMax, after);
    for (const { domain, isUnproven } of page) if (!isUnproven) yield domain;
    if (page.length < runtimeLimits.adminPageMax) return;
    after = page.at(-1)!.domain;
  }
}
