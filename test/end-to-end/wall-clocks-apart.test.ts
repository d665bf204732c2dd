/** Clocks on the wall of two processes of one deployment differ by an hour or a day; sessions are parked while the clock steps (decision 9). */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { removeFolder, skylark as run, Service, temporaryFolder } from '../cli/skylark-command.ts';
import { bodies, bodyOf, come, go, isNow, readPage, say } from '../support/anna-and-bert.ts';
import { ManagedClient } from '../support/managed-client.ts';
import { Skylark } from '../support/skylark.ts';
import { dayMs, hourMs, steppedWall } from '../support/stepped-wall.ts';
import { TcpClient } from '../support/tcp-client.ts';

const wall = steppedWall();
after(() => wall.remove());

test('a session that a stop has parked is resumed although the clock was set back a day; and a day ahead nothing of it is lost', async () => {
  for (const afterMs of [-dayMs, dayMs]) {
    await wall.set(0);
    const skylark = await Skylark.start();
    try {
      for (const name of ['anna', 'bert']) skylark.addUser(`${name}@localhost`, 'secret');
      const door = { port: skylark.ports.c2sTls };
      const anna = await ManagedClient.signIn(door, 'anna@localhost/phone', 'secret');
      anna.send('<presence/>');
      await anna.settle();
      await wall.set(afterMs);
      await skylark.kill('SIGTERM');
      await skylark.start();
      const bert = await TcpClient.signIn(door.port, 'bert@localhost/desk', 'secret');
      await say(bert, 'meanwhile');
      const { name } = await anna.resume(door);
      assert.equal(name, afterMs < 0 ? 'resumed' : 'failed');
      if (name === 'failed') {
        await anna.bind();
        anna.send('<presence/>');
      }
      await anna.until(() => anna.bodies.length > 0, 'what came meanwhile');
      assert.deepEqual(anna.bodies, ['meanwhile']);
    } finally {
      await skylark.stop();
    }
  }
});

describe('one of two processes', { skip: !['linux', 'freebsd'].includes(process.platform) }, () => {
  const folder = temporaryFolder();
  after(() => removeFolder(folder));
  const ports = ['--c2s-port=0', '--c2s-tls-port=0', '--http-port=0', '--https-port=0', '--component-port=0'];

  for (const [what, p1] of [
    ['an hour ahead', hourMs],
    ['a day back', -dayMs],
  ] as const) {
    test(`is ${what}: what is said through either arrives in its order`, async () => {
      await wall.set(0, { p1 });
      const data = join(folder, what.replaceAll(' ', '-'));
      const service = await Service.start(['start', '--processes=2', '--data', data, ...ports]);
      try {
        for (const name of ['anna', 'bert']) await run(['user', 'add', `${name}@localhost`, '--password=secret', '--data', data]);
        const door = { port: service.addresses.c2sTls!.port };
        const berts = new Map<string, ManagedClient>();
        for (let tries = 0; berts.size < 2 && tries < 60; tries++) {
          const bert = await ManagedClient.signIn(door, `bert@localhost/desk${tries}`, 'secret');
          if (!berts.has(bert.node)) berts.set(bert.node, bert);
          else await bert.client.close();
        }
        assert.deepEqual([...berts.keys()].sort(), ['p1', 'p2']);
        const expected: string[] = [];
        for (let round = 0; round < 3; round++) {
          for (const [node, bert] of berts) {
            const text = `${round} by ${node}`;
            bert.send(`<message type='chat' to='anna@localhost'><body>${text}</body></message>`);
            await bert.settle();
            expected.push(text);
            if (round === 1) continue;
            const { client, got } = await come(door.port, expected.length);
            assert.deepEqual(got.map(bodyOf), expected);
            assert.ok(got.every((xml) => isNow(/stamp="([^"]+)"/.exec(xml)![1]!)) || p1 > 0, got.join('\n'));
            expected.length = 0;
            await go(client);
          }
        }
        const { client } = await come(door.port, 0);
        const order = [0, 1, 2].flatMap((round) => [...berts.keys()].map((node) => `${round} by ${node}`));
        assert.deepEqual(bodies(await readPage(client, {})), order);
      } finally {
        await service.stop('SIGKILL');
      }
    });
  }
});
