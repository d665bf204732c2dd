/** How often rows of tenants are read, and that a change by any process is seen within a second. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { SimStore } from '../simulator/sim-store.ts';
import { StoreRows } from '../simulator/store-rows.ts';

class WatchedStore extends SimStore {
  readonly reads: string[] = [];
  isDying = false;

  override get(...given: Parameters<Store['get']>): ReturnType<Store['get']> {
    this.reads.push(given[0].sort);
    return super.get(...given);
  }

  override add(...given: Parameters<Store['add']>): Promise<number> {
    return this.isDying ? Promise.reject(new Unavailable('the process dies')) : super.add(...given);
  }
}

function open() {
  const clock = new ManualClock();
  const rows = new StoreRows(() => clock.now());
  const store = new WatchedStore(rows, async (apply) => apply());
  return { clock, store, process: () => new Tenants(store, clock) };
}

test('while no tenant changes, a process reads one row a second, however many tenants it serves', async () => {
  const { clock, store, process } = open();
  const { reads } = store;
  const [writer, reader] = [process(), process()];
  const domains = ['a.example', 'b.example', 'c.example'];
  for (const domain of domains) await writer.add(domain, {});
  for (const domain of domains) await reader.find(domain);
  reads.length = 0;
  for (let second = 0; second < 10; second++) {
    for (const domain of domains) assert.equal((await reader.find(domain))?.domain, domain);
    await clock.advance(1_000);
  }
  assert.ok(reads.length <= 10, reads.join());
  assert.ok(!reads.some((sort) => sort.startsWith('tenant/')), reads.join());
});

test('a change by another process is seen within a second: of a policy, a tenant that comes, and one that goes', async () => {
  const { clock, process } = open();
  const [writer, reader] = [process(), process()];
  const a = await writer.add('a.example', {});
  assert.equal((await reader.find('a.example'))?.policy.registration, 'closed');
  assert.equal(await reader.find('b.example'), undefined);
  await writer.setPolicy('a.example', { registration: 'open' });
  await writer.add('b.example', {});
  await clock.advance(runtimeLimits.tenantCacheMs);
  assert.equal((await reader.find('a.example'))?.policy.registration, 'open');
  assert.equal((await reader.find('b.example'))?.domain, 'b.example');
  await writer.remove(a);
  await clock.advance(runtimeLimits.tenantCacheMs);
  assert.equal(await reader.find('a.example'), undefined);
});

test('a change of which its process had no time to tell is seen within a minute', async () => {
  const { clock, store, process } = open();
  const [writer, reader] = [process(), process()];
  await writer.add('a.example', {});
  await reader.find('a.example');
  store.isDying = true;
  await assert.rejects(writer.setPolicy('a.example', { registration: 'open' }), Unavailable);
  await clock.advance(runtimeLimits.tenantKeepMs);
  assert.equal((await reader.find('a.example'))?.policy.registration, 'open');
});
