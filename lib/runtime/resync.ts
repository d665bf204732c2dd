/**
 * Resync marks (DESIGN §2 rule 6): a delivery that its node did not confirm leaves a mark; the node reads its marks with each
 * heartbeat and catches those sessions up from the archive.
 */
import { Conflict, type Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { Rows } from './rows.ts';
import { update } from './update.ts';
import type { SessionAddress } from './wire.ts';

export interface Mark {
  readonly sid: string;
  /** Id of the archive entry that was not delivered, the first of them: the cursor may be far ahead when the mark is read. */
  readonly from: string;
}

const marks = collection<{ readonly from: string }>('resync', 'live');

/** Always a new version of the mark, so that a node which has read the last one does not take this one away. */
export async function leaveMark(store: Store, { node, sid }: SessionAddress, id: string): Promise<void> {
  await update(Rows.ofDeployment(store, node), marks, sid, (mark) => ({ from: mark && mark.from < id ? mark.from : id }));
}

/**
 * Reads at most `limit` marks of a node, gives them to `use`, then takes them away, but for those that were left again meanwhile:
 * what fails in between is done again, and nothing is forgotten.
 */
export async function takeMarks(store: Store, node: string, limit: number, use: (found: readonly Mark[]) => void): Promise<void> {
  const rows = Rows.ofDeployment(store, node);
  const found = await rows.list(marks, { limit });
  if (found.length === 0) return;
  use(found.map(({ key, value }) => ({ sid: key, from: value.from })));
  for (const { key, version } of found) {
    try {
      await rows.delete(marks, key, { version });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
}
