/** DNS that is late, wrong or hostile: bounded, refused, and kept no longer than it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, type Packet } from 'dns-packet';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { Resolver } from '../../services/federation/finding/resolver.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { address, alias, allOf, failureOf, finderWith, hurried, NameServer, replyTo, srv } from './finding-ground.ts';

const service = '_xmpp-server._tcp.a.example';

const resolverOf = (server: NameServer, clock = systemClock) => new Resolver({ clock, servers: [server.address] });

test('RFC 7766: an answer that was cut short is asked for again over TCP', async () => {
  await using server = await NameServer.start(
    Array.from({ length: 30 }, (_, index) => srv(service, `${'long'.repeat(10)}${index}.a.example`, 5_269)),
  );
  const records = await resolverOf(server).services(service);
  assert.equal(records.length, 30);
  assert.deepEqual(server.asked, [`SRV ${service}`, `SRV ${service} over TCP`]);
});

test('a domain with a thousand SRV records has no server, and is not dialled', async () => {
  await using server = await NameServer.start();
  server.respond = (query, transport) => {
    const answers = Array.from({ length: query.questions![0]!.type === 'SRV' ? 1_000 : 0 }, () =>
      srv(service, 'x.a.example', 5_269),
    );
    const packet = replyTo(query, answers);
    return [transport === 'udp' ? { ...packet, answers: [], flags: packet.flags! | 0x200 } : packet];
  };
  const [went, error] = await allOf(finderWith({ server }), 'a.example');
  assert.deepEqual(went, []);
  assert.match(error, /^NoSuchDomain: DNS has more to say than is taken here about _xmpps?-server\._tcp\.a\.example$/);
  server.respond = (query) => [
    replyTo(
      query,
      Array.from({ length: 40 }, () => srv(query.questions![0]!.name, 'x', 5_269)),
    ),
  ];
  const [, few] = await allOf(finderWith({ server }), 'a.example');
  assert.match(few, /^NoSuchDomain: _xmpps?-server\._tcp\.a\.example has 40 SRV records$/);
});

test('aliases that go in a circle, or do not end, are followed so far and no further', async () => {
  await using server = await NameServer.start([alias('a.example', 'b.example'), alias('b.example', 'a.example')]);
  assert.match((await allOf(finderWith({ server }), 'a.example'))[1], /^NoSuchDomain: .*the aliases of a\.example do not end/);
  let count = 0;
  server.respond = (query) => {
    const { name, type } = query.questions![0]!;
    if (type === 'SRV') return [server.honest(query)];
    return [replyTo(query, [alias(name, `n${count++}.a.example`)])];
  };
  const [, endless] = await allOf(finderWith({ server }), 'c.example');
  assert.match(endless, /^NoSuchDomain: .*the aliases of c\.example do not end/);
  assert.ok(count <= 2 * 10, `${count} questions`);
});

test('RFC 5452 §9: an answer with another id, another question or from another port is not one', async () => {
  const forged = (query: Packet): readonly Packet[] => [
    { ...replyTo(query as never, [address('a.example', '127.0.0.66')]), id: (query.id! + 1) & 0xffff },
    {
      ...replyTo(query as never, [address('a.example', '127.0.0.66')]),
      questions: [{ type: 'A', name: 'b.example', class: 'IN' }],
    },
    { ...replyTo(query as never, [address('a.example', '127.0.0.66')]), type: 'query' },
  ];
  await using server = await NameServer.start([address('a.example', '127.0.0.2')]);
  server.respond = (query) => [...forged(query), Buffer.from('nonsense'), Buffer.alloc(40, 0xff), server.honest(query)];
  assert.deepEqual(await resolverOf(server).addresses('a.example', 4), ['127.0.0.2']);
  server.respond = (query) => Array.from({ length: 50 }, () => forged(query)[0]!);
  await assert.rejects(resolverOf(server).addresses('a.example', 4), /sent answers to other questions/);
});

test('records of other names in an answer are not believed', async () => {
  await using server = await NameServer.start();
  server.respond = (query) => [
    replyTo(query, [address('b.example', '127.0.0.66'), address(query.questions![0]!.name, '127.0.0.2')]),
  ];
  const resolver = resolverOf(server);
  assert.deepEqual(await resolver.addresses('a.example', 4), ['127.0.0.2']);
  await resolver.addresses('b.example', 4);
  assert.deepEqual(server.asked, ['A a.example', 'A b.example']);
});

test('what cannot be decoded is not an answer: names that point in circles, records that end too early', async () => {
  await using server = await NameServer.start();
  server.respond = (query) => {
    const bytes = encode(replyTo(query, [address('a.example', '127.0.0.2')]));
    const circle = Buffer.from(bytes);
    circle.writeUInt16BE(0xc000 | 27, 27); // the name of the answer points to itself
    return [circle, bytes.subarray(0, bytes.length - 9), bytes.subarray(0, 11)];
  };
  await assert.rejects(resolverOf(server, hurried).addresses('a.example', 4), Unavailable);
  server.respond = (query) => [encode(replyTo(query, [address('a.example', '127.0.0.2')])).subarray(0, -2)];
  assert.deepEqual(await resolverOf(server).addresses('a.example', 4), []);
});

test('whatever bytes come as an answer, the resolver says what it takes, or that there is none', async () => {
  await using server = await NameServer.start([
    alias('a.example', 'b.example'),
    address('b.example', '127.0.0.2'),
    srv(service, 'x.a.example', 5_269),
  ]);
  let seed = 1;
  const next = (below: number) => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % below;
  };
  server.respond = (query) => {
    const changed = encode(server.honest(query));
    // The id stays: with another one it would be a stray.
    for (let changes = next(4); changes >= 0; changes--) changed[2 + next(changed.length - 2)] = next(256);
    return [changed, server.honest(query)];
  };
  for (let round = 0; round < 300; round++) {
    const resolver = resolverOf(server, hurried);
    const asked = round % 2 === 0 ? resolver.addresses('a.example', 4) : resolver.services(service);
    await asked.catch((error: Error) => assert.match(error.name, /^(?:Unavailable|NoSuchDomain)$/, `${error.stack}`));
  }
});

test('name servers are asked in turn; one that is silent or fails does not decide', async () => {
  await using silent = await NameServer.start();
  silent.respond = () => [];
  await using failing = await NameServer.start();
  failing.respond = (query) => [failureOf(query)];
  await using good = await NameServer.start([address('a.example', '127.0.0.2')]);
  const resolver = new Resolver({ clock: systemClock, servers: [silent.address, failing.address, good.address] });
  assert.deepEqual(await resolver.addresses('a.example', 4), ['127.0.0.2']);
  const without = new Resolver({ clock: hurried, servers: [silent.address, failing.address] });
  await assert.rejects(without.addresses('a.example', 4), /answered with code 2/);
});

test('a name server is an address, with or without a port', () => {
  const open = (server: string) => () => new Resolver({ clock: systemClock, servers: [server] });
  for (const good of ['192.0.2.1', '192.0.2.1:5353', '::1', '[::1]', '[2001:db8::1]:5353']) assert.doesNotThrow(open(good), good);
  for (const bad of ['dns.example', 'dns.example:53', '192.0.2.1:', '192.0.2.1:0', '192.0.2.1:70000', '[::1', '[::1]:x', ''])
    assert.throws(open(bad), /is not a name server; one is, for example,/, bad);
});

test('RFC 6891 §7: a name server that does not know EDNS is asked without', async () => {
  await using server = await NameServer.start([address('a.example', '127.0.0.2')]);
  server.respond = (query) => {
    const isNew = (query.additionals?.length ?? 0) > 0;
    return [isNew ? { type: 'response', id: query.id!, flags: 1, questions: [] } : server.honest(query)];
  };
  assert.deepEqual(await resolverOf(server).addresses('a.example', 4), ['127.0.0.2']);
});

test('only one question is under way for a name, whoever asks', async () => {
  await using server = await NameServer.start([address('a.example', '127.0.0.2')]);
  const resolver = resolverOf(server);
  await Promise.all(Array.from({ length: 20 }, () => resolver.addresses('a.example', 4)));
  assert.deepEqual(server.asked, ['A a.example']);
});

test('answers are kept for their TTL within bounds, and so is that there is none (RFC 2308)', async () => {
  await using server = await NameServer.start([
    address('short.example', '127.0.0.2', 0),
    address('minute.example', '127.0.0.2', 60),
    address('year.example', '127.0.0.2', 31_000_000),
    address('odd.example', '127.0.0.2', 0xffff_ffff),
  ]);
  const clock = new ManualClock();
  const resolver = new Resolver({ clock, servers: [server.address] });
  /** For how many seconds an answer is kept. */
  const keptFor = async (name: string): Promise<number> => {
    await resolver.addresses(name, 4);
    for (let seconds = 0; ; seconds += 5) {
      const before = server.asked.length;
      await resolver.addresses(name, 4);
      if (server.asked.length > before) return seconds;
      await clock.advance(5_000);
    }
  };
  assert.equal(await keptFor('short.example'), 5);
  assert.equal(await keptFor('minute.example'), 60);
  assert.equal(await keptFor('year.example'), 3_600);
  assert.equal(await keptFor('odd.example'), 5);
  assert.equal(await keptFor('gone.example'), 60);
  server.respond = (query) => [replyTo(query, [])];
  assert.equal(await keptFor('unsaid.example'), 5);
});
