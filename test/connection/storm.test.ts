/** Storms: clients that all come back at once are let in at a rate, and resumption goes first. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Admission, type DoorRates } from '../../services/connection/door/admission.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { type Fixture, header, startFixture } from './fixture.ts';
import { ManualClock, settled } from './manual-clock.ts';
import { RawClient } from './raw-client.ts';

const ample = { perSecond: 1_000_000, burst: 1_000_000 };
const open: DoorRates = { accepts: ample, acceptsPerAddress: ample, opensPerTenant: ample, ready: ample };

describe('the door', () => {
  test('closes what is too much of one address, and lets others in', () => {
    const door = new Admission(new ManualClock(), { ...open, acceptsPerAddress: { perSecond: 1, burst: 3 } });
    assert.deepEqual(
      Array.from({ length: 5 }, (_, n) => door.mayConnect(`2001:db8::${n}`)),
      [true, true, true, false, false],
    );
    assert.equal(door.mayConnect('2001:db8:0:1::1'), true);
    assert.equal(door.mayConnect('192.0.2.1'), true);
  });

  test('lets sockets wait for their turn, and closes those for whom there is no room', async () => {
    const clock = new ManualClock();
    const door = new Admission(clock, { ...open, accepts: { perSecond: 10, burst: 2 } });
    const letIn: number[] = [];
    for (let n = 0; n < connectionLimits.acceptsWaitingMax + 5; n++) {
      const answer = door.mayConnect(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
      if (n < 2) assert.equal(answer, true);
      else if (n >= connectionLimits.acceptsWaitingMax + 2) assert.equal(answer, false);
      else void Promise.resolve(answer).then((may) => may && letIn.push(n));
    }
    await clock.advance(1_000);
    await settled();
    assert.deepEqual(letIn, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    door.stop();
    await settled();
    assert.equal(letIn.length, 10, 'a stop lets nobody in');
  });

  test('lets resumptions go before binds, which cost more', async () => {
    const clock = new ManualClock();
    const { bindTokens, resumeTokens } = connectionLimits;
    assert.ok(resumeTokens < bindTokens);
    const door = new Admission(clock, { ...open, ready: { perSecond: bindTokens, burst: bindTokens } });
    assert.equal(door.mayGetReady('bind'), true);
    const order: string[] = [];
    for (const [way, name] of [
      ['bind', 'b1'],
      ['bind', 'b2'],
      ['resume', 'r1'],
      ['resume', 'r2'],
    ] as const) {
      void Promise.resolve(door.mayGetReady(way)).then(() => order.push(name));
    }
    await clock.advance(10_000);
    await settled();
    assert.deepEqual(order, ['r1', 'r2', 'b1', 'b2']);
  });
});

describe('a node', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture[Symbol.asyncDispose]());

  test('makes sockets wait before the handshake, and takes them in turn', async () => {
    const node = await fixture.another('slow', { rates: { ...open, accepts: { perSecond: 2, burst: 1 } } });
    const clients = Array.from({ length: 4 }, () => RawClient.tls(node.addresses.c2sTls!.port));
    for (const client of clients) client.send(header);
    await clients[0]!.read(/<\/stream:features>/);
    await new Promise((resolve) => void setTimeout(resolve, 50));
    assert.deepEqual(
      clients.map(({ text }) => text),
      ['', '', '', ''],
    );
    await fixture.clock.advance(500);
    await clients[1]!.read(/<\/stream:features>/);
    await fixture.clock.advance(1_000);
    await clients[3]!.read(/<\/stream:features>/);
    await clients[2]!.read(/<\/stream:features>/);
    for (const client of clients) client.destroy();
  });

  test('ends streams to a tenant that opens too many at once', async () => {
    const node = await fixture.another('fair', { rates: { ...open, opensPerTenant: { perSecond: 1, burst: 2 } } });
    const texts: string[] = [];
    for (let n = 0; n < 3; n++) {
      const client = RawClient.tls(node.addresses.c2sTls!.port);
      client.send(header);
      const [text] = await client.read(/<\/stream:features>|<\/stream:error>/);
      texts.push(text);
      client.destroy();
    }
    assert.deepEqual(texts, ['</stream:features>', '</stream:features>', '</stream:error>']);
  });
});
