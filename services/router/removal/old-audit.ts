/** Takes old entries out of audit logs from time to time. Each router does it; two at the same time do no harm. */
import { repeat } from '../../../lib/ports/clock.ts';
import { type AuditDrop, dropOldAudit } from '../../../lib/runtime/audit-retention.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';

declare module '../core/dependencies.ts' {
  interface Dependencies {
    /** How long entries of the log of the deployment are kept, days; 0 or absent: for ever. */
    readonly auditDays?: number | undefined;
  }
}

const dayMs = 24 * 60 * 60 * 1_000;

/** @throws {Unavailable} the next look goes on */
export async function dropOldEntries(dependencies: Dependencies): Promise<void> {
  await dropFrom(dependencies, undefined, dependencies.auditDays);
  const limit = runtimeLimits.adminPageMax;
  for (let after: string | undefined; ; ) {
    const page = await dependencies.tenants.list(limit, after);
    for (const tenant of page) await dropFrom(dependencies, tenant, tenant.policy.auditDays);
    if (page.length < limit) return;
    after = page.at(-1)!.domain;
  }
}

/** @param tenant absent for the log of the deployment */
async function dropFrom(dependencies: Dependencies, tenant: Tenant | undefined, days = 0): Promise<void> {
  if (days === 0) return;
  const { store, clock, log, tenants, underWay } = dependencies;
  // The removal of a tenant waits for what is under way, and what comes later sees that the tenant is gone.
  const mayGoOn = async () => tenant === undefined || (await tenants.findAny(tenant.domain))?.secret === tenant.secret;
  const dropping = dropOldAudit(store, tenant?.domain, clock.now() - days * dayMs, mayGoOn);
  const { count, brokenAt }: AuditDrop = await (underWay?.track(dropping) ?? dropping);
  const what = { domain: tenant?.domain, entries: count };
  if (count > 0) log.info(what, 'deleted entries of an audit log past their time');
  if (brokenAt !== undefined)
    log.error(
      { ...what, brokenAt },
      'an audit log is not whole: nothing is deleted from where an entry is missing or was changed',
    );
}

/** Looks a while after the start, and then from time to time. */
export function sweepAuditLogs(dependencies: Dependencies): { stop(): void } {
  const { clock, log } = dependencies;
  const timer = repeat(
    clock,
    (round) => (round === 0 ? routerLimits.auditFirstSweepMs : routerLimits.auditSweepMs),
    () => dropOldEntries(dependencies),
    (error) => log.warn({ err: error }, 'cannot delete old entries of audit logs; this is tried again'),
  );
  return { stop: () => timer.cancel() };
}
