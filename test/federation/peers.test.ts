/** What operators are told about other servers, and that they can have one tried again; streams that carry nothing end in order. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { peerList, peerRetry } from '../../services/router/operations/peers.ts';
import { skylark } from '../cli/skylark-command.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { type Deployment, Ground } from './deployments.ts';
import { FakePeer } from './fake-peer.ts';

type Peers = z.output<typeof peerList.output>['peers'];

let ground: Ground;
let service: Deployment;
let juliet: TcpClient;
let romeo: TcpClient;

before(async () => {
  ground = await Ground.open();
  service = await ground.deploy({ domains: ['a.example', 'b.example'] });
  juliet = await service.join('juliet@a.example/balcony');
  romeo = await service.join('romeo@b.example/orchard');
});

after(() => ground[Symbol.asyncDispose]());

async function asked<Result>(ask: (admin: Awaited<ReturnType<typeof openAdmin>>) => Promise<Result>): Promise<Result> {
  const admin = await openAdmin(service.folder);
  try {
    return await ask(admin);
  } finally {
    await admin.close();
  }
}

const list = (domain?: string): Promise<Peers> =>
  asked(async (admin) => (await admin.ask(peerList, domain === undefined ? {} : { domain })).peers);

test('a server that proves its domain to us is there: what waits for it leaves at once, and not when it would be tried again', async () => {
  const peer = await FakePeer.start(ground, { domain: 'back.example', isCertified: true });
  await peer.kill();
  juliet.send(`<message to='nurse@back.example'><body>hello</body></message>`);
  const pauseMs = async () => (await list('a.example')).find((one) => one.peer === peer.domain)?.retryInMs ?? 0;
  for (let tries = 0; (await pauseMs()) < 5_000; tries++) {
    assert.ok(tries < 600, 'the pauses do not grow');
    await pause(50);
  }
  await peer.start();
  const begunMs = performance.now();
  const stream = await peer.dial(service, 'a.example');
  await stream.open();
  assert.match(await stream.authenticate(), /^<success/);
  await peer.until(() => peer.bodies.length === 1, 'what waited');
  const tookMs = performance.now() - begunMs;
  assert.ok(tookMs < 4_000, `it came only after ${tookMs} ms`);
});

test('a pair is listed with its state, its proof, its last error, and what waits; and is tried again when it is wanted', async () => {
  const up = await FakePeer.start(ground, { domain: 'up.example', isCertified: true });
  const down = await FakePeer.start(ground, { domain: 'down.example' });
  await down.kill();
  juliet.send(`<message to='nurse@up.example'><body>1</body></message>`);
  for (const body of ['1', '2', '3']) juliet.send(`<message to='nurse@down.example' type='chat'><body>${body}</body></message>`);
  romeo.send(`<message to='nurse@up.example'><body>2</body></message>`);
  await up.until(() => up.bodies.length === 2, 'both');
  let peers: Peers = [];
  const of = (host: string, peer: string) => peers.find((one) => one.host === host && one.peer === peer);
  const isSettled = () =>
    (of('a.example', 'down.example')?.retryInMs ?? 0) > 0 &&
    ['a.example', 'b.example'].every((host) => of(host, 'up.example')?.waiting === 0);
  for (let tries = 0; !isSettled(); tries++) {
    assert.ok(tries < 600, JSON.stringify(peers));
    await pause(50);
    peers = await list();
  }
  const { oldestMs, retryInMs, lastError, waiting, ...resting } = of('a.example', 'down.example')!;
  assert.deepEqual(resting, { tenant: 'a.example', host: 'a.example', peer: 'down.example', state: 'resting' });
  assert.ok(oldestMs! > 0 && retryInMs! > 0 && waiting! >= 1, `${oldestMs} ${retryInMs} ${waiting}`);
  assert.match(lastError!, /ECONNREFUSED|refused/);
  assert.equal(of('a.example', 'up.example')?.state, 'open');
  assert.equal(of('a.example', 'up.example')?.proof, 'certificate, ours by dialback');
  assert.deepEqual(new Set((await list('b.example')).map(({ host }) => host)), new Set(['b.example']));

  const { out } = await skylark(['peers', '--domain', 'a.example', '--data', service.folder]);
  assert.match(
    out,
    /^OURS +THEIRS +STATE +WAITING +OLDEST +PROOF\na\.example +down\.example +resting, again in \d+ s +\d+ +\d+ s +-\n/,
  );
  assert.match(out, /a\.example +up\.example +open +0 +- +certificate, ours by dialback\n/);
  assert.match(out, /\na\.example → down\.example: .+\n$/);

  // The pauses grow; nobody has to wait for them.
  await down.start();
  const { out: told } = await skylark(['peer', 'retry', 'a.example', 'down.example', '--data', service.folder]);
  assert.equal(told, 'trying down.example again for a.example\n');
  await down.until(() => down.bodies.length === 3, 'all three');
  await service.settle();
});

test('nothing can be tried again where there is nothing', async () => {
  await assert.rejects(
    asked((admin) => admin.ask(peerRetry, { domain: 'b.example', peer: 'down.example' })),
    /nothing of 'b.example' waits for 'down.example', and there is no stream to it/,
  );
  await assert.rejects(
    asked((admin) => admin.ask(peerList, { domain: 'c.example' })),
    /there is no tenant 'c.example'/,
  );
});
