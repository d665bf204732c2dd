/**
 * A store in memory that keeps the Store port's contract (simulator-ports.test.ts): opening one costs nothing, where SQLite starts a
 * thread and makes files. As with SQLite, a read is answered at once and a write takes a turn of the event loop, so that what runs at the
 * same time can meet; writes take effect in the order of the calls.
 */
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { SimStore, type StoreLink } from '../../simulator/sim-store.ts';
import { StoreRows } from '../../simulator/store-rows.ts';

const link: StoreLink = async (apply, writes) => (writes ? inATurn(apply) : apply());

function inATurn<Answer>(apply: () => Answer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(apply());
      } catch (error) {
        reject(error);
      }
    });
  });
}

class MemoryStore extends SimStore {
  readonly keepsOrder = true;
}

export function memoryStore(clock: Clock): Store {
  return new MemoryStore(new StoreRows(() => clock.now()), link);
}
