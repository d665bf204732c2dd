/** Which nodes leave when another release of their service runs, in deploys that go well and in those that do not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import type { LiveNode } from '../../lib/runtime/nodes.ts';
import { ReleaseWatch } from '../../lib/runtime/releases.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const settleMs = 30_000;
const stepMs = 3_000;

interface Member {
  readonly node: LiveNode;
  readonly watch: ReleaseWatch;
  hasLeft: boolean;
}

/** A service whose nodes are looked at every three seconds. */
class Fleet {
  readonly clock = new ManualClock();
  members: Member[] = [];
  #count = 0;

  start(release: string, count = 1, service = 'connection'): Member[] {
    const started = Array.from({ length: count }, () => {
      const subject = `n.${service}${++this.#count}.x`;
      const common = { kind: 'connection', name: subject, beat: 1 } as const;
      const node = { ...common, subject, startedAt: new Date(this.clock.now()).toISOString(), release: { service, id: release } };
      const watch = new ReleaseWatch({ clock: this.clock, subject, release: node.release, settleMs });
      return { node, watch, hasLeft: false };
    });
    this.members.push(...started);
    return started;
  }

  stop(...gone: readonly Member[]): void {
    this.members = this.members.filter((member) => !gone.includes(member));
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.clock.advance(stepMs);
      const live = this.members.map(({ node }) => node);
      for (const member of this.members) member.hasLeft ||= member.watch.look(live);
    }
  }

  get leaving(): Member[] {
    return this.members.filter(({ hasLeft }) => hasLeft);
  }
}

/** One node of each release, at most. */
async function running(count: number): Promise<Fleet> {
  const fleet = new Fleet();
  fleet.start('r1', count);
  await fleet.pass(5 * 60_000);
  return fleet;
}

test('nobody leaves while there is one release, also when nodes are added', async () => {
  const fleet = await running(3);
  fleet.start('r1', 2);
  await fleet.pass(20 * 60_000);
  assert.deepEqual(fleet.leaving, []);
});

test('a new release has to run for a while, then the nodes of the old one leave, and those of the new one stay', async () => {
  const fleet = await running(2);
  const old = [...fleet.members];
  fleet.start('r2', 2);
  await fleet.pass(settleMs);
  assert.deepEqual(fleet.leaving, []);
  await fleet.pass(2 * stepMs);
  assert.deepEqual(fleet.leaving, old);
  fleet.stop(...old);
  await fleet.pass(20 * 60_000);
  assert.deepEqual(fleet.leaving, []);
});

test('one leaves for each new one, so that the new ones are not flooded', async () => {
  const fleet = await running(4);
  fleet.start('r2', 1);
  await fleet.pass(2 * settleMs);
  assert.equal(fleet.leaving.length, 1);
  fleet.stop(...fleet.leaving);
  await fleet.pass(2 * settleMs);
  assert.equal(fleet.leaving.length, 0, 'its place is taken by the one that is there');
  fleet.start('r2', 2);
  await fleet.pass(2 * settleMs);
  assert.equal(fleet.leaving.length, 2);
});

test('when fewer are wanted than before, the rest leaves in the end', async () => {
  const fleet = await running(4);
  fleet.start('r2', 1);
  await fleet.pass(runtimeLimits.releaseWaitMs);
  assert.equal(fleet.leaving.length, 1);
  await fleet.pass(2 * settleMs);
  assert.equal(fleet.leaving.length, 4);
});

test('a new release that dies again and again makes nobody leave', async () => {
  const fleet = await running(2);
  for (let attempt = 0; attempt < 20; attempt++) {
    const failing = fleet.start('r2', 2);
    await fleet.pass(settleMs - 2 * stepMs);
    fleet.stop(...failing);
    await fleet.pass(stepMs);
  }
  assert.deepEqual(fleet.leaving, []);
});

describe('a deploy that is rolled back', () => {
  test('before any has left: the new ones leave, the old ones stay', async () => {
    const fleet = await running(2);
    const failing = fleet.start('r2', 2);
    await fleet.pass(10_000);
    fleet.start('r1', 1);
    await fleet.pass(2 * settleMs);
    assert.deepEqual(fleet.leaving, failing);
  });

  test('half-way: the old release starts anew, and it is the new one that leaves', async () => {
    const fleet = await running(2);
    const failing = fleet.start('r2', 1);
    await fleet.pass(2 * settleMs);
    fleet.stop(...fleet.leaving);
    fleet.start('r1', 1);
    await fleet.pass(2 * settleMs);
    assert.deepEqual(fleet.leaving, failing);
  });
});

test('services are deployed apart: a new release of one is none of the other', async () => {
  const fleet = await running(2);
  fleet.start('r2', 2, 'web');
  await fleet.pass(20 * 60_000);
  assert.deepEqual(fleet.leaving, []);
});

test('nodes that say nothing of a release count for nothing', async () => {
  const fleet = await running(2);
  const [other] = fleet.start('r2');
  fleet.stop(other!);
  fleet.members.push({ ...other!, node: { ...other!.node, release: undefined } });
  await fleet.pass(20 * 60_000);
  assert.deepEqual(
    fleet.leaving.filter((member) => member.node.release?.id === 'r1'),
    [],
  );
});
