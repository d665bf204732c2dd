/** `skylark cluster`: the services as processes of their own over NATS and DynamoDB's API, seen by clients and by the operator. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { type Addresses, anyPorts, removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { TcpClient } from '../support/tcp-client.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const clientPorts = anyPorts.filter((flag) => !flag.startsWith('--s2s'));

interface Process {
  readonly service: string;
  readonly name: string;
  readonly pid: number;
  readonly addresses: Addresses;
}

function processes(cluster: Service, service: string): Process[] {
  return cluster.events.filter((event) => event.event === 'listening' && event.service === service) as unknown as Process[];
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a cluster', { skip: skipWithoutNats }, () => {
  const data = join(folder, 'cluster');
  const start = () => Service.start(['cluster', '--data', data, ...clientPorts], 'ready');
  let cluster: Service;
  let juliet: TcpClient;
  let romeo: TcpClient;
  before(async () => {
    cluster = await start();
  });
  after(async () => {
    await cluster.stop();
  });

  const tlsPort = (index: number) => processes(cluster, 'connection')[index]!.addresses.c2sTls!.port;

  async function converse(from: TcpClient, to: TcpClient, toJid: string, text: string): Promise<void> {
    from.send(`<message type='chat' to='${toJid}' id='${text}'><body>${text}</body></message>`);
    const message = await to.next(({ name, xml }) => name === 'message' && xml.includes(`<body>${text}</body>`));
    assert.equal(message.attributes.id, text);
  }

  test('has the processes that it says', () => {
    const counts = ['nats', 'dynamodb', 'router', 'muc', 'connection', 'web'].map(
      (service) => processes(cluster, service).length,
    );
    assert.deepEqual(counts, [1, 1, 2, 2, 2, 1]);
    const pids = cluster.events.filter(({ event }) => event === 'listening').map(({ pid }) => pid as number);
    assert.equal(new Set([...pids, cluster.child.pid]).size, 10);
    assert.ok(pids.every(isAlive));
  });

  test('takes operators’ commands', async () => {
    for (const name of ['juliet', 'romeo']) {
      const added = await skylark(['user', 'add', `${name}@localhost`, '--data', data], { input: 'pw\n' });
      assert.deepEqual(added, { out: `added ${name}@localhost\n`, err: '', code: 0 });
    }
    assert.equal((await skylark(['user', 'list', '--data', data])).out, 'juliet@localhost\nromeo@localhost\n');
  });

  test('carries messages between clients of different processes', async () => {
    juliet = await TcpClient.signIn(tlsPort(0), 'juliet@localhost/balcony', 'pw');
    romeo = await TcpClient.signIn(tlsPort(1), 'romeo@localhost/orchard', 'pw');
    for (const client of [juliet, romeo]) client.send('<presence/>');
    await converse(juliet, romeo, 'romeo@localhost/orchard', 'wherefore');
    await converse(romeo, juliet, 'juliet@localhost', 'here');
  });

  test('has rooms, spread over its workers', async () => {
    const rooms = Array.from({ length: 6 }, (_, index) => `room${index}@conference.localhost`);
    for (const room of rooms) {
      const join = (client: TcpClient, nick: string) => {
        client.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
        return client.next(({ attributes, xml }) => attributes.from === `${room}/${nick}` && xml.includes('code="110"'));
      };
      await join(juliet, 'j');
      juliet.send(
        `<iq type='set' id='own-${room}' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
      );
      await juliet.next(({ attributes }) => attributes.id === `own-${room}`);
      await join(romeo, 'r');
      romeo.send(`<message type='groupchat' to='${room}' id='g'><body>in ${room}</body></message>`);
      const said = await juliet.next(({ xml }) => xml.includes(`<body>in ${room}</body>`));
      assert.equal(said.attributes.from, `${room}/r`);
    }
  });

  test('serves pages, and XMPP over WebSocket', async () => {
    const { port } = processes(cluster, 'web')[0]!.addresses.http!;
    assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /data-domain="localhost"/);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/xmpp-websocket`, 'xmpp');
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
    const answer = new Promise<string>((resolve) =>
      socket.addEventListener('message', (event) => resolve(event.data), { once: true }),
    );
    socket.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>");
    assert.match(await answer, /^<open [^>]*from=.localhost/);
    socket.close();
  });

  test('reports the death of a router, and the other one goes on', async () => {
    const [router] = processes(cluster, 'router');
    process.kill(router!.pid, 'SIGKILL');
    const died = await cluster.find(({ event }) => event === 'died');
    assert.deepEqual(died, {
      event: 'died',
      service: 'router',
      name: router!.name,
      pid: router!.pid,
      code: null,
      signal: 'SIGKILL',
    });
    await converse(juliet, romeo, 'romeo@localhost/orchard', 'still-there');
  });

  test('moves the rooms of a worker that died to the other', async () => {
    const [worker] = processes(cluster, 'muc');
    process.kill(worker!.pid, 'SIGKILL');
    await cluster.find(({ event, name }) => event === 'died' && name === worker!.name);
    for (let index = 0; index < 6; index++) {
      const room = `room${index}@conference.localhost`;
      // Until the other worker knows, answers are errors of the type `wait`, or none.
      for (let attempt = 0; ; attempt++) {
        const id = `after-${index}-${attempt}`;
        romeo.send(`<message type='groupchat' to='${room}' id='${id}'><body>${id}</body></message>`);
        const answer = await romeo.next(({ name, attributes }) => name === 'message' && attributes.id === id);
        if (answer.attributes.type === 'groupchat') break;
        assert.match(answer.xml, /type="wait"/);
        assert.ok(attempt < 60, `${room} has no worker`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  });

  test('is alone in its folder', async () => {
    const { err, code } = await skylark(['cluster', '--data', data, ...clientPorts]);
    assert.equal(
      err.trimEnd().split('\n').at(-1),
      `skylark: ${realpathSync(data)} is in use by process ${cluster.child.pid}: stop it first, or use another folder`,
    );
    assert.equal(code, 1);
  });

  test('stops by SIGTERM with 0 and leaves no process', async () => {
    const pids = cluster.events.filter(({ event }) => event === 'listening').map(({ pid }) => pid as number);
    assert.equal(await cluster.stop(), 0, cluster.said.err);
    await Promise.all([juliet.closed, romeo.closed]);
    assert.ok(juliet.received.some(({ xml }) => xml.includes('system-shutdown')));
    assert.deepEqual(pids.filter(isAlive), []);
    assert.equal(cluster.events.filter(({ event }) => event === 'died').length, 2);
  });

  test('has its accounts again after a restart, and its processes end with it whatever ends it', async () => {
    cluster = await start();
    const again = await TcpClient.signIn(tlsPort(1), 'romeo@localhost/again', 'pw');
    await again.close();
    const pids = cluster.events.filter(({ event }) => event === 'listening').map(({ pid }) => pid as number);
    const { port } = processes(cluster, 'nats')[0]!.addresses.nats!;
    await cluster.stop('SIGKILL');
    for (let polls = 0; pids.some(isAlive) && polls < 300; polls++) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(pids.filter(isAlive), []);
    const [error] = await once(connect(port, '127.0.0.1'), 'error').catch((refused) => [refused]);
    assert.equal(error.code, 'ECONNREFUSED');
  });
});

describe('connection processes that share their ports', { skip: skipWithoutNats || process.platform !== 'linux' }, () => {
  test('are reached by the same ones, which another cluster cannot have', async () => {
    const [c2s, c2sTls] = await freePorts();
    const ports = [
      '--c2s-port',
      `${c2s}`,
      '--c2s-tls-port',
      `${c2sTls}`,
      '--http-port=0',
      '--https-port=0',
      '--component-port=0',
    ];
    const small = ['--routers=1', '--muc=1'];
    const cluster = await Service.start(['cluster', '--data', join(folder, 'shared'), ...ports, ...small], 'ready');
    try {
      const connections = processes(cluster, 'connection');
      assert.equal(connections.length, 2);
      for (const { addresses } of connections) assert.deepEqual([addresses.c2s!.port, addresses.c2sTls!.port], [c2s, c2sTls]);
      const { err, code } = await skylark(['cluster', '--data', join(folder, 'late'), ...ports, ...small]);
      assert.equal(
        err.trimEnd().split('\n').at(-1),
        `skylark: cannot listen on 127.0.0.1:${c2s} (--c2s-port): another program listens there; choose another port with --c2s-port`,
      );
      assert.equal(code, 1);
    } finally {
      assert.equal(await cluster.stop(), 0);
    }
  });
});

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  await Promise.all(servers.map((server) => once(server.listen(0, '127.0.0.1'), 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) server.close();
  return ports as [number, number];
}

describe('what a cluster cannot be made of is said in one line', { concurrency: 3 }, () => {
  const run = (name: string, ...args: string[]) =>
    skylark(['cluster', '--data', join(folder, name), ...clientPorts, ...args], { variables: { SKYLARK_LOG_LEVEL: 'silent' } });

  test('no nats-server', async () => {
    const { err, code } = await run('no-nats', '--nats-server', join(folder, 'missing'));
    assert.equal(err, `skylark: --nats-server: '${join(folder, 'missing')}' is not a program that can be run\n`);
    assert.equal(code, 1);
  });
  test('no NATS', async () => {
    const { err, code } = await run('dead-nats', '--nats', 'nats://127.0.0.1:1');
    assert.equal(err, 'skylark: --nats: no server answers at nats://127.0.0.1:1: the connection is refused\n');
    assert.equal(code, 1);
  });
  test('no DynamoDB', { skip: skipWithoutNats }, async () => {
    const { err, code } = await run('dead-dynamodb', '--dynamodb', 'http://127.0.0.1:1');
    assert.match(err, /^skylark: --dynamodb: no tables at http:\/\/127\.0\.0\.1:1: .+\n$/);
    assert.equal(code, 1);
  });
});
