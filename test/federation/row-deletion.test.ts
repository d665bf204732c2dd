/** How rows of the outbox are deleted whose stanzas the peer has confirmed. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { type Key, type Store, Unavailable } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import type { Carrier, CarrierEvents } from '../../services/federation/core/carrier.ts';
import type { Dependencies } from '../../services/federation/core/dependencies.ts';
import { Gate } from '../../services/federation/core/gate.ts';
import type { WayEvents } from '../../services/federation/core/way.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { withoutRow } from '../../services/federation/pairs/departing.ts';
import { Pair } from '../../services/federation/pairs/pair.ts';
import { RowDeletions } from '../../services/federation/pairs/row-deletion.ts';
import { ManualClock, settled } from '../connection/manual-clock.ts';

const { deletionRowsMax, deletionsAtOnceMax, deletionRetryMaxMs, storeRetryMs } = federationLimits;
const name = { tenant: 'a.example', host: 'a.example', peer: 'x.example' };

/** A store of which only deletions are asked. Each waits until the test lets it go on. */
class SlowStore {
  readonly waiting: { readonly keys: readonly Key[]; readonly end: () => void; readonly fail: () => void }[] = [];

  batchDelete(keys: readonly Key[]): Promise<void> {
    return new Promise((resolve, reject) =>
      this.waiting.push({ keys, end: resolve, fail: () => reject(new Unavailable('the store is away')) }),
    );
  }
}

let wall: ManualClock;
let store: SlowStore;
let dependencies: Dependencies;
const log = { info: () => {}, warn: () => {} };

beforeEach(() => {
  wall = new ManualClock();
  store = new SlowStore();
  dependencies = { store: store as unknown as Store, clock: new DeploymentClock(wall), log, holdsLease: () => true } as never;
});

const rowsOf = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => ({ key: `${prefix}-${index}` }));

test('what is confirmed together is deleted together, and what has no row takes none', async () => {
  const rows = new RowDeletions(dependencies, new Gate(wall), name, () => false);
  const gone: string[] = [];
  const all = [...rowsOf('row', deletionRowsMax + 2), { key: `${withoutRow}1` }];
  rows.delete(all, ({ key }) => gone.push(key));
  rows.delete([{ key: `${withoutRow}2` }], ({ key }) => gone.push(key));
  await settled();
  assert.deepEqual(
    store.waiting.map(({ keys }) => keys.length),
    [deletionRowsMax, 2],
  );
  assert.ok(
    store.waiting[0]!.keys.every(({ table, sort }) => table === 'live' && sort.startsWith('out/a.example x.example row-')),
  );
  assert.deepEqual(gone, [`${withoutRow}2`]);
  store.waiting[1]!.end();
  await settled();
  assert.equal(gone.length, 4);
  store.waiting[0]!.end();
  await rows.settled();
  assert.deepEqual(new Set(gone), new Set([...all, { key: `${withoutRow}2` }].map(({ key }) => key)));
});

test('only some rows are deleted at the same time, and all in the end', async () => {
  const rows = new RowDeletions(dependencies, new Gate(wall), name, () => false);
  const count = 3 * deletionsAtOnceMax;
  const gone = new Set<string>();
  for (const row of rowsOf('row', count)) rows.delete([row], ({ key }) => gone.add(key));
  for (let done = 0; done < count; ) {
    await settled();
    assert.equal(store.waiting.length, Math.min(deletionsAtOnceMax, count - done));
    for (const one of store.waiting.splice(0)) {
      one.end();
      done++;
    }
  }
  await rows.settled();
  assert.equal(gone.size, count);
});

test('a deletion that fails is tried again ever later', async () => {
  const rows = new RowDeletions(dependencies, new Gate(wall), name, () => false);
  const gone: string[] = [];
  rows.delete([{ key: 'row' }], ({ key }) => gone.push(key));
  for (let pauseMs: number = storeRetryMs, tries = 1; tries < 10; tries++) {
    await settled();
    assert.equal(store.waiting.length, 1);
    store.waiting.pop()!.fail();
    await wall.advance(pauseMs - 1);
    await settled();
    assert.equal(store.waiting.length, 0, `not within ${pauseMs} ms`);
    await wall.advance(pauseMs + 1);
    pauseMs = Math.min(2 * pauseMs, deletionRetryMaxMs);
  }
  await settled();
  assert.deepEqual(gone, []);
  store.waiting.pop()!.end();
  await rows.settled();
  assert.deepEqual(gone, ['row']);
});

test('a pair that stops waits until the rows are gone that its peer has confirmed: the next owner would send them again', async () => {
  let events: CarrierEvents | undefined;
  let sent = 0;
  const nothing = () => {};
  const carrier = {
    ...{ streamId: 'one', isCertified: true, proof: '', hasAcks: true, isOpen: true, outlivesOwner: false, isClosed: false },
    get sent() {
      return sent;
    },
    send: () => {
      sent++;
      return 0;
    },
    ...{ requestAck: nothing, ping: nothing, fail: nothing, destroy: nothing, leave: nothing },
    close() {
      this.isClosed = true;
      events!.closed(new Error('it closes the stream'), true); // which confirms all
    },
    run: async (all: CarrierEvents) => {
      events = all;
    },
  };
  const wayOf = (on: WayEvents) => ({
    ...{ isIdle: true, lastError: undefined, succeeded: nothing, rest: nothing, stop: nothing },
    connect: () => on.ready(carrier as unknown as Carrier),
    verify: () => Promise.reject(new Error('nobody is asked')),
  });
  const pair = new Pair(dependencies, new Gate(wall), name, wayOf, nothing);
  const message = `<message from='juliet@a.example/x' to='anna@x.example'><body>hello</body></message>`;
  pair.take('row', dependencies.clock.now(), [Buffer.from(message)], []);
  assert.equal(sent, 1);
  let isStopped = false;
  const stopped = pair.stop().then(() => {
    isStopped = true;
  });
  await wall.advance(federationLimits.closeMs);
  await settled();
  assert.deepEqual([store.waiting.length, isStopped], [1, false]);
  store.waiting.pop()!.end();
  await stopped;
});
