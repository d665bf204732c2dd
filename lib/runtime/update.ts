/**
 * Read, change, write if nobody else was faster: the only way two processes change one row (there are no transactions).
 */
import { Conflict, Unavailable } from '../ports/store.ts';
import type { Collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import type { Rows } from './rows.ts';

/**
 * @param change gets the value (undefined: no row) and returns the new one; undefined deletes the row, and the very same
 *   reference means that nothing is to be written. May run several times.
 * @param expiresAtMs when the row is gone by itself
 * @returns the value that now stands
 * @throws {Unavailable} when others were faster every time
 */
export async function update<Value>(
  rows: Rows,
  collection: Collection<Value>,
  key: string,
  change: (value: Value | undefined) => Value | undefined,
  expiresAtMs?: number,
): Promise<Value | undefined> {
  for (let tries = 0; tries < runtimeLimits.updateTriesMax; tries++) {
    const found = await rows.get(collection, key);
    const next = change(found?.value);
    if (next === found?.value) return next;
    try {
      if (next !== undefined) await rows.put(collection, key, next, found ? { version: found.version } : 'absent', expiresAtMs);
      else if (found) await rows.delete(collection, key, { version: found.version });
      return next;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw new Unavailable(`row ${collection.name}/${key} changed under us ${runtimeLimits.updateTriesMax} times`);
}
