/** `skylark start --processes 2`: shared ports, chat and rooms between processes, one killed under its clients, a stop in order. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { ManagedClient } from '../support/managed-client.ts';

const anyPorts = ['--c2s-port=0', '--c2s-tls-port=0', '--http-port=0', '--https-port=0', '--component-port=0'];
const canShare = ['linux', 'freebsd'].includes(process.platform);
const folder = temporaryFolder();
after(() => removeFolder(folder));

describe('two processes', { skip: !canShare }, () => {
  const data = join(folder, 'two');
  let service: Service;
  before(async () => {
    service = await Service.start(['start', '--processes=2', '--data', data, ...anyPorts]);
    for (const name of ['juliet', 'romeo']) {
      const added = await skylark(['user', 'add', `${name}@localhost`, '--password=pw', '--data', data]);
      assert.equal(added.code, 0, added.err);
    }
  });
  after(() => service.stop('SIGKILL'));

  const door = () => ({ port: service.addresses.c2sTls!.port });
  const pidOf = (name: string) => service.events.findLast((event) => event.event === 'process' && event.name === name)?.pid;
  const say = (client: ManagedClient, to: string, text: string) =>
    client.send(`<message type='chat' to='${to}'><body>${text}</body></message>`);

  const signInAt = (node: string, jid: string) => ManagedClient.signInAt(node, door(), jid, 'pw');

  test('say which they are, and the first line of all is still where they listen', async () => {
    const { child, events, addresses } = service;
    assert.deepEqual(Object.keys(addresses).toSorted(), ['c2s', 'c2sTls', 'http', 'https']);
    const names = events.flatMap(({ event, name }) => (event === 'process' ? [name] : []));
    assert.deepEqual(names.toSorted(), ['p1', 'p2']);
    assert.equal(new Set([pidOf('p1'), pidOf('p2'), child.pid]).size, 3);
    const status = await skylark(['status', '--data', data]);
    for (const line of [/^p1 +connection/m, /^p2 +connection/m, /^p1 +router/m, /^p2 +muc/m]) assert.match(status.out, line);
  });

  test('serve the pages together', async () => {
    for (let request = 0; request < 10; request++) {
      const page = await fetch(`http://127.0.0.1:${service.addresses.http!.port}/`, { headers: { connection: 'close' } });
      assert.equal(page.status, 200);
      await page.arrayBuffer();
    }
  });

  test('serve the REST API and the console together: keys of two tenants, and a link, whichever process is asked', async () => {
    const origin = `http://localhost:${service.addresses.http!.port}`;
    const command = async (...args: string[]) => (await skylark([...args, '--data', data])).out.split('\n')[0]!;
    await command('tenant', 'add', 'other.example');
    for (const [mine, other] of [
      ['localhost', 'other.example'],
      ['other.example', 'localhost'],
    ] as const) {
      const key = await command('key', 'add', mine, '--access', 'write', '--tenant', mine);
      const statuses = new Set<string>();
      for (let request = 0; request < 10; request++) {
        const headers = { authorization: `Bearer ${key}`, connection: 'close' };
        const of = async (domain: string) => (await fetch(`${origin}/api/v1/tenants/${domain}/accounts`, { headers })).status;
        statuses.add(`${await of(mine)} ${await of(other)}`);
      }
      assert.deepEqual([...statuses], ['200 403']);
    }
    const link = await command('console', `--web-url=${origin}`);
    const entered = await fetch(`${origin}/console/enter`, {
      ...{ method: 'POST', redirect: 'manual' },
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
      body: new URLSearchParams({ link: link.split('/').at(-1)! }),
    });
    assert.equal(entered.status, 303);
    const cookie = entered.headers.getSetCookie()[0]!.split(';', 1)[0]!;
    for (let request = 0; request < 10; request++) {
      const page = await fetch(`${origin}/console/nodes`, { headers: { cookie, connection: 'close' } });
      assert.equal(page.status, 200);
      const text = await page.text();
      for (const name of ['p1', 'p2']) assert.ok(text.includes(`>${name}<`), name);
    }
  });

  test('a chat and a room go between them, and what was said outlives a process that is killed', {
    timeout: 60_000,
  }, async () => {
    const juliet = await signInAt('p1', 'juliet@localhost/balcony');
    const romeo = await signInAt('p2', 'romeo@localhost/orchard');
    say(juliet, 'romeo@localhost', 'to him');
    say(romeo, 'juliet@localhost', 'to her');
    await romeo.until(() => romeo.bodies.includes('to him'), 'her message');
    await juliet.until(() => juliet.bodies.includes('to her'), 'his message');

    const join = "<x xmlns='http://jabber.org/protocol/muc'/>";
    juliet.send(`<presence to='hall@conference.localhost/juliet'>${join}</presence>`);
    await juliet.settle();
    juliet.send(
      "<iq type='set' id='open' to='hall@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>",
    );
    await juliet.until(() => juliet.stanzas.some(({ attributes }) => attributes.id === 'open'), 'the room');
    romeo.send(`<presence to='hall@conference.localhost/romeo'>${join}</presence>`);
    await romeo.until(() => romeo.presenceFrom('hall@conference.localhost/romeo').length > 0, 'the room');
    romeo.send("<message type='groupchat' to='hall@conference.localhost'><body>in the hall</body></message>");
    await juliet.until(() => juliet.bodies.includes('in the hall'), 'the room');

    // She has sent and was told that it is kept; then her process dies under her.
    say(juliet, 'romeo@localhost', 'before the end');
    await juliet.settle();
    const killed = pidOf('p1') as number;
    process.kill(killed, 'SIGKILL');
    await juliet.client.closed;
    const died = await service.find((event) => event.event === 'died');
    assert.deepEqual([died.name, died.pid, died.signal], ['p1', killed, 'SIGKILL']);
    const sent = Array.from({ length: 5 }, (_, index) => `while away ${index}`);
    for (const text of sent) say(romeo, 'juliet@localhost', text);
    await romeo.settle();
    assert.ok(romeo.bodies.includes('before the end'));

    const before = juliet.bodies.length;
    const answer = await juliet.resume(door());
    if (answer.name === 'failed') {
      await juliet.bind();
      juliet.send('<presence/>');
    }
    await juliet.until(() => juliet.bodies.includes(sent.at(-1)!), 'what she missed');
    const missed = juliet.bodies.slice(before).filter((body) => body.startsWith('while away'));
    assert.deepEqual(missed, sent);

    await service.find((event) => event.event === 'process' && event.name === 'p1' && event.pid !== killed);
    const again = await signInAt('p1', 'juliet@localhost/garden');
    say(romeo, 'juliet@localhost/garden', 'welcome back');
    await again.until(() => again.bodies.includes('welcome back'), 'a message at the process that was started again');
    for (const client of [again, juliet, romeo]) client.client.cut();
  });

  test('one folder is for one of them', async () => {
    const second = await skylark(['start', '--processes=2', '--data', data, ...anyPorts]);
    assert.equal(second.code, 1);
    assert.match(second.err, new RegExp(`^skylark: ${realpathSync(data)} is in use by process ${service.child.pid}`));
  });

  test('stop when they are told to, and leave no process behind', async () => {
    const pids = ['p1', 'p2'].map((name) => pidOf(name) as number);
    assert.equal(await service.stop('SIGTERM'), 0);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
});

describe('processes that cannot be', { skip: !canShare }, () => {
  test('more than 64 are refused', async () => {
    const { code, err } = await skylark(['start', '--processes=65', '--data', join(folder, 'never')]);
    assert.equal(code, 2);
    assert.equal(err, "skylark: --processes: '65' is not allowed; it takes a number from 1 to 64\n");
  });

  test('a port that another program has is named, although it could be shared', async () => {
    const other = createServer().listen({ port: 0, host: '127.0.0.1', reusePort: true });
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const ports = [`--c2s-port=${port}`, ...anyPorts.slice(1)];
    const { code, err } = await skylark(['start', '--processes=2', '--data', join(folder, 'taken'), ...ports]);
    other.close();
    assert.equal(code, 1);
    assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} \\(--c2s-port\\): another program listens there`));
  });

  test('whoever started them is killed: they end, and until then nobody takes the folder', { timeout: 60_000 }, async () => {
    const data = join(folder, 'orphans');
    const service = await Service.start(['start', '--processes=2', '--data', data, ...anyPorts]);
    const pids = service.events.flatMap(({ event, pid }) => (event === 'process' ? [pid as number] : []));
    assert.equal(pids.length, 2);
    // One that stands still cannot end by itself.
    process.kill(pids[0]!, 'SIGSTOP');
    try {
      service.child.kill('SIGKILL');
      await once(service.child, 'exit'); // not 'close': those that are left have its stderr
      const early = await skylark(['start', '--data', data, ...anyPorts]);
      assert.equal(early.code, 1);
      assert.match(early.err, /is in use by another process: stop it first/);
    } finally {
      process.kill(pids[0]!, 'SIGCONT');
    }
    const isThere = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    while (pids.some(isThere)) await new Promise((resolve) => void setTimeout(resolve, 20));
    const next = await Service.start(['start', '--data', data, ...anyPorts]);
    assert.equal(await next.stop(), 0);
  });

  test('a part does not run by itself', async () => {
    const { code, err } = await skylark(['serve', 'part', '--data', join(folder, 'part')]);
    assert.equal(code, 2);
    assert.equal(
      err.trim().split('\n').at(-1),
      "skylark: 'serve part' is what 'skylark start --processes' starts; it does not run by itself",
    );
  });
});
