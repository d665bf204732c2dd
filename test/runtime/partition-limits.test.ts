/**
 * No partition is asked for more than DynamoDB gives: by drains of many nodes, by pushes that wait, by the heartbeats of a
 * thousand processes, and by those who watch them. The table is printed. Where all of it stood under one key, and everybody read
 * everything, it was too much: that is planted.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock, Timer } from '../../lib/ports/clock.ts';
import type { Key } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Heartbeat, listNodes, type NodeKind, NodeWatch } from '../../lib/runtime/nodes.ts';
import { parkSession } from '../../lib/runtime/parked.ts';
import { WatchTurn } from '../../lib/runtime/watch-turn.ts';
import { heartbeats } from '../../services/cli/cost/bill.ts';
import { hoursMonth } from '../../services/cli/cost/load.ts';
import { programLimits } from '../../services/cli/limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { putDue, registrationKeyLength, removeDue } from '../../services/router/push/registrations.ts';
import { SimStore } from '../simulator/sim-store.ts';
import { StoreRows } from '../simulator/store-rows.ts';
import { PartitionMeter, partitionLimits } from '../support/partition-meter.ts';

const waitingPushes = 10_000;
const none = { write: Number.POSITIVE_INFINITY, read: Number.POSITIVE_INFINITY };

/** Time that goes from one timer to the next, and lets what they start come to its end. */
class SwiftClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Map<number, Set<() => void>>();

  now = (): number => 1_800_000_000_000 + this.#nowMs;
  monotonic = (): number => this.#nowMs;
  randomBytes = (length: number): Buffer => Buffer.alloc(length, 7);

  after(delayMs: number, run: () => void): Timer {
    const at = this.#nowMs + Math.max(1, Math.ceil(delayMs));
    const due = this.#timers.get(at) ?? new Set();
    this.#timers.set(at, due.add(run));
    return { cancel: () => void due.delete(run) };
  }

  async advance(ms: number): Promise<void> {
    for (const untilMs = this.#nowMs + ms; this.#nowMs < untilMs; ) {
      this.#nowMs++;
      const due = this.#timers.get(this.#nowMs);
      if (due === undefined) continue;
      this.#timers.delete(this.#nowMs);
      for (const run of due) run();
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  }
}

function open(limits: typeof none | typeof partitionLimits = none, partitionOf?: (key: Pick<Key, 'partition'>) => string) {
  const clock = new SwiftClock();
  const meter = new PartitionMeter(clock.now, limits, partitionOf);
  const store = new SimStore(new StoreRows(clock.now), async (apply) => apply(), { meter });
  return { clock, meter, store };
}

const table: string[][] = [['what', 'a second', 'busiest partition', 'units', 'limit']];

function note(what: string, count: number, meter: PartitionMeter): void {
  const [{ partition, kind, units } = { partition: '', kind: 'write' as const, units: 0 }] = meter.peaks;
  table.push([what, `${Math.round(count)}`, partition, `${Math.round(units)} ${kind}`, `${partitionLimits[kind]}`]);
}

/** One second of a drain: each session is parked, and taken up again elsewhere, which deletes what was written. */
async function drain(perSecond: number, meter: ReturnType<typeof open>): Promise<void> {
  const { store, clock } = meter;
  for (let index = 0; index < perSecond; index++) {
    const owner = { domain: 'a.example', local: `user${index}` };
    const isThere = await parkSession(store, owner, { node: 'n.c1.x', sid: `session-${index}` }, clock.now() + 300_000);
    assert.equal(isThere, false, 'there is no entry, so the rows go at once');
  }
}

/** Sessions a second in a deployment: of a deploy, and of nodes that are all stopped at once with 12,000 sessions each. */
const paced = (nodes: number) => nodes * Math.min(connectionLimits.drainPerSecond, connectionLimits.drainAllPerSecond / nodes);
const stopped = (nodes: number) => (nodes * 2 * 12_000) / (110 * connectionLimits.drainShare);

for (const [what, nodes, rate] of [
  ['a deploy', 9, paced],
  ['a deploy', 84, paced],
  ['a stop', 9, stopped],
  ['a stop', 84, stopped],
] as const) {
  test(`${what} of ${nodes} nodes: their parked sessions are spread over partitions`, async () => {
    const ground = open();
    await drain(rate(nodes), ground);
    note(`${what} of ${nodes} nodes, sessions`, rate(nodes), ground.meter);
    assert.deepEqual(ground.meter.beyond, []);
  });
}

