/** Ends sessions that somebody else than their client wants ended: with the account, by an operator, or with a device's access. */
import { unpark } from '../../../lib/runtime/parked.ts';
import { isParked, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { closeStream, endSession } from './bind.ts';

/** What the client is told. */
export interface Ending {
  readonly condition: string;
  readonly text: string;
}

export async function endSessionNow(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  entry: SessionEntry,
  { condition, text }: Ending,
): Promise<void> {
  await closeStream(dependencies, entry, condition, text);
  await forgetSession(dependencies, tenant, local, entry);
}

async function forgetSession(dependencies: Dependencies, tenant: Tenant, local: string, entry: SessionEntry): Promise<void> {
  const owner = { domain: tenant.domain, local };
  if (isParked(entry) && entry.parked) await unpark(dependencies.store, owner, entry.sid, entry.parked.deadline);
  await endSession(dependencies, tenant, local, entry);
}

/**
 * All sessions of an account that is not let in any more. One that moves to another node meanwhile is found at the next look.
 * @param but a session whose stream is left for the caller to close
 */
export async function endSessions(
  dependencies: Dependencies,
  tenant: Tenant,
  local: string,
  { condition, text }: Ending,
  but?: { readonly sid: string },
): Promise<void> {
  const owner = { domain: tenant.domain, local };
  for (let looks = 0; looks < routerLimits.sessionEndLooksMax; looks++) {
    const [sessions = []] = await readSessions(dependencies.store, [owner]);
    if (sessions.length === 0) return;
    const others = sessions.filter(({ sid }) => sid !== but?.sid);
    await Promise.all(others.map((entry) => closeStream(dependencies, entry, condition, text)));
    for (const entry of sessions) await forgetSession(dependencies, tenant, local, entry);
  }
}
