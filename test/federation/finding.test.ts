/** Finding servers: which records count, in which order they are tried, and what is said when nothing answers. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { inOrder } from '../../services/federation/finding/srv-order.ts';
import { address, alias, allOf, finderWith, hurried, listenOn, NameServer, srv } from './finding-ground.ts';

const plain = '_xmpp-server._tcp.';
const direct = '_xmpps-server._tcp.';

test('RFC 6120 §3.2.1: the targets of a domain are tried in order of priority, the other domain’s are not', async () => {
  await using first = await listenOn('127.0.0.2');
  await using second = await listenOn('127.0.0.3');
  await using other = await listenOn('127.0.0.4');
  await using server = await NameServer.start([
    srv(`${plain}a.example`, 'late.a.example', second.port, { priority: 20 }),
    srv(`${plain}a.example`, 'early.a.example', first.port, { priority: 10 }),
    srv(`${plain}b.example`, 'xmpp.b.example', other.port),
    address('early.a.example', '127.0.0.2'),
    address('late.a.example', '127.0.0.3'),
    address('xmpp.b.example', '127.0.0.4'),
  ]);
  const finder = finderWith({ server });
  assert.deepEqual(await allOf(finder, 'a.example'), [
    [`127.0.0.2 ${first.port}`, `127.0.0.3 ${second.port}`],
    `Unreachable: early.a.example port ${first.port}: 127.0.0.2 spoke no TLS; late.a.example port ${second.port}: 127.0.0.3 spoke no TLS`,
  ]);
  assert.equal(other.count, 0);
  assert.deepEqual((await allOf(finder, 'b.example'))[0], [`127.0.0.4 ${other.port}`]);
});

test('XEP-0368 §3: records of both kinds are one list', async () => {
  await using listener = await listenOn('127.0.0.2');
  await using server = await NameServer.start([
    srv(`${plain}a.example`, 'x.a.example', listener.port, { priority: 2 }),
    srv(`${direct}a.example`, 'x.a.example', listener.port, { priority: 1 }),
    srv(`${direct}a.example`, 'x.a.example', listener.port, { priority: 3 }),
    address('x.a.example', '127.0.0.2'),
  ]);
  const at = `127.0.0.2 ${listener.port}`;
  assert.deepEqual((await allOf(finderWith({ server }), 'a.example'))[0], [`${at} TLS`, at, `${at} TLS`]);
});

test('RFC 2782: within a priority, chance follows the weights, and one without weight is last', () => {
  const records = [
    { priority: 1, weight: 0 },
    { priority: 1, weight: 30 },
    { priority: 1, weight: 10 },
  ];
  const firsts = new Map<number, number>();
  for (let round = 0; round < 2_000; round++) {
    const [first] = inOrder(records, systemClock);
    firsts.set(first!.weight, (firsts.get(first!.weight) ?? 0) + 1);
  }
  assert.ok(firsts.get(30)! > 2 * firsts.get(10)!, `${firsts.get(30)} of 30, ${firsts.get(10)} of 10`);
  assert.ok(firsts.get(10)! > 3 * (firsts.get(0) ?? 0), `${firsts.get(10)} of 10, ${firsts.get(0)} of 0`);
});

test('RFC 6120 §3.2.2: a domain without SRV records is its own target, at port 5269', async () => {
  await using server = await NameServer.start([address('a.example', '127.0.0.9')]);
  const [, error] = await allOf(finderWith({ server }), 'a.example');
  assert.match(error, /^Unreachable: a\.example port 5269: 127\.0\.0\.9 /);
});

test('a domain that DNS does not know, that says "no service" or has no addresses has no server', async () => {
  await using server = await NameServer.start([
    srv(`${plain}no.example`, '.', 0),
    address('no.example', '127.0.0.2'),
    { type: 'TXT', name: 'mail.example', ttl: 60, data: 'v=spf1' },
  ]);
  const finder = finderWith({ server });
  assert.deepEqual(await allOf(finder, 'gone.example'), [
    [],
    'NoSuchDomain: gone.example has no records in DNS that lead to a server',
  ]);
  assert.deepEqual(await allOf(finder, 'no.example'), [[], 'NoSuchDomain: no.example says in DNS that it has no XMPP server']);
  assert.deepEqual(
    (await allOf(finder, 'mail.example'))[1],
    'NoSuchDomain: mail.example has no records in DNS that lead to a server',
  );
  for (const domain of ['hidden.onion', 'x.invalid', 'a_b.example'])
    assert.deepEqual(await allOf(finder, domain), [[], `NoSuchDomain: ${domain} is not a name in DNS`]);
  assert.ok(!server.asked.some((asked) => asked.includes('onion')), 'RFC 7686: nobody is asked about .onion');
});

test('XEP-0368: "no direct TLS" says nothing about streams with STARTTLS', async () => {
  await using server = await NameServer.start([srv(`${direct}a.example`, '.', 0), address('a.example', '127.0.0.9')]);
  assert.match((await allOf(finderWith({ server }), 'a.example'))[1], /^Unreachable: a\.example port 5269/);
});

test('RFC 6120 §3.2.1: a domain whose SRV targets fail is not looked for at its own address', async () => {
  await using server = await NameServer.start([
    srv(`${plain}a.example`, 'x.a.example', 1234),
    srv(`${plain}b.example`, 'nowhere.b.example', 1234),
    address('a.example', '127.0.0.5'),
    address('b.example', '127.0.0.5'),
    address('x.a.example', '127.0.0.2'),
  ]);
  const finder = finderWith({ server });
  assert.deepEqual(await allOf(finder, 'a.example'), [
    [],
    'Unreachable: x.a.example port 1234: 127.0.0.2 refused the connection',
  ]);
  assert.deepEqual(await allOf(finder, 'b.example'), [
    [],
    'Unreachable: the hosts that b.example names in DNS have no addresses',
  ]);
  assert.ok(!server.asked.some((asked) => /^A+ [ab]\.example$/.test(asked)), `${server.asked}`);
});

test('XEP-0368: when DNS does not say whether there is direct TLS, a domain without other records is not taken for one without a server', async () => {
  await using listener = await listenOn('127.0.0.2');
  await using server = await NameServer.start([
    srv(`${direct}a.example`, 'x.a.example', listener.port),
    address('x.a.example', '127.0.0.2'),
    srv(`${plain}b.example`, '.', 0),
    address('c.example', '127.0.0.3'),
  ]);
  let isSilent = true;
  server.respond = (query) => (isSilent && query.questions![0]!.name.startsWith(direct) ? [] : [server.honest(query)]);
  const finder = finderWith({ server, clock: hurried });
  const [a, b, c] = await Promise.all(['a.example', 'b.example', 'c.example'].map((domain) => allOf(finder, domain)));
  for (const [domain, found] of [
    ['a.example', a],
    ['b.example', b],
  ] as const)
    assert.match(found![1], new RegExp(`^Unavailable: DNS did not say what _xmpps-server._tcp.${domain} is`));
  // The address of the domain itself is tried all the same (RFC 6120 §3.2.2).
  assert.match(c![1], /^Unreachable: .*127\.0\.0\.3 refused the connection/);
  isSilent = false;
  assert.deepEqual((await allOf(finder, 'a.example'))[0], [`127.0.0.2 ${listener.port} TLS`]);
});

test('RFC 5890: DNS is asked for A-labels', async () => {
  await using listener = await listenOn('127.0.0.2');
  await using server = await NameServer.start([
    srv(`${plain}xn--bcher-kva.example`, 'x.a.example', listener.port),
    address('x.a.example', '127.0.0.2'),
  ]);
  assert.deepEqual((await allOf(finderWith({ server }), 'bücher.example'))[0], [`127.0.0.2 ${listener.port}`]);
});

test('RFC 8305: IPv6 comes first, IPv4 follows without waiting for its end', async () => {
  await using listener = await listenOn('::1');
  await using server = await NameServer.start([
    srv(`${plain}a.example`, 'x.a.example', listener.port),
    address('x.a.example', '127.0.0.2'),
    address('x.a.example', '::1'),
    srv(`${plain}b.example`, 'x.b.example', listener.port),
    address('x.b.example', '127.0.0.1'),
    // Packets to a documentation address go nowhere, or the system says at once that there is no way.
    address('x.b.example', '2001:db8::1'),
  ]);
  await using v4 = await listenOn('127.0.0.1', listener.port);
  const finder = finderWith({ server, networks: ['127.0.0.0/8', '::/0'] });
  const [first] = await allOf(finder, 'a.example');
  assert.deepEqual(first, [`::1 ${listener.port}`]);
  assert.deepEqual((await allOf(finder, 'b.example'))[0], [`127.0.0.1 ${listener.port}`]);
  assert.equal(v4.count, 1);
});

test('the file of hosts is honoured, for a domain and for the targets of another, also when no name server answers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hosts-'));
  try {
    const hostsFile = join(folder, 'hosts');
    writeFileSync(
      hostsFile,
      '# people write here\n127.0.0.6 Laptop.example desk.example # both\nnonsense x\n::1 laptop.example\n',
    );
    const hearsNothing = finderWith({ hostsFile });
    assert.match((await allOf(hearsNothing, 'laptop.example'))[1], /^Unreachable: .*laptop\.example port 5269: 127\.0\.0\.6 /);
    assert.match((await allOf(hearsNothing, 'other.example'))[1], /^Unavailable: /);
    await using listener = await listenOn('127.0.0.6');
    await using server = await NameServer.start([
      srv(`${plain}a.example`, 'desk.example', listener.port),
      address('desk.example', '127.0.0.7'),
    ]);
    assert.deepEqual((await allOf(finderWith({ server, hostsFile }), 'a.example'))[0], [`127.0.0.6 ${listener.port}`]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('who gives up waiting is told so, and no socket stays', async () => {
  await using server = await NameServer.start();
  server.respond = () => [];
  const waiting = new AbortController();
  const found = allOf(finderWith({ server, clock: systemClock }), 'a.example', waiting.signal);
  waiting.abort(new Error('the batch is over'));
  assert.deepEqual(await found, [[], 'Error: the batch is over']);

  await using listener = await listenOn('127.0.0.2');
  server.respond = (query) => [server.honest(query)];
  server.records.push(srv(`${plain}b.example`, 'x.b.example', listener.port), address('x.b.example', '127.0.0.2'));
  const aborted = new AbortController();
  const connections = finderWith({ server }).connections('b.example', aborted.signal);
  const { value } = await connections.next();
  value.giveUp('was slow');
  aborted.abort(new Error('shut down'));
  await assert.rejects(connections.next(), /shut down/);
});

test('RFC 2181 §10.3 is not insisted on: a target may be an alias', async () => {
  await using listener = await listenOn('127.0.0.2');
  await using server = await NameServer.start([
    srv(`${plain}a.example`, 'x.a.example', listener.port),
    alias('x.a.example', 'host.b.example'),
    address('host.b.example', '127.0.0.2'),
  ]);
  server.respond = (query) => {
    const { answers = [], ...rest } = server.honest(query);
    return [{ ...rest, authorities: [], answers }]; // the alias alone: where it leads is for us to ask
  };
  assert.deepEqual((await allOf(finderWith({ server }), 'a.example'))[0], [`127.0.0.2 ${listener.port}`]);
});
