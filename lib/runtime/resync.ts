/**
 * Resync marks (DESIGN §2 rule 6): a delivery that its node did not confirm leaves a mark; the node reads its marks with each
 * heartbeat and catches those sessions up from the archive.
 */
import type { Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { Rows } from './rows.ts';
import type { SessionAddress } from './wire.ts';

const marks = collection<true>('resync', 'live');

export function leaveMark(store: Store, { node, sid }: SessionAddress): Promise<string> {
  return Rows.ofDeployment(store, node).put(marks, sid, true);
}

/** Takes at most `limit` marks of a node away. @returns their sids */
export async function takeMarks(store: Store, node: string, limit: number): Promise<string[]> {
  const rows = Rows.ofDeployment(store, node);
  const found = await rows.list(marks, { limit });
  for (const { key } of found) await rows.delete(marks, key);
  return found.map(({ key }) => key);
}
