/**
 * What federation asks of the store, which the simulator does not play: a room and a router write to another server, a process owns its
 * streams, and another one takes what that server opens. Each call is held against the policy of the role.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pino from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import { Outbox, pairShard } from '../../lib/runtime/outbox.ts';
import { askRouter } from '../../services/cli/compose/admin-socket.ts';
import { composeRouter } from '../../services/cli/compose/compose-router.ts';
import { startConnectionPart } from '../../services/cli/compose/connection-part.ts';
import { startFederationPart } from '../../services/cli/compose/federation-part.ts';
import { StoreTls } from '../../services/connection/door/store-tls.ts';
import { TlsGround } from '../../test/connection/tls-ground.ts';
import { Ground } from '../../test/federation/deployments.ts';
import { FakePeer } from '../../test/federation/fake-peer.ts';
import { hastyClock } from '../../test/support/stage/clocks.ts';
import { until } from '../../test/support/until.ts';
import { rowRights, type Tier } from '../lib/rights.ts';
import { recorded } from './recorded-store.ts';
import { allows, type Call } from './row-policy.ts';

const log = pino({ level: 'silent' });
const writers = ['router', 'muc'] as const;
const tiers = [...writers, 'federation', 'peers'] as const;

test('federation: a room and a router write, an owner sends, and another process takes what comes', async () => {
  const rows = await TlsGround.open();
  await using net = await Ground.open();
  const clock = new DeploymentClock(hastyClock(10));
  const bus = memoryBus({ clock });
  const calls = new Map<Tier, Call[]>(tiers.map((tier) => [tier, []]));
  const storeOf = (tier: Tier) =>
    recorded(rows.store, (actions, { table, partition }) => {
      for (const action of actions) calls.get(tier)!.push({ action, table, partition });
    });
  const { router } = await composeRouter({ store: rows.store, bus, clock, log, isFederated: true });
  assert.ok((await askRouter(bus, 'tenant-add', { domain: 'one.example', registration: 'closed' })).ok);
  await rows.add('one.example');
  const peer = await FakePeer.start(net, { domain: 'two.example' });
  const pair = { tenant: 'one.example', host: 'one.example', peer: peer.domain };
  const ids = new IdMint(clock);
  const write = async (tier: Tier, body: string) => {
    const outbox = new Outbox({ store: storeOf(tier), bus, clock });
    const xml = `<message from='juliet@one.example' to='romeo@two.example'><body>${body}</body></message>`;
    const batches = outbox.batches([{ ...pair, id: ids.mint(), xml: Buffer.from(xml) }]);
    await storeOf(tier).batchPut(outbox.puts(batches));
    outbox.written(batches);
    await outbox.handOver(batches); // nobody serves the shard yet, so the pair is marked
  };
  // A pair of which nothing is left, as a process that died has left it.
  const idle = { ...pair, peer: 'idle.example' };
  const past = new DeploymentClock({ ...hastyClock(1), now: () => clock.now() - 3_600_000 });
  const old = new Outbox({ store: rows.store, bus, clock: past });
  const [, due] = old.puts(old.batches([{ ...idle, id: ids.mint(), xml: Buffer.from('<message/>') }]));
  await rows.store.batchPut([due!]);
  for (const tier of writers) await write(tier, tier);

  const tlsOf = (tier: Tier) => StoreTls.start({ store: storeOf(tier), keys: rows.keys, clock, log });
  const common = { bus, clock, log, keys: rows.keys, proof: undefined };
  const owned = await tlsOf('federation');
  const federation = await startFederationPart({
    ...common,
    ...{ name: 'f1', store: storeOf('federation'), tls: owned, ownAddresses: () => [] },
    values: { s2sNetworks: '127.0.0.0/8', s2sResolver: net.dns.address },
  });
  await peer.until(() => peer.bodies.length === writers.length, 'what was written');
  await until(
    () => federation.stats.waiting === 0,
    () => 'the outbox to be empty',
  );
  const asked = calls.get('federation')!;
  const wants = (action: string, { host, peer }: typeof pair) =>
    asked.some((call) => call.action === action && call.partition === `#s2s-${pairShard({ host, peer })}`);
  await until(
    () => wants('PutItem', pair) && wants('DeleteItem', idle),
    () => 'the mark to be cleared, and the row of the idle pair to go',
  );

  const shown = await tlsOf('peers');
  const listen = { bind: '127.0.0.1', s2sTlsPort: 0 };
  const peers = await startConnectionPart({ ...common, store: storeOf('peers'), name: 'p1', tls: shown, listen });
  const ports = { s2s: 0, s2sTls: peers.node.addresses.s2sTls!.port };
  const stream = await peer.dial({ ports } as Parameters<typeof peer.dial>[0], 'one.example');
  await stream.open();
  assert.match(await stream.prove(), /type='valid'/);
  stream.send(`<iq type='get' id='p' from='two.example' to='one.example'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await peer.until(() => peer.received.some((xml) => /type=['"]result['"]/.test(xml)), 'an answer');

  await until(
    () => calls.get('peers')!.some(({ partition }) => `${partition}`.startsWith('#n.')),
    () => 'a heartbeat, which brings marks of missed deliveries',
  );

  for (const one of [peers, federation, router]) await one.stop();
  for (const one of [shown, owned]) one.stop();
  await bus.close();
  await rows.close();

  for (const tier of tiers) {
    const all = calls.get(tier)!;
    for (const role of [tier, 'all'])
      assert.deepEqual(
        all.filter((call) => !allows(role, call)),
        [],
        role,
      );
  }
  for (const tier of ['federation', 'peers'] as const) {
    const isAsked = ({ table, partition }: { readonly table: string; readonly partition: string }, action: string) => {
      const shape = new RegExp(`^${partition.replaceAll('.', '\\.').replaceAll('*', '[^/#]+')}$`);
      return calls
        .get(tier)!
        .some((one) => `dynamodb:${one.action}` === action && one.table === table && shape.test(`${one.partition}`));
    };
    const idleRights = rowRights[tier].flatMap(({ table, actions, partitions }) =>
      partitions
        .filter((partition) => !actions.some((action) => isAsked({ table, partition }, action)))
        .map((one) => `${table} ${one} ${actions}`),
    );
    assert.deepEqual(idleRights, [], `${tier} has rights that it does not use`);
  }
});
