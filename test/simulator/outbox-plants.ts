/** Bugs in what goes to other servers (docs/decisions/0014-outbox.md). */
import type { Clock } from '../../lib/ports/clock.ts';
import type { Key, Put, Query, Store } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { type Plant, same, withStore } from './plant.ts';

const isOutbox = ({ table, sort }: Key): boolean => table === 'live' && sort.startsWith('out/');
const isDue = ({ table, sort }: Key): boolean => table === 'live' && sort.startsWith('due/');

/** A clock that knows nothing of the time in which its process stood still. */
function withoutPauses(wall: Clock): Clock {
  const pauseMs = 700; // somebody asks it twice a second
  let [lastMs, leftOutMs] = [0, 0];
  return {
    ...wall,
    monotonic() {
      const now = wall.monotonic();
      if (now - lastMs > pauseMs) leftOutMs += now - lastMs;
      lastMs = now;
      return now - leftOutMs;
    },
  };
}

/** When the store has nothing more urgent to do, so to speak: after some time of its own. */
async function writeBehind(store: Store, rows: readonly Put[]): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  try {
    for (let reads = 0; reads < readsBefore; reads++) await store.get(first, { consistent: true });
    await store.batchPut(rows);
  } catch {
    // nobody is told
  }
}

const readsBefore = 100;

export const outboxPlants: readonly Plant[] = [
  {
    ...same,
    name: 'row-outside-commit',
    breaks: 'what is for another server is a row in the commit that precedes the acknowledgement',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        async batchPut(rows) {
          await store.batchPut(rows.filter((row) => !isOutbox(row) && !isDue(row)));
          void writeBehind(
            store,
            rows.filter((row) => isOutbox(row) || isDue(row)),
          );
        },
      });
    },
  },
  {
    ...same,
    name: 'row-gone-on-write',
    breaks: 'a row of the outbox goes when the other server has confirmed it, and not when a socket has taken it',
    store: (kind, store, rows) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        async batchPut(put) {
          await store.batchPut(put);
          // The owner hears of it at once, and writes it.
          setImmediate(() => {
            for (const row of put.filter(isOutbox)) rows.delete(row);
          });
        },
      });
    },
  },
  {
    ...same,
    name: 'no-row-of-pairs',
    breaks: 'a row of the shard names the pairs that have something due, so that a new owner finds them',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, { batchPut: (rows) => store.batchPut(rows.filter((row) => !isDue(row))) });
    },
  },
  {
    ...same,
    name: 'frozen-owner-goes-on',
    isRare: true,
    breaks: 'an owner of streams to other servers looks at its lease before it writes to a socket',
    clock: (wall, kind) => new DeploymentClock(kind === 'federation' ? withoutPauses(wall) : wall),
  },
  {
    ...same,
    name: 'retry-out-of-order',
    breaks: 'what is sent again to another server keeps its order',
    store: (kind, store) => {
      if (kind !== 'federation') return store;
      return withStore(store, {
        async query(query: Query) {
          const found = await store.query(query);
          return query.prefix === 'out/' ? found.reverse() : found;
        },
      });
    },
  },
  {
    ...same,
    name: 'no-mark-of-missed',
    isRare: true,
    breaks: 'a batch that its owner did not hear of is marked, and nothing later overtakes it',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        put: (row, condition) => (row.sort.startsWith('missed/') ? Promise.resolve('') : store.put(row, condition)),
      });
    },
  },
  {
    ...same,
    name: 'long-pauses',
    breaks: 'a server that is back is reached within a minute',
    pauseMs: 2 * 60_000,
  },
];
