/** Sessions parked in the store: a node lets go of them, another takes them up, and nobody else notices. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Unavailable } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { hashToken, parkSession, readParked } from '../../lib/runtime/parked.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { parseResumeId } from '../../services/connection/moving/resume-id.ts';
import type { ConnectionNode } from '../../services/connection/node.ts';
import { reapNode, sweepParked } from '../../services/router/sessions/reaper.ts';
import { befriend, Deployment, Person } from './deployment.ts';
import { signIn, until } from './fixture.ts';
import { ping, resume } from './managed-session.ts';
import { RawClient } from './raw-client.ts';

let deployment: Deployment;
let number = 0;
before(async () => {
  deployment = await Deployment.open();
});
after(() => deployment.close());

const node = () => deployment.node(`c${++number}`);
const range = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const owner = (local: string) => ({ domain: 'example.org', local });

async function drained(one: ConnectionNode): Promise<void> {
  await deployment.during(one.drain());
  assert.equal(one.stats.sessions, 0);
}

describe('a drained node', () => {
  test('parks sessions, which go on at another one: counters, what was not acknowledged, what came meanwhile', async () => {
    const [first, second] = [await node(), await node()];
    const juliet = await Person.join(deployment, first, 'juliet/balcony');
    const romeo = await Person.join(deployment, second, 'romeo/orchard');
    await befriend(juliet, romeo);
    romeo.say('juliet@example.org', 'has', 'has-too');
    await juliet.heard('has-too');
    const h = juliet.received;
    romeo.say('juliet@example.org', ...range('unseen', 3));
    await juliet.heard('unseen2');
    await drained(first);
    assert.match(await juliet.client.closed(), /<system-shutdown [^>]*\/><\/stream:error><\/stream:stream>$/);
    const [entry] = await deployment.sessions('juliet');
    assert.deepEqual([entry!.node, entry!.parked?.by, entry!.available], ['', first.subject, true]);
    romeo.say('juliet@example.org', ...range('meanwhile', 3));
    await romeo.settle();

    const seen = juliet.stanzas.length;
    const answer = await juliet.resume(second, h);
    // Hers: presence, subscribe, subscribed, and the pings in between.
    assert.match(answer, /^<resumed [^>]*h='[1-9]/);
    await juliet.heard('meanwhile2');
    assert.deepEqual(juliet.bodies.slice(5), [...range('unseen', 3), ...range('meanwhile', 3)], 'each dedupeKey, in order');
    assert.ok(juliet.stanzas.slice(seen).every((text) => !text.startsWith('<message') || text.includes('<delay ')));
    // The numbers go on behind what the client said that it has.
    await juliet.settle();
    juliet.acknowledge(h + juliet.stanzas.length - seen);
    await juliet.settle();
    assert.ok(!juliet.client.isClosed);
    romeo.say('juliet@example.org', 'live');
    await juliet.heard('live');
    assert.ok(!romeo.presenceFrom(juliet.jid).includes('unavailable'), 'no flicker');
    const [moved] = await deployment.sessions('juliet');
    assert.deepEqual([moved!.node, moved!.parked], [second.subject, undefined]);
    assert.equal(await readParked(deployment.store, owner('juliet'), moved!.sid), undefined);
    for (const person of [juliet, romeo]) person.client.destroy();
  });

  test('keeps what is in no archive, and gives it again under the right numbers', async () => {
    const [first, second] = [await node(), await node()];
    const nurse = await Person.join(deployment, first, 'nurse/house');
    const peter = await Person.join(deployment, second, 'peter/house');
    await befriend(nurse, peter);
    const h = nurse.received;
    peter.client.send(`<presence><status>one</status></presence>`);
    peter.say('nurse@example.org', 'archived');
    peter.client.send(`<presence><status>two</status></presence>`);
    await peter.settle();
    await until(() => nurse.stanzas.some((text) => text.includes('two')), 'the second presence');
    nurse.client.destroy();
    await until(() => first.stats.parked === 1, 'lost');
    peter.client.send(`<presence><status>three</status></presence>`);
    await peter.settle();
    const seen = nurse.stanzas.length;
    await drained(first);
    assert.match(await nurse.resume(second, h + 1), /<resumed/);
    await nurse.heard('archived');
    await nurse.settle();
    const again = nurse.stanzas.slice(seen).filter((text) => /<status>|<body>/.test(text));
    const marks = again.map((text) => /<(?:status|body)>([^<]*)/.exec(text)![1]);
    assert.deepEqual(marks.slice(0, 2), ['two', 'three'], 'first what was kept');
    assert.equal(marks.filter((mark) => mark === 'archived').length, 1);
    assert.ok(!marks.includes('one'), 'what the client has does not come again');
    nurse.acknowledge(h + 1 + nurse.stanzas.length - seen);
    await nurse.settle();
    for (const person of [nurse, peter]) person.client.destroy();
  });

  test('ends sessions that cannot be resumed, refuses new streams, and answers others', async () => {
    const [first, second] = [await node(), await node()];
    const plain = await Person.join(deployment, first, 'gregory/street', { managed: false });
    const friend = await Person.join(deployment, second, 'sampson/street');
    await befriend(plain, friend);
    const idle = await signIn(first, 'gregory');
    assert.equal(first.isDraining, false);
    await drained(first);
    assert.equal(first.isDraining, true);
    assert.match(await idle.closed(), /<system-shutdown /);
    assert.match(await plain.client.closed(), /<system-shutdown /);
    await until(() => friend.presenceFrom(plain.jid).includes('unavailable'), 'the end');
    assert.equal(await RawClient.tls(first.addresses.c2sTls!.port).closed(), '');
    assert.deepEqual(await deployment.sessions('gregory'), []);
    friend.client.destroy();
  });

  test('that cannot reach the store keeps the sessions, and parks them when it is back', async () => {
    const [first, second] = [await node(), await node()];
    const person = await Person.join(deployment, first, 'abram/street');
    deployment.isStoreAway = true;
    const draining = first.drain();
    await deployment.during(until(() => person.client.isClosed, 'the stream closed'));
    assert.deepEqual([first.stats.sessions, first.stats.parked], [1, 1]);
    deployment.isStoreAway = false;
    await deployment.during(draining);
    assert.match(await person.resume(second), /<resumed/);
    person.client.destroy();
  });

  test('has parked what nobody gives up for lost while the store is away', async () => {
    const [first, second] = [await node(), await node()];
    const person = await Person.join(deployment, first, 'grumio/street');
    await drained(first);
    deployment.isStoreAway = true;
    person.client = await signIn(second, 'grumio');
    person.client.send(resume(person.previd, person.received));
    const told = await deployment.during(person.client.closed());
    assert.match(told, /<resource-constraint /);
    assert.doesNotMatch(told, /<failed/);
    deployment.isStoreAway = false;
    assert.match(await person.resume(second), /<resumed/);
    person.client.destroy();
  });

  test('hands a session over that has not had its turn', async () => {
    const [first, second] = [await node(), await node()];
    const person = await Person.join(deployment, first, 'balthasar/street');
    deployment.isStoreAway = true;
    const draining = first.drain();
    await deployment.during(until(() => person.client.isClosed, 'the stream closed'));
    deployment.isStoreAway = false;
    const resumed = person.resume(second);
    await deployment.during(draining);
    assert.match(await resumed, /<resumed/);
    await person.settle();
    assert.deepEqual(
      (await deployment.sessions('balthasar')).map(({ node: held }) => held),
      [second.subject],
    );
    person.client.destroy();
  });
});

describe('a parked session', () => {
  test('is taken by exactly one of many nodes that want it at the same time', async () => {
    const first = await node();
    const others = await Promise.all(Array.from({ length: 4 }, () => node()));
    const person = await Person.join(deployment, first, 'paris/tomb');
    await drained(first);
    const [entry] = await deployment.sessions('paris');
    const streams = await Promise.all(others.map((other) => signIn(other, 'paris')));
    for (const stream of streams) stream.send(resume(person.previd, person.received));
    const isAnswered = (stream: RawClient) => /<resumed|<failed/.test(stream.text) || stream.isClosed;
    await until(() => streams.every(isAnswered), 'an answer for each');
    await until(
      () => streams.filter((stream) => stream.text.includes('<resumed') && !stream.isClosed).length === 1,
      'one that has it',
    );
    const held = others.filter(({ stats }) => stats.sessions > 0);
    assert.equal(held.length, 1);
    const holder = streams[others.indexOf(held[0]!)]!;
    holder.send(ping('told'));
    await holder.read(/id=['"]told/);
    assert.deepEqual(
      (await deployment.sessions('paris')).map(({ sid, node: at }) => [sid, at]),
      [[entry!.sid, held[0]!.subject]],
    );
    for (const stream of streams) stream.destroy();
  });

  test('is nobody else’s, and its secret is not in the store', async () => {
    const [first, second] = [await node(), await node()];
    const person = await Person.join(deployment, first, 'tybalt/street');
    await deployment.account('mercutio');
    await drained(first);
    const [nodeId, sid, token] = Buffer.from(person.previd, 'base64url').toString().split('/') as [string, string, string];
    const forged = (secret: string) => Buffer.from([nodeId, sid, secret].join('/')).toString('base64url');
    const wrong = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A');
    const thief = await signIn(second, 'mercutio');
    for (const previd of [person.previd, forged(wrong)]) {
      thief.send(resume(previd, 0));
      await thief.read(/<failed/);
    }
    const own = await signIn(second, 'tybalt');
    own.send(resume(forged(wrong), 0));
    await own.read(/<failed/);
    const row = await readParked(deployment.store, owner('tybalt'), sid);
    assert.ok(row && !JSON.stringify(row).includes(token));
    assert.match(await person.resume(second), /<resumed/);
    for (const client of [thief, own, person.client]) client.destroy();
  });

  test('with more in no archive than fits one row ends', async () => {
    const [first, second] = [await node(), await node()];
    const person = await Person.join(deployment, first, 'potpan/kitchen');
    const cook = await Person.join(deployment, second, 'cook/kitchen');
    person.client.destroy();
    await until(() => first.stats.parked === 1, 'lost');
    const filler = 'x'.repeat(50_000);
    for (let n = 0; n < 8; n++) cook.client.send(`<message type='headline' to='${person.jid}'><body>${filler}</body></message>`);
    await cook.settle();
    await drained(first);
    await deployment.during(until(() => first.stats.sessions === 0, 'the end'));
    assert.match(await person.resume(second), /<failed.*item-not-found/);
    await until(() => first.stats.batchesInFlight === 0, 'the end to be told');
    assert.deepEqual(await deployment.sessions('potpan'), []);
    for (const one of [cook, person]) one.client.destroy();
  });

  test('past its time ends: contacts hear of it then, and what was for it alone comes with the next session', async () => {
    const [first, second] = [await node(), await node()];
    const juliet = await Person.join(deployment, first, 'rosaline/one');
    const other = await Person.join(deployment, second, 'rosaline/two');
    const romeo = await Person.join(deployment, second, 'benvolio/street');
    await befriend(other, romeo);
    romeo.say('rosaline@example.org/one', 'unacknowledged');
    await juliet.heard('unacknowledged');
    await drained(first);
    romeo.say('rosaline@example.org/one', 'while parked');
    romeo.say('rosaline@example.org', 'to all');
    await other.heard('to all');
    other.acknowledge();
    await other.settle();
    await deployment.clock.advance(connectionLimits.cursorFlushMs);
    assert.equal(await deployment.during(sweepParked(deployment.dependencies)), 0, 'it is not time');
    await deployment.clock.advance(serviceLimits.resumeTimeoutMs);
    assert.ok(!romeo.presenceFrom(juliet.jid).includes('unavailable'));
    await deployment.during(sweepParked(deployment.dependencies));
    await until(() => romeo.presenceFrom(juliet.jid).includes('unavailable'), 'the end');
    assert.equal((await deployment.sessions('rosaline')).length, 1);
    assert.match(await juliet.resume(second), /<failed/);
    await juliet.bindAgain('three');
    juliet.client.send('<presence/>');
    await juliet.heard('while parked');
    const third = juliet.bodies.slice(1);
    assert.deepEqual(third, ['unacknowledged', 'while parked']);
    await juliet.settle();
    juliet.acknowledge();
    await juliet.settle();
    await deployment.clock.advance(connectionLimits.cursorFlushMs);
    const fourth = await Person.join(deployment, second, 'rosaline/four');
    await fourth.settle();
    assert.deepEqual(fourth.bodies, [], 'dedupeKey');
    for (const person of [juliet, other, romeo, fourth]) person.client.destroy();
  });

  test('whose client binds its resource instead is replaced without a flicker', async () => {
    const [first, second] = [await node(), await node()];
    const friar = await Person.join(deployment, first, 'friar/cell');
    const john = await Person.join(deployment, second, 'john/cell');
    await befriend(friar, john);
    john.say(friar.jid, 'unacknowledged');
    await friar.heard('unacknowledged');
    await drained(first);
    friar.client = await signIn(second, 'friar');
    await friar.bindAgain();
    friar.client.send('<presence><status>again</status></presence>');
    await friar.heard('unacknowledged');
    await until(() => john.stanzas.some((text) => text.includes('again')), 'the new presence');
    await deployment.clock.advance(serviceLimits.resumeTimeoutMs);
    await deployment.during(sweepParked(deployment.dependencies));
    await john.settle();
    assert.ok(!john.presenceFrom(friar.jid).includes('unavailable'));
    friar.client.send("<presence type='unavailable'/>");
    await until(() => john.presenceFrom(friar.jid).includes('unavailable'), 'the end that was said');
    for (const person of [friar, john]) person.client.destroy();
  });

  test('whose successor never shows itself is unavailable when its own time is over, or the successor ends', async () => {
    const [first, second] = [await node(), await node()];
    const watcher = await Person.join(deployment, second, 'watch/street');
    const shy = await Person.join(deployment, first, 'apothecary/shop');
    const gone = await Person.join(deployment, first, 'page/street');
    for (const one of [shy, gone]) await befriend(one, watcher);
    await drained(first);
    for (const one of [shy, gone]) {
      one.client = await signIn(second, one.user);
      await one.bindAgain();
      await one.settle();
    }
    assert.ok(![shy, gone].some(({ jid }) => watcher.presenceFrom(jid).includes('unavailable')));
    gone.client.send('</stream:stream>');
    await until(() => watcher.presenceFrom(gone.jid).includes('unavailable'), 'the end of the successor');
    await deployment.clock.advance(serviceLimits.resumeTimeoutMs);
    await deployment.during(sweepParked(deployment.dependencies));
    await until(() => watcher.presenceFrom(shy.jid).includes('unavailable'), 'the end of the time');
    for (const person of [shy, watcher]) person.client.destroy();
  });

  test('does not answer requests: the asker is told at once', async () => {
    const [first, second] = [await node(), await node()];
    const person = await Person.join(deployment, first, 'lady/hall');
    const asker = await Person.join(deployment, second, 'lord/hall');
    await drained(first);
    asker.client.send(`<iq type='get' id='v' to='${person.jid}'><query xmlns='jabber:iq:version'/></iq>`);
    await asker.client.read(/<iq [^>]*id=['"]v['"][^>]*>.*service-unavailable/);
    assert.match(await person.resume(second), /<resumed/);
    for (const one of [person, asker]) one.client.destroy();
  });
});

describe('a node that died', () => {
  /** Its rows are all that is left of it. */
  async function dead(one: ConnectionNode, ...people: Person[]): Promise<void> {
    deployment.kill(one);
    for (const { client } of people) client.destroy();
    await deployment.during(reapNode(deployment.dependencies, one.subject));
  }

  test('leaves the presence of sessions that could be resumed until their time is over; others end at once', async () => {
    const [first, second] = [await node(), await node()];
    const watcher = await Person.join(deployment, second, 'chorus/stage');
    const managed = await Person.join(deployment, first, 'montague/house');
    const plain = await Person.join(deployment, first, 'capulet/house', { managed: false });
    for (const one of [managed, plain]) await befriend(one, watcher);
    await dead(first);
    await until(() => watcher.presenceFrom(plain.jid).includes('unavailable'), 'the end of the plain one');
    assert.match(await managed.resume(second), /<failed.*item-not-found/);
    await deployment.clock.advance(serviceLimits.resumeTimeoutMs - runtimeLimits.heartbeatDeadMs - 60_000);
    await deployment.during(sweepParked(deployment.dependencies));
    await watcher.settle();
    assert.ok(!watcher.presenceFrom(managed.jid).includes('unavailable'));
    await deployment.clock.advance(60_000);
    await deployment.during(sweepParked(deployment.dependencies));
    await until(() => watcher.presenceFrom(managed.jid).includes('unavailable'), 'the end');
    for (const person of [watcher, managed, plain]) person.client.destroy();
  });

  test('has left a row of an attempt to park that failed: that is not the session any more', async () => {
    const [first, second] = [await node(), await node()];
    const person = await Person.join(deployment, first, 'escalus/left');
    const { sid, token } = parseResumeId(person.previd)!;
    const deadline = deployment.clock.now() + serviceLimits.resumeTimeoutMs;
    const parcel = {
      ...{ session: '', jid: person.jid, inbound: 0, acked: 0, unacked: [], pending: [], available: true },
      ...{ seen: [], seenDedupeKeys: [], missed: '0', resumeMs: serviceLimits.resumeTimeoutMs },
    };
    const row = { tokenHash: hashToken(token), deadline, by: first.subject, parcel, bodies: [] };
    const half = new Proxy(deployment.store, {
      get: (store, name) =>
        name === 'put' ? async () => Promise.reject(new Unavailable('away')) : Reflect.get(store, name).bind(store),
    });
    await assert.rejects(parkSession(half, owner('escalus'), { node: first.subject, sid }, deadline, row), Unavailable);
    assert.ok(await readParked(deployment.store, owner('escalus'), sid));
    await dead(first, person);
    assert.match(await person.resume(second), /<failed/);
    person.client.destroy();
  });

  test('is followed by bind and catch-up: no hole, and contacts see the new presence and nothing else', async () => {
    const [first, second] = [await node(), await node()];
    const watcher = await Person.join(deployment, second, 'prince/verona');
    const other = await Person.join(deployment, second, 'escalus/two');
    const person = await Person.join(deployment, first, 'escalus/one');
    await befriend(person, watcher);
    watcher.say('escalus@example.org/one', 'unacknowledged');
    await person.heard('unacknowledged');
    await dead(first);
    watcher.say('escalus@example.org', 'to all');
    watcher.say('escalus@example.org/one', 'to the dead');
    await other.heard('to all');
    other.acknowledge();
    await other.settle();
    await deployment.clock.advance(connectionLimits.cursorFlushMs);
    assert.match(await person.resume(second), /<failed/);
    await person.bindAgain();
    person.client.send('<presence><status>again</status></presence>');
    await person.heard('to the dead');
    await person.settle();
    assert.deepEqual(person.bodies.slice(1).toSorted(), ['to the dead', 'unacknowledged']);
    await until(() => watcher.stanzas.some((text) => text.includes('again')), 'the new presence');
    assert.ok(!watcher.presenceFrom(person.jid).includes('unavailable'));
    for (const one of [watcher, other, person]) one.client.destroy();
  });
});
