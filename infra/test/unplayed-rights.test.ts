/**
 * What the simulator does not play of connection and router: certificates and keys of TLS tickets from the store, accounts that
 * come and go, a tenant that goes. Each call is held against the policy of the role.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pino from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { readToken } from '../../lib/runtime/api-keys.ts';
import { askOperation } from '../../lib/runtime/ask-operation.ts';
import { directoryOf, nodeNames } from '../../lib/runtime/directory.ts';
import { Outbox, pairShard } from '../../lib/runtime/outbox.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { TicketKeys } from '../../lib/runtime/ticket-keys.ts';
import { askRouter } from '../../services/cli/compose/admin-socket.ts';
import { composeRouter } from '../../services/cli/compose/compose-router.ts';
import { UnderWay } from '../../services/router/core/under-way.ts';
import { look, TlsGround } from '../../test/connection/tls-ground.ts';
import { recorded } from './recorded-store.ts';
import { allows, type Call } from './row-policy.ts';

/** On the same rows; what it is for is done by those who have the right. */
async function callsOf(work: (ground: TlsGround, store: TlsGround['store']) => Promise<void>): Promise<Call[]> {
  const ground = await TlsGround.open();
  const calls: Call[] = [];
  const store = recorded(ground.store, (actions, { table, partition }) => {
    for (const action of actions) calls.push({ action, table, partition });
  });
  await work(ground, store).finally(() => ground.close());
  return calls;
}

/** The roles of the service, and of the shape `small`, whose one task does everything. */
function expectRights(tier: 'connection' | 'router', calls: readonly Call[], wanted: readonly string[]): void {
  for (const role of [tier, 'all'])
    assert.deepEqual(
      calls.filter((call) => !allows(role, call)),
      [],
      role,
    );
  const asked = new Set(calls.map(({ table, partition }) => `${table} ${partition}`));
  assert.deepEqual(
    wanted.filter((one) => !asked.has(one)),
    [],
    'nobody asked for it',
  );
}

const pair = { tenant: 'one.example', host: 'one.example', peer: 'two.example' };

describe('what the simulator does not cover', () => {
  test('connection: certificates that come and change, keys of TLS tickets', async () => {
    const calls = await callsOf(async (ground, store) => {
      const { store: everything } = ground;
      await ground.add('one.example');
      ground.store = store;
      const node = await ground.start();
      const { fingerprint } = await look(node, 'one.example');
      ground.store = everything;
      await ground.add('one.example');
      await ground.add('two.example');
      await ground.poll();
      assert.notEqual((await look(node, 'one.example')).fingerprint, fingerprint);
      await look(node, 'two.example');
      const use: Buffer[] = [];
      for (let start = 0; start < 2; start++)
        (
          await TicketKeys.start({ store, clock, use: (keys) => use.push(keys), onError: (error) => assert.fail(`${error}`) })
        ).stop();
      assert.equal(use.length, 2);
    });
    expectRights('connection', calls, ['core #certificates', 'core one.example/c', 'core two.example/c', 'live #tls']);
  });

  test('router: accounts that come and go, a tenant that goes with its certificate, its nodes and what waits for other servers', async () => {
    let node = '';
    const calls = await callsOf(async (ground, store) => {
      const bus = memoryBus({ clock });
      const underWay = new UnderWay(); // else the removals wait for requests of other routers
      const { router, dependencies } = await composeRouter({ store, bus, clock, log: pino({ level: 'silent' }), underWay });
      const done = async (operation: string, given: Record<string, unknown>) => {
        const { ok, error, result } = await askRouter(bus, operation, given);
        assert.ok(ok, error);
        return result;
      };
      await done('tenant-add', { domain: 'one.example', registration: 'closed' });
      await ground.add('one.example');
      for (const name of ['juliet', 'romeo']) await done('user-add', { jid: `${name}@one.example`, password: 'pw' });
      await done('user-password', { jid: 'juliet@one.example', password: 'other' });
      await done('user-list', { domain: 'one.example' });
      await done('user-remove', { jid: 'juliet@one.example' });
      await done('tenant-list', {});
      const { token } = (await done('key-add', { name: 'app', access: 'write', role: 'deployment-owner' })) as { token: string };
      const by = { key: readToken(token)!, address: '192.0.2.7' };
      const again = { operation: 'key-add', arguments: { name: 'other' }, by, idempotencyKey: 'one' };
      for (let times = 0; times < 2; times++) assert.ok((await askOperation(bus, again, 5_000)).ok);
      await done('user-role', { jid: 'romeo@one.example', role: 'operator' });
      const outbox = new Outbox(dependencies);
      const waiting = { ...pair, id: dependencies.ids.mint(), xml: Buffer.from('<message/>') };
      await ground.store.batchPut(outbox.puts(outbox.batches([waiting])));
      node = Rows.ofPubsub(ground.store, 'one.example', 'news').partition;
      const listed = { createdAt: '2026-12-01T00:00:00Z', key: 'k', title: '', type: '', isPrivate: false };
      await directoryOf(ground.store, 'one.example', 'news').put(nodeNames, 'news', listed);
      await done('tenant-remove', { domain: 'one.example', force: true });
      await router.stop();
      await bus.close();
    });
    const own = ['core one.example/a/juliet', 'core one.example/t', 'core one.example/c', 'core one.example/f'];
    const shard = pairShard(pair);
    const tables = ['core', 'archive', 'live'];
    const left = [...tables.map((table) => `${table} one.example/s/${shard}`), `live #s2s-${shard}`];
    const nodes = tables.map((table) => `${table} ${node}`);
    expectRights('router', calls, [
      'core #tenants',
      'core #certificates',
      'core #removals',
      'core #guests',
      'core #audit',
      'core #apikeys',
      'core #roles',
      'live #idempotency',
      ...own,
      ...left,
      ...nodes,
    ]);
    assert.ok(calls.some(({ partition }) => /^one\.example\/d\/\d+$/.test(`${partition}`)));
  });
});
