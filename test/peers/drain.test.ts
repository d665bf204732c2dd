/** `skylark status` and `skylark drain` against a cluster, with XEP-0198 clients that notice as little of it as the protocol allows. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { type Addresses, anyPorts, removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { befriend, ManagedClient } from '../support/managed-client.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const clientPorts = anyPorts.filter((flag) => !flag.startsWith('--s2s'));

interface Node {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly figures: Readonly<Record<string, number>>;
}

describe('a cluster', { skip: skipWithoutNats }, () => {
  const data = join(folder, 'cluster');
  let cluster: Service;
  before(async () => {
    cluster = await Service.start(['cluster', '--data', data, ...clientPorts], 'ready');
    for (const name of ['juliet', 'romeo']) {
      const { code, err } = await skylark(['user', 'add', `${name}@localhost`, '--data', data], { input: 'secret\n' });
      assert.equal(code, 0, err);
    }
  });
  after(async () => {
    await cluster?.stop();
  });

  const door = (name: string) => {
    const event = cluster.events.find((each) => each.event === 'listening' && each.name === name);
    return { port: (event!.addresses as Addresses).c2sTls!.port };
  };

  async function status(): Promise<Map<string, Node>> {
    const { out, code, err } = await skylark(['status', '--json', '--data', data]);
    assert.equal(code, 0, err);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Node);
    assert.ok('parkedInStore' in lines.pop()!);
    return new Map(lines.map((node) => [node.name, node]));
  }

  test('tells what each process holds', async () => {
    const nodes = await status();
    assert.deepEqual([...nodes.keys()].sort(), ['c1', 'c2', 'm1', 'm2', 'r1', 'r2', 'w1']);
    assert.ok([...nodes.values()].every(({ state }) => state === 'up'));
    assert.equal(nodes.get('m1')!.figures.rooms, 0);
    const { out } = await skylark(['status', '--data', data]);
    assert.match(out, /^NODE +KIND +STATE +SINCE +STREAMS +SESSIONS +PARKED +ROOMS +BATCHES\nc1 +connection +up /);
    assert.match(out, /\nSessions parked in the store: 0\n$/);
  });

  test('drains a node: sessions go on at another, nothing is lost or doubled, contacts see nothing', async () => {
    const juliet = await ManagedClient.signIn(door('c1'), 'juliet@localhost/balcony', 'secret');
    const romeo = await ManagedClient.signIn(door('c2'), 'romeo@localhost/orchard', 'secret');
    for (const client of [juliet, romeo]) {
      client.send('<presence/>');
      await client.settle();
    }
    await befriend(juliet, romeo);
    assert.equal((await status()).get('c1')!.figures.sessions, 1);
    let sent = 0;
    let isOver = false;
    const talking = (async () => {
      while (!isOver) {
        romeo.send(`<message type='chat' to='juliet@localhost'><body>${sent++}</body></message>`);
        await new Promise((resolve) => void setTimeout(resolve, 25));
      }
    })();
    await juliet.until(() => juliet.bodies.length > 20, 'some messages');
    const drained = await skylark(['drain', 'c1', '--data', data]);
    assert.deepEqual(drained, { out: 'drained c1: it holds no session and takes no stream\n', err: '', code: 0 });
    await juliet.client.closed;
    const node = (await status()).get('c1')!;
    assert.deepEqual([node.state, node.figures.sessions, node.figures.streams], ['draining', 0, 0]);
    await assert.rejects(ManagedClient.signIn(door('c1'), 'juliet@localhost/late', 'secret'));
    assert.equal((await juliet.resume(door('c2'))).name, 'resumed');
    isOver = true;
    await talking;
    await juliet.until(() => juliet.bodies.length >= sent, `all ${sent} messages`);
    await juliet.settle();
    assert.deepEqual(
      juliet.bodies,
      Array.from({ length: sent }, (_, n) => `${n}`),
    );
    assert.ok(!romeo.presenceFrom(juliet.jid).includes('unavailable'));
    for (const client of [juliet, romeo]) await client.client.close();
  });

  test('refuses to drain an unknown node, or one without sessions', async () => {
    const unknown = await skylark(['drain', 'c9', '--data', data]);
    assert.deepEqual(unknown, { out: '', err: "skylark: there is no node 'c9'; there are: c1, c2, w1\n", code: 1 });
    const router = await skylark(['drain', 'r1', '--data', data]);
    assert.deepEqual(router, { out: '', err: "skylark: node 'r1' cannot be drained: it holds no sessions\n", code: 1 });
    assert.equal((await skylark(['drain', '--data', data])).code, 2);
  });
});
