/** Who owns a shard of pairs: nobody takes it from a process that may still write to the sockets of its pairs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import type { Store } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Heartbeat, NodeWatch } from '../../lib/runtime/nodes.ts';
import { LiveWorkers, livesNow } from '../../services/cli/compose/live-workers.ts';
import type { Dependencies } from '../../services/federation/core/dependencies.ts';
import { Fence } from '../../services/federation/core/fence.ts';
import { Shards } from '../../services/federation/shards.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { SimStore } from '../simulator/sim-store.ts';
import { StoreRows } from '../simulator/store-rows.ts';

const onError = (error: unknown) => assert.fail(`${error}`);
const shard = 7;

class Process {
  readonly subject: string;
  readonly fence: Fence;
  readonly workers = new LiveWorkers('federation');
  readonly watch: NodeWatch;
  readonly heartbeat: Heartbeat;

  private constructor(store: Store, clock: ManualClock, subject: string, heartbeat: Heartbeat) {
    this.subject = subject;
    this.heartbeat = heartbeat;
    const onLook = (live: Parameters<LiveWorkers['set']>[0]) => this.workers.set(live);
    this.watch = new NodeWatch({ store, clock, kind: 'federation', onLook, onError });
    this.fence = new Fence({ store, process: subject, isLive: livesNow(this.workers, () => this.watch.look()) });
  }

  /** It has looked who else is there; later looks are up to the test. */
  static async start(store: Store, clock: ManualClock, name: string): Promise<Process> {
    const subject = `federation.${name}.x`;
    const heartbeat = await Heartbeat.start({ store, clock, kind: 'federation', name, subject, onError });
    const process = new Process(store, clock, subject, heartbeat);
    await process.watch.look();
    return process;
  }
}

function open(): { readonly clock: ManualClock; readonly store: SimStore } {
  const clock = new ManualClock();
  return { clock, store: new SimStore(new StoreRows(() => clock.now()), async (apply) => apply()) };
}

test('a shard is not taken from a process that came after the last look at the list', async () => {
  const { clock, store } = open();
  const old = await Process.start(store, clock, 'old');
  const young = await Process.start(store, clock, 'young');
  assert.deepEqual(
    old.workers.live().map(({ incarnation }) => incarnation),
    [old.subject],
    'it has not heard of the other one',
  );
  assert.equal(await young.fence.take(shard), true);
  assert.equal(await old.fence.take(shard), false);
  assert.equal(await young.fence.take(shard), true, 'it is still its own');
  await young.fence.giveUp(shard);
  assert.equal(await old.fence.take(shard), true);
});

test('it is taken from one that is gone, or has been silent for long', async () => {
  const { clock, store } = open();
  const [old, gone, silent] = [
    await Process.start(store, clock, 'old'),
    await Process.start(store, clock, 'gone'),
    await Process.start(store, clock, 'silent'),
  ];
  assert.deepEqual([await gone.fence.take(1), await silent.fence.take(2)], [true, true]);
  await gone.heartbeat.stop();
  silent.heartbeat.abandon();
  assert.deepEqual([await old.fence.take(1), await old.fence.take(2)], [true, false]);
  for (let step = 0; step <= runtimeLimits.heartbeatDeadMs; step += runtimeLimits.heartbeatMs) {
    await clock.advance(runtimeLimits.heartbeatMs);
    await old.watch.look();
  }
  assert.equal(await old.fence.take(2), true);
});

test('many who ask at once share a look, which begins after they have asked', async () => {
  const workers = new LiveWorkers('federation');
  let looks = 0;
  const { promise: first, resolve: endFirst } = Promise.withResolvers<void>();
  const isLive = livesNow(workers, async () => {
    if (++looks === 1) await first;
    else workers.set([{ kind: 'federation', name: 'b', subject: 'federation.b.x', startedAt: '', beat: 1 }]);
  });
  const early = isLive('federation.b.x');
  await clockTurn();
  const late = Array.from({ length: 50 }, () => isLive('federation.b.x'));
  endFirst();
  assert.equal(await early, false, 'what it has read says nothing of it');
  assert.deepEqual(new Set(await Promise.all(late)), new Set([true]));
  assert.equal(looks, 2);
});

test('a look that fails is told to those who waited for it, and the next one is another', async () => {
  const workers = new LiveWorkers('federation');
  let looks = 0;
  const isLive = livesNow(workers, async () => {
    if (++looks === 1) throw new Error('the store is away');
  });
  await assert.rejects(isLive('federation.b.x'), /the store is away/);
  assert.equal(await isLive('federation.b.x'), false);
});

test('a shard is not given up, by a look that comes meanwhile, before its streams are closed', async () => {
  const { clock, store } = open();
  const [leaving, next] = [await Process.start(store, clock, 'leaving'), await Process.start(store, clock, 'next')];
  await leaving.watch.look();
  const bus = memoryBus({ clock });
  const owned = new Set([shard]);
  let change = () => {};
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const dependencies = { store, bus, clock, log: pino({ level: 'silent' }) } as unknown as Dependencies;
  const shards = new Shards(
    dependencies,
    {
      shards: {
        owned: () => owned,
        onChange: (changed) => {
          change = changed;
          return () => {};
        },
      },
      fence: leaving.fence,
      lease: () => leaving.heartbeat.lease,
    },
    { handler: async () => undefined, read: async () => {}, leave: () => closed },
  );
  await shards.start();
  while ((await shards.ownership(shard)?.whenRead()) !== true) await clockTurn();
  owned.delete(shard);
  change();
  await clockTurn();
  await shards.look();
  assert.equal(await next.fence.take(shard), false, 'its streams are still open');
  close();
  while (!(await next.fence.take(shard))) await clockTurn();
  await shards.stop();
  await bus.close();
});

function clockTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
