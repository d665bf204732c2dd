/** What a tenant's policy says of other servers: who may talk, what proves a domain, how long messages wait; also for streams that are open. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { PolicyChange } from '../../lib/runtime/policy/tenant-policy.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { until } from '../support/until.ts';
import type { FakePeer, PeerClient } from './fake-peer.ts';
import { TwoTenants } from './two-tenants.ts';

const stage = await TwoTenants.open();
const { skylark, juliet, romeo } = stage;

after(() => stage.close());

const anything: PolicyChange = { federation: 'open', allow: [], block: [], proof: 'any', hold: 3_600 };
const newPeer = (isCertified?: boolean) => stage.newPeer(isCertified);

function message(from: string, to: string, body: string): string {
  return `<message from='${from}' to='${to}' type='chat' id='${body}'><body>${body}</body></message>`;
}

/** @returns the condition of the error that comes for a message to the peer, or 'delivered' */
async function outcome(client: TcpClient, peer: FakePeer, body: string): Promise<string> {
  client.send(`<message to='nurse@${peer.domain}' type='chat' id='${body}'><body>${body}</body></message>`);
  const bounce = () => client.received.find(({ attributes }) => attributes.id === body && attributes.type === 'error');
  await until(
    () => bounce() !== undefined || peer.bodies.includes(body),
    () => `what becomes of '${body}'`,
    20_000,
  );
  return /<(not-allowed|resource-constraint|remote-server-[a-z-]+)/.exec(bounce()?.xml ?? '')?.[1] ?? 'delivered';
}

/** What the policy says is felt within a second. */
async function outcomeBecomes(wanted: string, client: TcpClient, peer: FakePeer, prefix: string, msMax = 3_000): Promise<void> {
  const begun = performance.now();
  for (let tries = 0; ; tries++) {
    const got = await outcome(client, peer, `${prefix}-${tries}`);
    if (got === wanted) return;
    assert.ok(performance.now() - begun < msMax, `after ${msMax} ms it is still ${got}`);
  }
}

async function open(peer: FakePeer, to: string): Promise<{ readonly stream: PeerClient; readonly said: string }> {
  const stream = await peer.dial(skylark, to);
  return { stream, said: await stream.open() };
}

/** Opens streams until what is said to one is this. */
async function opensWith(wanted: RegExp, peer: FakePeer, to: string): Promise<PeerClient> {
  const begun = performance.now();
  for (;;) {
    const { stream, said } = await open(peer, to);
    if (wanted.test(said)) return stream;
    stream.link.destroy('not yet');
    assert.ok(performance.now() - begun < 3_000, `after 3 s it is still ${said}`);
  }
}

/** Stanzas are sent until the stream ends for it. @returns the last of them, which was not taken */
async function endsSoon(stream: PeerClient, peer: FakePeer): Promise<string> {
  let said = '';
  const ended = stream.next().then((xml) => {
    said = xml;
  });
  const begun = performance.now();
  let last = '';
  for (let count = 0; said === ''; count++) {
    last = `late ${peer.domain} ${count}`;
    stream.send(message(`nurse@${peer.domain}`, 'juliet@a.example', last));
    await Promise.race([ended, juliet.next(({ xml }) => xml.includes(last))]);
    assert.ok(performance.now() - begun < 3_000, 'after 3 s it still takes stanzas');
    await pause(50); // a server may send so many stanzas a second, and then has to wait
  }
  assert.match(said, /policy-violation/);
  return last;
}

for (const [what, change] of [
  ['closed', { federation: 'closed' }],
  ['listed, without the peer', { federation: 'listed', allow: ['other.example'] }],
  ['open, with the peer blocked', { federation: 'open', block: ['example'] }],
] as const) {
  test(`federation ${what}: nothing leaves and nothing arrives, and the other tenant does not notice`, async () => {
    const peer = await newPeer();
    await skylark.setPolicy('a.example', { ...anything, ...change });
    await outcomeBecomes('not-allowed', juliet, peer, 'out');
    await opensWith(/policy-violation/, peer, 'a.example');
    assert.equal(await outcome(romeo, peer, 'of romeo'), 'delivered');
    const { stream } = await open(peer, 'b.example');
    assert.match(await stream.prove(), /type='valid'/);
    // On a stream to another tenant it is told which pair is refused, and the stream goes on.
    stream.send(`<db:result from='${peer.domain}' to='a.example'>key</db:result>`);
    assert.match(await stream.next(), /to='peer\d+.example' type='error'><error type='cancel'><not-allowed/);
    stream.send(message(`nurse@${peer.domain}`, 'romeo@b.example', `in ${what}`));
    await romeo.next(({ xml }) => xml.includes(`in ${what}`));
    await skylark.setPolicy('a.example', anything);
    await outcomeBecomes('delivered', juliet, peer, 'again');
  });
}

