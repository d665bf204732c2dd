/** What turns do after the commit with the sessions of accounts. The sessions are read together, and the steps run in order. */
import type { Store } from '../../../lib/ports/store.ts';
import { type Owner, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { added } from '../../../lib/runtime/short-lists.ts';
import type { Pending } from './stages.ts';

export interface SessionStep {
  /** Whose sessions it needs; undefined: it needs none. */
  readonly owner: Owner | undefined;
  readonly use: (sessions: readonly SessionEntry[]) => Pending;
}

type Lists = readonly (readonly SessionEntry[])[];

const noSessions: readonly SessionEntry[] = [];

/** The sessions are read with strong consistency. */
export function runSteps(store: Store, steps: readonly SessionStep[]): Pending {
  let owners: Owner[] | undefined;
  for (const { owner } of steps) if (owner !== undefined) owners = added(owners, owner);
  return owners === undefined ? useAll(steps, []) : readSessions(store, owners).then((lists) => useAll(steps, lists));
}

/** @param lists the sessions for each of the steps that has an owner */
function useAll(steps: readonly SessionStep[], lists: Lists): Pending {
  let next = 0;
  for (let at = 0; at < steps.length; at++) {
    const { owner, use } = steps[at]!;
    const pending = use(owner === undefined ? noSessions : lists[next++]!);
    if (pending !== undefined) return useRest(pending, steps.slice(at + 1), lists.slice(next));
  }
}

async function useRest(pending: Promise<void>, steps: readonly SessionStep[], lists: Lists): Promise<void> {
  await pending;
  await useAll(steps, lists);
}