test('planted: one list of parked sessions is too much for its partition, and is throttled', async () => {
  const one = ({ partition }: Pick<Key, 'partition'>) => partition.replace(/^(#parked)-.*/, '$1');
  const ground = open(none, one);
  await drain(stopped(9), ground);
  note('planted: one list, a stop of 9 nodes', stopped(9), ground.meter);
  assert.deepEqual(
    ground.meter.beyond.map(({ partition, kind }) => `${partition} ${kind}`),
    ['live #parked write'],
  );
  await assert.rejects(drain(stopped(9), open(partitionLimits, one)), /throttled: live #parked gives 1000 units/);
});

/** One second of pushes that have to wait, each of another account, and each sent before it is over. */
async function ringAgain(perSecond: number, { store, clock }: ReturnType<typeof open>): Promise<void> {
  for (let index = 0; index < perSecond; index++) {
    const due = { owner: { domain: 'a.example', local: `user${index}` }, key: 'k'.repeat(registrationKeyLength) };
    await putDue({ store }, clock.now() + routerLimits.pushPauseMs, due);
    await removeDue({ store }, clock.now() + routerLimits.pushPauseMs, due);
  }
}

test('pushes that wait are spread over partitions', async () => {
  const ground = open();
  await ringAgain(waitingPushes, ground);
  note('pushes that wait', waitingPushes, ground.meter);
  assert.deepEqual(ground.meter.beyond, []);
});

test('planted: one list of pushes that wait is too much for its partition, and is throttled', async () => {
  const one = ({ partition }: Pick<Key, 'partition'>) => partition.replace(/^(#push-due)-.*/, '$1');
  const ground = open(none, one);
  await ringAgain(waitingPushes, ground);
  note('planted: one list of pushes', waitingPushes, ground.meter);
  assert.deepEqual(
    ground.meter.beyond.map(({ partition, kind }) => `${partition} ${kind}`),
    ['live #push-due write'],
  );
  await assert.rejects(ringAgain(waitingPushes, open(partitionLimits, one)), /throttled: live #push-due gives 1000 units/);
});

const processes: readonly (readonly [NodeKind, count: number])[] = [
  ['connection', 440],
  ['router', 400],
  ['muc', 100],
  ['federation', 60],
];
const count = processes.reduce((sum, [, each]) => sum + each, 0);

const ground = open();
const asked = { write: 0, read: 0 };

/** As the services are composed. */
async function populate({ clock, store }: ReturnType<typeof open>): Promise<{ looks: number; dead: Set<string> }> {
  const seen = { looks: 0, dead: new Set<string>() };
  const onError = (error: unknown) => assert.fail(`${error}`);
  for (const [kind, each] of processes) {
    for (let index = 0; index < each; index++) {
      const subject = `${kind === 'connection' ? 'n' : kind}.task-${index}.${`${index}`.padStart(8, '0')}`;
      const release = kind === 'connection' ? { service: kind, id: 'skylark-app-Connection:17' } : undefined;
      const load = kind === 'connection' ? () => ({ held: 12_000, cpuPercent: 45 }) : undefined;
      await Heartbeat.start({ store, clock, kind, name: `task-${index}`, subject, release, load, onError });
      const onLook = (_: readonly unknown[], dead: readonly { readonly subject: string }[]) => {
        seen.looks++;
        for (const node of dead) seen.dead.add(node.subject);
      };
      const turn = new WatchTurn({ store, clock, kind, subject });
      const part = kind === 'router' ? { isMyTurn: () => turn.isMine() } : { kind };
      await new NodeWatch({ store, clock, onLook, onError, ...part }).start();
      await clock.advance(60);
    }
  }
  return seen;
}

test('the heartbeats of a thousand processes, and those who watch them', async () => {
  const seen = await populate(ground);
  seen.looks = 0;
  const before = { ...ground.meter.totals };
  await ground.clock.advance(30_000);
  asked.write = (ground.meter.totals.write - before.write) / 30;
  asked.read = (ground.meter.totals.read - before.read) / 30;
  note(`${count} processes, heartbeats`, count / 3, ground.meter);
  assert.deepEqual(ground.meter.beyond, []);
  assert.ok(seen.looks > 100, `${seen.looks} looks`);
  assert.equal((await listNodes(ground.store)).length, count, 'all of them are listed');
  assert.deepEqual([...seen.dead], []);
});

test('`skylark cost` reckons with as many units for heartbeats as were asked for', () => {
  const tasks = { ...Object.fromEntries(processes), peers: 0 } as unknown as Parameters<typeof heartbeats>[0];
  const { writeUnits, readUnits } = heartbeats(tasks, 'cell');
  const perSecond = (units: number) => units / (hoursMonth * 3_600);
  // The bill has the lists of parked sessions and of pushes as well, which nobody reads here.
  const lists = (runtimeLimits.nodeWatchersMax * 2 * programLimits.listsPerRound) / (runtimeLimits.heartbeatMs / 1_000);
  for (const [what, reckoned, found] of [
    ['write', perSecond(writeUnits), asked.write],
    ['read', perSecond(readUnits) - lists, asked.read],
  ] as const) {
    table.push([
      'the same, all partitions',
      '',
      '`skylark cost`',
      `${Math.round(reckoned)} ${what}`,
      `${Math.round(found)} seen`,
    ]);
    assert.ok(found > 100, `${what}: only ${found} units a second were seen`);
    assert.ok(
      Math.abs(reckoned - found) < 0.25 * found,
      `${what}: the bill has ${reckoned} a second, and ${found} were asked for`,
    );
  }
});

test('planted: where each of a thousand processes reads all rows, their partition is asked for too much', async () => {
  for (let index = 0; index < count / 3; index++) await listNodes(ground.store);
  note('planted: each of them reads all', count / 3, ground.meter);
  assert.deepEqual(
    ground.meter.beyond.map(({ partition, kind }) => `${partition} ${kind}`),
    ['live #nodes read'],
  );
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table) console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '));
});
