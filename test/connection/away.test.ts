/** Storms: while routers or the store are away, streams stay, sockets wait, and nothing grows without bound. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { connected, type Fixture, header, NS_SM, openStream, plainAuth, startFixture, until } from './fixture.ts';
import { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());

const ping = (id: string): string => `<iq type='get' id='${id}'><x xmlns='y'/></iq>`;

test('a router that comes back within the tries is not noticed', async () => {
  const client = await connected(fixture.node, 'patient');
  await fixture.router.stop();
  client.send(`<message id='1'/>${ping('2')}`);
  await until(() => fixture.node.stats.batchesInFlight === 1, 'the batch');
  await fixture.clock.advance(serviceLimits.batchBackoffMs / 2);
  await fixture.router.start();
  await fixture.clock.advance(connectionLimits.batchTimeoutMs);
  await client.read(/^<iq type='result' id='2'\/>$/);
  client.destroy();
});

test('what is answered with an error has been tried for longer than it takes to call a process dead and to take over', async () => {
  const { clock, node, router } = fixture;
  const client = await connected(node, 'persistent');
  await router.stop();
  client.send(ping('late'));
  await until(() => node.stats.batchesInFlight === 1, 'the batch');
  const begunMs = clock.monotonic();
  for (; clock.monotonic() - begunMs < runtimeLimits.heartbeatDeadMs + runtimeLimits.heartbeatMs; ) await clock.advance(100);
  await router.start();
  await clock.advance(2 * connectionLimits.batchBackoffMaxMs);
  await client.read(/^<iq type='result' id='late'\/>$/);
  await router.stop();
  client.send(ping('never'));
  await until(() => node.stats.batchesInFlight === 1, 'the batch');
  client.send(ping('nor'));
  await clock.advance(connectionLimits.batchPatienceMs + 2 * connectionLimits.batchBackoffMaxMs);
  const refused = (id: string) => new RegExp(`^<iq id='${id}' type='error'><error type='wait'><resource-constraint .*?</iq>`);
  await client.read(refused('never'));
  await clock.advance(4 * connectionLimits.batchBackoffMaxMs); // three tries: nobody answers, which is known by now
  await client.read(refused('nor'));
  await router.start();
  client.destroy();
});

test('who asks for an acknowledgement while no router answers is told what it covers', async () => {
  const { clock, node, router } = fixture;
  const client = await connected(node, 'asking');
  client.send(`<enable xmlns='${NS_SM}'/>`);
  await client.read(/<enabled [^>]*>/);
  await router.stop();
  client.send(ping('kept'));
  await until(() => node.stats.batchesInFlight === 1, 'the batch');
  await clock.advance(serviceLimits.batchBackoffMs);
  client.send(`<message id='behind'/><r xmlns='${NS_SM}'/>`);
  await new Promise<void>((resolve) => void setTimeout(resolve, 50));
  await clock.advance(connectionLimits.batchTimeoutMs);
  await client.read(new RegExp(`^<a xmlns='${NS_SM}' h='0'/>$`));
  await router.start();
  await clock.advance(2 * connectionLimits.batchBackoffMaxMs);
  await client.read(/^<iq type='result' id='kept'\/>$/);
  client.destroy();
});

test('a socket is not read while its batch is tried again, and what was written goes on in order', async () => {
  const client = await connected(fixture.node, 'waiting');
  await fixture.router.stop();
  client.send("<message id='0'/>");
  await until(() => fixture.node.stats.batchesInFlight === 1, 'the batch');
  const count = 5_000;
  const filler = 'x'.repeat(2_000);
  for (let n = 1; n <= count; n++) client.send(`<message id='${n}'><body>${filler}</body></message>`);
  await new Promise<void>((resolve) => void setTimeout(resolve, 50));
  assert.ok(client.socket.writableLength > 0, 'the client is made to wait');
  await fixture.router.start();
  const before = fixture.router.stanzas.length;
  client.send(ping('last'));
  await fixture.clock.advance(serviceLimits.batchBackoffMs * 2);
  await client.read(/id='last'/);
  const ids = fixture.router.stanzas.slice(before).map((xml) => /id='([^']+)'/.exec(xml)?.[1]);
  assert.deepEqual(ids, [...Array.from({ length: count + 1 }, (_, n) => `${n}`), 'last']);
  client.destroy();
});

test('a router that stood still finds its time over by every clock before another one has the batch, or the session goes on', async () => {
  const client = await connected(fixture.node, 'overtaken');
  const { clock, router } = fixture;
  const sentAt: number[] = [];
  const deadlines: number[] = [];
  router.answer = ({ request, items }) => {
    if (!items.some(({ body }) => body.includes('overtaken-'))) return undefined;
    sentAt.push(request.at!);
    deadlines.push(request.deadline!);
    return 'silence';
  };
  client.send(`<message id='overtaken-1'/>`);
  await until(() => sentAt.length === 1, 'the first try');
  client.send(`<message id='overtaken-2'/>`);
  const tries = connectionLimits.batchTriesMax + 1;
  for (let waited = 0; sentAt.length < tries && waited < 60_000; waited += 100) await clock.advance(100);
  assert.equal(sentAt.length, tries, 'all tries of the first, and the second one');
  for (let at = 1; at < tries; at++) {
    assert.equal(deadlines[at]! - sentAt[at]!, connectionLimits.batchTimeoutMs, 'each try has its own time');
    assert.ok(
      sentAt[at]! - deadlines[at - 1]! >= runtimeLimits.clocksDifferMs,
      `${sentAt[at]! - deadlines[at - 1]!} ms behind the one before`,
    );
  }
  router.answer = () => undefined;
  await clock.advance(2 * connectionLimits.batchTimeoutMs);
  client.destroy();
  await until(() => fixture.node.stats.batchesInFlight === 0, 'the end');
});

test('sign-in fails for now: SASL says so, a new stream ends with resource-constraint', async () => {
  const client = await openStream(fixture.node);
  await fixture.router.stop();
  client.send(plainAuth('juliet'));
  const late = RawClient.tls(fixture.node.addresses.c2sTls!.port);
  late.send(header);
  await until(() => fixture.node.stats.batchesInFlight === 2, 'both wait');
  await fixture.clock.advance(connectionLimits.batchTimeoutMs);
  await client.read(/<failure [^>]*><temporary-auth-failure\/><\/failure>/);
  assert.match(await late.closed(), /<stream:stream [^>]*><stream:error><resource-constraint .*<\/stream:stream>$/);
  await fixture.router.start();
  client.send(plainAuth('juliet'));
  await client.read(/<success/);
  client.destroy();
});

test('the end of a session is told when routers are back', async () => {
  const client = await connected(fixture.node, 'goodbye');
  await fixture.router.stop();
  client.destroy();
  await until(() => fixture.node.stats.sessions === 0, 'deliveries find nobody');
  await fixture.clock.advance(20_000);
  await fixture.router.start();
  await fixture.clock.advance(20_000);
  await until(
    () =>
      fixture.router.steps.some(
        ({ request, items }) => request.session.startsWith('goodbye@') && items.some(({ item }) => item.kind === 'end'),
      ),
    'the end',
  );
});

test('a stop without routers is bounded', async () => {
  const node = await fixture.another('c2');
  const client = await connected(node, 'stuck');
  client.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
  await client.read(/<enabled/);
  await fixture.router.stop();
  const startMs = fixture.clock.monotonic();
  await fixture.stopNode(node);
  assert.ok(fixture.clock.monotonic() - startMs <= serviceLimits.shutdownMs + 1_000);
  assert.match(await client.closed(), /<system-shutdown /);
  assert.equal(node.stats.sessions, 0);
  await fixture.router.start();
});

test('a fault of ours ends that stream alone', async () => {
  const [victim, other] = [await connected(fixture.node, 'victim'), await connected(fixture.node, 'other')];
  fixture.router.answer = ({ request }) => (request.session.startsWith('victim@') ? { bound: 'not@an@address' } : undefined);
  victim.send('<message/>');
  assert.match(await victim.closed(), /<internal-server-error /);
  fixture.router.answer = () => undefined;
  other.send(ping('alive'));
  await other.read(/id='alive'/);
  other.destroy();
});
