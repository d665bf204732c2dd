/** The right to work on a removal: one process at a time, and none that stood still. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Unavailable } from '../../lib/ports/store.ts';
import { erasePartition } from '../../lib/runtime/erase.ts';
import { GoneAddresses } from '../../lib/runtime/gone-addresses.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { findRemoval, RemovalLease, removedAccountsOf } from '../../lib/runtime/removals.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { type Tenant, Tenants } from '../../lib/runtime/tenants.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { removalsOf } from '../../services/router/removal/removals.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const name = 'bob@a.example';
let dependencies: EmbeddedDependencies;
let clock: ReturnType<typeof steppedClock>;
let tenant: Tenant;

beforeEach(async () => {
  clock = steppedClock();
  dependencies = await embeddedDependencies({ clock });
  tenant = await dependencies.tenants.add('a.example', { registration: 'closed', retentionDays: 0 });
});
afterEach(() => dependencies.close());

const take = (by: string, mayTake = false) =>
  RemovalLease.take(dependencies, name, by, { row: { tenant, local: 'bob' }, mayTake: () => mayTake });

describe('a removal', () => {
  test('is one process its work, until another one may take it', async () => {
    const first = (await take('one'))!;
    assert.equal(await take('two'), undefined);
    assert.ok(await take('one'), 'it may begin again itself');
    assert.equal((await findRemoval(dependencies.store, name))?.by, 'one');
    const second = (await take('two', true))!;
    clock.advance(runtimeLimits.removalBeatMs);
    await assert.rejects(first.beat('further'), Unavailable);
    await assert.rejects(first.end(), Unavailable);
    await second.beat('further');
    assert.equal((await findRemoval(dependencies.store, name))?.progress, 'further');
    await second.end();
    assert.equal(await findRemoval(dependencies.store, name), undefined);
  });

  test('is not gone on with by a process that stood still: the name may be somebody else’s by then', async () => {
    const lease = (await take('one'))!;
    const rows = Rows.ofAccount(dependencies.store, 'a.example', 'bob');
    await dependencies.store.put({ table: 'core', partition: rows.partition, sort: 'x/', value: '"1"' });
    clock.advance(runtimeLimits.removalLeaseMs + 1);
    assert.throws(lease.check, Unavailable);
    await assert.rejects(erasePartition(dependencies.store, rows, { mayDelete: lease.check }), Unavailable);
    await assert.rejects(lease.beat('further'), Unavailable);
    await assert.rejects(lease.end(), Unavailable);
    assert.ok(await dependencies.store.get({ table: 'core', partition: rows.partition, sort: 'x/' }, { consistent: true }));
  });

  test('that has ended is not begun again by whoever only goes on', async () => {
    assert.equal(await RemovalLease.take(dependencies, name, 'two', { mayTake: () => true }), undefined);
    assert.equal(await findRemoval(dependencies.store, name), undefined);
  });

  test('is told of its tenant', async () => {
    await take('one');
    await RemovalLease.take(dependencies, 'a.example', 'one', { row: { tenant }, mayTake: () => false });
    assert.deepEqual(await removedAccountsOf(dependencies.store, 'a.example'), ['bob']);
    assert.deepEqual(await removedAccountsOf(dependencies.store, 'b.example'), []);
  });

  test('of a process that lives is left to it, and taken up when it stands still', async () => {
    const { underWay, ...others } = dependencies;
    const cluster = { ...others, tenants: new Tenants(dependencies.store, clock) };
    const removals = removalsOf(cluster);
    const lease = (await take('one'))!;
    await removals.resume();
    for (let beats = 0; beats < 5; beats++) {
      clock.advance(routerLimits.removalStaleMs / 3);
      await lease.beat(`${beats}`);
      await removals.resume();
      assert.equal((await findRemoval(dependencies.store, name))?.by, 'one');
    }
    clock.advance(routerLimits.removalStaleMs + 1);
    await removals.resume();
    for (let tries = 0; tries < 500 && (await findRemoval(dependencies.store, name)); tries++) await pause(10);
    assert.equal(await findRemoval(dependencies.store, name), undefined);
    assert.ok(runtimeLimits.removalLeaseMs < routerLimits.removalStaleMs, 'who stood still has stopped before');
  });
});

test('gone addresses are accounts, or domains with all that is there', () => {
  const gone = new GoneAddresses(['bob@a.example', 'c.example']);
  for (const [jid, isGone] of [
    ['bob@a.example', true],
    ['bob@a.example/x', true],
    ['bobby@a.example', false],
    ['a.example', false],
    ['bob@b.a.example', false],
    ['anybody@c.example', true],
    ['c.example', true],
    ['anybody@conference.c.example', false],
  ] as const) {
    assert.equal(gone.has(Jid.parse(jid)), isGone, jid);
  }
  assert.equal(gone.few, undefined, 'a domain is not looked up');
  assert.equal(new GoneAddresses(['bob@a.example']).few?.length, 1);
});
