/**
 * Tells a tenant's webhooks of what happens to it (lib/runtime/hooks.ts). Where nobody wants to know, nothing is written and nothing is read.
 *
 * There are no transactions, so the rows are written first and name the account on which they depend. Whoever sends them looks whether it is
 * there, and a moment later says so itself.
 */
import { Conflict } from '../../../lib/ports/store.ts';
import { eventRows, type HookEvent, hooksFor, putOf, type WaitingEvent } from '../../../lib/runtime/hooks.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Work } from '../../../lib/runtime/work-lists.ts';
import type { Dependencies } from './dependencies.ts';
import type { Turn } from './turn.ts';

export interface Later {
  /** Does it now, in the background. Whoever finds its row does it as well if this process dies. @param atMs as in its row */
  soon(work: Work, atMs: number): void;
}

declare module './dependencies.ts' {
  interface Dependencies {
    /** Absent in a process that does such work for others only: it finds their rows. */
    readonly later?: Later | undefined;
  }
}

type Told = Pick<HookEvent, 'type' | 'data'>;

function eventOf({ ids, clock }: Dependencies, told: Told): WaitingEvent {
  return { ...told, id: ids.mint(), atMs: clock.now() };
}

/** Begins to send to all who want it. */
function sendSoon({ later }: Dependencies, tenant: Tenant, { type, atMs }: HookEvent): void {
  for (const { id } of hooksFor(tenant, type)) later?.soon({ kind: 'hook', domain: tenant.domain, id }, atMs);
}

/** Queues the rows of an event with what a turn commits. */
export function tellWith(turn: Turn, tenant: Tenant, told: Told): void {
  if (hooksFor(tenant, told.type).length === 0) return;
  const { dependencies } = turn;
  const event = eventOf(dependencies, told);
  for (const row of eventRows(dependencies.store, tenant, event)) turn.put(putOf(row));
  turn.afterCommit(() => sendSoon(dependencies, tenant, event));
}

/** Writes the rows of an event that has happened. @param id the same when it is told again. @throws {Unavailable} */
export async function tell(dependencies: Dependencies, tenant: Tenant, event: HookEvent): Promise<void> {
  if (hooksFor(tenant, event.type).length === 0) return;
  await dependencies.store.batchPut(eventRows(dependencies.store, tenant, event).map(putOf));
  sendSoon(dependencies, tenant, event);
}

/**
 * Makes an account, and tells of it.
 * @param make writes the account. @param isMade of what `make` gives
 * @throws what `make` throws
 */
export async function tellOfAccount<Result>(
  dependencies: Dependencies,
  tenant: Tenant,
  told: Told & { readonly ifAccount: NonNullable<WaitingEvent['ifAccount']> },
  make: () => Promise<Result>,
  isMade: (result: Result) => boolean,
): Promise<Result> {
  if (hooksFor(tenant, told.type).length === 0) return make();
  const { store } = dependencies;
  const event = eventOf(dependencies, told);
  const rows = eventRows(store, tenant, event);
  await store.batchPut(rows.map(putOf));
  try {
    const result = await make();
    if (isMade(result)) {
      const { ifAccount: _, ...sure } = event;
      await store.batchPut(eventRows(store, tenant, sure).map(putOf));
      sendSoon(dependencies, tenant, event);
    } else {
      await store.batchDelete(rows);
    }
    return result;
  } catch (error) {
    // Whether the account was written is known here alone; otherwise whoever finds the rows looks.
    if (error instanceof Conflict) await store.batchDelete(rows).catch(() => {});
    throw error;
  }
}
