/**
 * Resync marks: a delivery that its node did not confirm leaves a mark; the node reads its marks with each
 * heartbeat and catches those sessions up from the archive. A mark stays until the client has acknowledged what came of it: when the
 * node dies before, whoever cleans up after it finds the mark.
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
  /** The row's version: it changes when the mark is left again. */
  readonly version: string;
}

const marks = collection<{ readonly from: string }>('resync', 'deployment', 'live');

/** Always a new version of the mark, so that a node which has read the last one does not take this one away. */
export async function leaveMark(store: Store, { node, sid }: SessionAddress, id: string): Promise<void> {
  await update(Rows.ofDeployment(store, node), marks, sid, (mark) => ({ from: mark && mark.from < id ? mark.from : id }));
}

/** The mark of a session whose node does not take it any more. */
export async function readMark(store: Store, { node, sid }: SessionAddress): Promise<string | undefined> {
  return (await Rows.ofDeployment(store, node).get(marks, sid))?.value.from;
}

/**
 * Reads at most `limit` marks of a node behind `after`, gives them to `use`, and takes those away that it says are done with, but for
 * those that were left again meanwhile: what fails in between is done again, and nothing is forgotten.
 * @returns where the next ones are, '' for the first
 */
export async function takeMarks(
  store: Store,
  node: string,
  { limit, after }: { readonly limit: number; readonly after: string },
  use: (found: readonly Mark[]) => readonly Mark[],
): Promise<string> {
  const rows = Rows.ofDeployment(store, node);
  const found = await rows.list(marks, { limit, ...(after !== '' && { after }) });
  if (found.length === 0) return '';
  const done = use(found.map(({ key, value, version }) => ({ sid: key, from: value.from, version })));
  for (const { sid, version } of done) {
    try {
      await rows.delete(marks, sid, { version });
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  return found.length < limit ? '' : found.at(-1)!.key;
}

/** The node is dead, and whoever cleans up after it has read its marks. */
export function forgetMarks(store: Store, node: string): Promise<void> {
  return Rows.ofDeployment(store, node).deleteAll(marks);
}