test('a list that names a domain stands for all below it, and block wins', async () => {
  const [peer, blocked] = [await newPeer(), await newPeer()];
  await skylark.setPolicy('a.example', { ...anything, federation: 'listed', allow: ['example'], block: [blocked.domain] });
  await outcomeBecomes('not-allowed', juliet, blocked, 'blocked');
  assert.equal(await outcome(juliet, peer, 'allowed'), 'delivered');
  await skylark.setPolicy('a.example', anything);
});

test('streams that are open feel it within a second: theirs ends at the next stanza, ours is closed', async () => {
  const peer = await newPeer();
  await outcomeBecomes('delivered', juliet, peer, 'before');
  const stream = await opensWith(/features/, peer, 'a.example');
  assert.match(await stream.prove(), /type='valid'/);
  stream.send(message(`nurse@${peer.domain}`, 'juliet@a.example', 'still allowed'));
  await juliet.next(({ xml }) => xml.includes('still allowed'));
  await skylark.setPolicy('a.example', { block: [peer.domain] });
  await outcomeBecomes('not-allowed', juliet, peer, 'after');
  const last = await endsSoon(stream, peer);
  await peer.until(() => peer.closed > 0, 'our closing tag');
  assert.ok(!juliet.received.some(({ xml }) => xml.includes(last)));
  await skylark.setPolicy('a.example', anything);
});

test('what waits for a server bounces when the server is blocked, and nothing of it is sent', async () => {
  const peer = await newPeer();
  await outcomeBecomes('delivered', juliet, peer, 'first');
  await skylark.settle();
  await peer.kill();
  juliet.send(`<message to='nurse@${peer.domain}' type='chat' id='waits'><body>waits</body></message>`);
  await until(
    () => skylark.waiting > 0,
    () => 'a row',
  );
  await skylark.setPolicy('a.example', { block: [peer.domain] });
  const bounce = await juliet.next(({ attributes }) => attributes.id === 'waits');
  assert.match(bounce.xml, /not-allowed/);
  await skylark.settle();
  await skylark.setPolicy('a.example', anything);
  await peer.start();
  await outcomeBecomes('delivered', juliet, peer, 'anew');
  assert.ok(!peer.bodies.includes('waits'));
});

test('hold 0: a message to a server that is away fails at once, and the next one too', async () => {
  const peer = await newPeer();
  await peer.kill();
  await skylark.setPolicy('a.example', { hold: 0 });
  const begun = performance.now();
  await outcomeBecomes('remote-server-timeout', juliet, peer, 'now');
  assert.equal(await outcome(juliet, peer, 'while it rests'), 'remote-server-timeout');
  assert.ok(performance.now() - begun < 10_000);
  await peer.start();
  // The server is tried again after a pause.
  await outcomeBecomes('delivered', juliet, peer, 'back', 15_000);
  await skylark.setPolicy('a.example', anything);
});

test('proof certificate: dialback is neither offered nor taken nor used, and certificates are', async () => {
  const [dialling, certified] = [await newPeer(), await newPeer(true)];
  await skylark.setPolicy('a.example', { proof: 'certificate', hold: 0 });
  const stream = await opensWith(/<stream:features>(?!.*dialback)/, dialling, 'a.example');
  assert.match(await stream.prove(), /type='error'><error type='modify'><policy-violation/);
  assert.equal(dialling.asked.length, 0);
  await outcomeBecomes('remote-server-timeout', juliet, dialling, 'to one without');
  const { stream: good, said } = await open(certified, 'a.example');
  assert.match(said, /EXTERNAL/);
  assert.doesNotMatch(said, /dialback/);
  assert.match(await good.authenticate(), /^<success/);
  assert.match(await good.open(), /features/);
  good.send(message(`nurse@${certified.domain}`, 'juliet@a.example', 'certified'));
  await juliet.next(({ xml }) => xml.includes('certified'));
  assert.equal(await outcome(juliet, certified, 'by dialback'), 'remote-server-timeout');
  assert.ok(!certified.asked.some((xml) => xml.includes("from='a.example'")));
  assert.equal(await outcome(romeo, dialling, 'of another tenant'), 'delivered');
  await skylark.setPolicy('a.example', anything);
});

test('proof certificate: a stream that was proved by dialback before ends at its next stanza', async () => {
  const peer = await newPeer();
  const stream = await opensWith(/dialback/, peer, 'a.example');
  assert.match(await stream.prove(), /type='valid'/);
  await skylark.setPolicy('a.example', { proof: 'certificate' });
  await endsSoon(stream, peer);
  await skylark.setPolicy('a.example', anything);
});
