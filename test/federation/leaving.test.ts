/** A service that stops, as other servers see it: XEP-0198 §4, RFC 6120 §4.4; and a node that has no port for clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { connectionLimits } from '../../services/connection/limits.ts';
import { startConnectionNode } from '../../services/connection/node.ts';
import { startFixture } from '../connection/fixture.ts';
import { settled } from '../connection/manual-clock.ts';
import { RawClient } from '../connection/raw-client.ts';
import { until } from '../support/until.ts';
import { bodyOf, Ground } from './deployments.ts';
import { FakePeer, NS_SM } from './fake-peer.ts';

for (const domain of ['a.example', 'b.example']) {
  test(`${domain}: what a server has sent is handed over and counted, unasked, before its stream ends`, async () => {
    await using ground = await Ground.open();
    const skylark = await ground.deploy({ domains: ['a.example', 'b.example'] });
    const juliet = await skylark.join(`juliet@${domain}/balcony`);
    const peer = await FakePeer.start(ground, { domain: 'other.example' });
    const stream = await peer.dial(skylark, domain);
    await stream.open();
    assert.match(await stream.prove(), /type='valid'/);
    stream.send(`<enable xmlns='${NS_SM}'/>`);
    assert.match(await stream.next(), /<enabled /);
    for (const body of ['one', 'two'])
      stream.send(`<message from='nurse@other.example' to='juliet@${domain}' type='chat'><body>${body}</body></message>`);
    for (const body of ['one', 'two']) assert.equal(bodyOf((await juliet.next('message')).xml), body);
    const stopped = skylark.stop();
    assert.match(await stream.next(), /<a [^>]*h=['"]2['"]/);
    assert.match(await stream.next(), /<system-shutdown /);
    assert.equal(await stream.next(), '</stream:stream>');
    await stopped;
  });
}

test('a node without ports for clients serves other servers, and a drain ends their streams at a rate', async () => {
  await using fixture = await startFixture();
  const { bus, store, clock, tls } = fixture;
  const listen = { bind: '127.0.0.1', s2sPort: 0 };
  const node = await startConnectionNode({ bus, store, clock, tls, listen, node: 'p1', log: pino({ level: 'silent' }) });
  const { c2s, c2sTls, s2s } = node.addresses;
  assert.deepEqual([c2s, c2sTls], [undefined, undefined]);
  const perTick = (connectionLimits.peerDrainPerSecond * connectionLimits.drainTickMs) / 1_000;
  const servers = Array.from({ length: 2 * perTick + 1 }, () => RawClient.plain(s2s!.port));
  const opened = () => node.stats.peerStreams === servers.length;
  await until(opened, () => 'all streams');
  assert.equal(node.stats.streams, 0);
  const drained = node.drain();
  const told = () => servers.filter(({ text }) => text.includes('<system-shutdown ')).length;
  for (const count of [perTick, 2 * perTick, 2 * perTick + 1]) {
    await until(
      () => told() >= count,
      () => `${count} streams to be told`,
    );
    await settled();
    assert.equal(told(), count);
    await clock.advance(connectionLimits.drainTickMs);
  }
  await drained;
  await until(
    () => servers.every(({ isClosed }) => isClosed),
    () => 'all to be closed',
  );
  await fixture.stopNode(node);
});
