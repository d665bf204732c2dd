/** A few processes of a kind watch all others; who dies is noticed, also when those who watch die. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Heartbeat, NodeWatch } from '../../lib/runtime/nodes.ts';
import { WatchTurn } from '../../lib/runtime/watch-turn.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { SimStore } from '../simulator/sim-store.ts';
import { StoreRows } from '../simulator/store-rows.ts';

const { heartbeatMs, heartbeatDeadMs, nodeWatchersMax } = runtimeLimits;

class Router {
  readonly name: string;
  readonly dead = new Set<string>();
  looks = 0;
  #heartbeat: Heartbeat | undefined;
  #watch: NodeWatch | undefined;

  constructor(name: string) {
    this.name = name;
  }

  async start(store: SimStore, clock: ManualClock): Promise<void> {
    const subject = `router.${this.name}.x`;
    const common = { store, clock, onError: (error: unknown) => assert.fail(`${error}`) };
    this.#heartbeat = await Heartbeat.start({ ...common, kind: 'router', name: this.name, subject });
    const turn = new WatchTurn({ store, clock, kind: 'router', subject });
    this.#watch = new NodeWatch({
      ...{ ...common, isMyTurn: () => turn.isMine() },
      onLook: (_, dead) => {
        this.looks++;
        for (const node of dead) this.dead.add(node.name);
      },
    });
    await this.#watch.start();
  }

  kill(): void {
    this.#heartbeat?.abandon();
    this.#watch?.stop();
  }
}

test('the first few watch; when all of them die, the next ones notice it and watch', async () => {
  const clock = new ManualClock();
  const store = new SimStore(new StoreRows(() => clock.now()), async (apply) => apply());
  const routers = Array.from({ length: 3 * nodeWatchersMax }, (_, index) => new Router(`r${index}`));
  for (const router of routers) await router.start(store, clock);
  const watching = () => routers.filter(({ looks }) => looks > 0).map(({ name }) => name);
  const lookAgain = async (ms: number) => {
    for (const router of routers) router.looks = 0;
    await clock.advance(ms);
  };
  await lookAgain(2 * heartbeatMs);
  assert.deepEqual(watching(), ['r0', 'r1', 'r2']);
  routers[5]!.kill();
  await lookAgain(heartbeatDeadMs + 2 * heartbeatMs);
  for (const router of routers.slice(0, nodeWatchersMax)) assert.deepEqual([...router.dead], ['r5']);
  for (const router of routers.slice(0, nodeWatchersMax)) router.kill();
  await lookAgain(3 * (heartbeatDeadMs + 2 * heartbeatMs));
  assert.deepEqual(watching(), ['r3', 'r4', 'r6'], 'the one that has died is not counted');
  for (const name of ['r3', 'r4', 'r6']) {
    const { dead } = routers.find((router) => router.name === name)!;
    assert.deepEqual([...dead].sort(), ['r0', 'r1', 'r2', 'r5'], name);
  }
});

test('a process whose own row is not there yet watches rather than not', async () => {
  const clock = new ManualClock();
  const store = new SimStore(new StoreRows(() => clock.now()), async (apply) => apply());
  assert.equal(await new WatchTurn({ store, clock, kind: 'router', subject: 'router.r1.x' }).isMine(), true);
});
