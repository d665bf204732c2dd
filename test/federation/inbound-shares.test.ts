/** What other servers may do to a node, and that streams which carry nothing end in order; on a clock that is moved. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { s2sLimits } from '../../lib/s2s/limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { settled } from '../connection/manual-clock.ts';
import { type Caller, InboundDoor } from './inbound-door.ts';

let door: InboundDoor;
beforeEach(async () => {
  door = await InboundDoor.open();
});

const message = (peer: string, body = '') => `<message from='nurse@${peer}' to='juliet@a.example'><body>${body}</body></message>`;

test('a network that opens too many streams is refused for a while, and others are not', async () => {
  const { peerOpeningsBurst, peerOpeningsPerSecond } = connectionLimits;
  let last: Caller | undefined;
  for (let count = 0; count < peerOpeningsBurst; count++) {
    last = door.connect('192.0.2.1');
    last.stream.data(
      Buffer.from(
        `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='p${count}.example' to='a.example' version='1.0'>`,
      ),
    );
  }
  await settled();
  assert.match(last!.heard(), /<stream:features>/);
  const refused = door.connect('192.0.2.1');
  await refused.open('new.example');
  assert.match(refused.heard(), /<resource-constraint /);
  assert.ok(refused.hasEnded);
  const other = door.connect('192.0.2.2');
  await other.open('new.example');
  assert.match(other.heard(), /<stream:features>/);
  await door.clock.advance(1_000 / peerOpeningsPerSecond + 1);
  const later = door.connect('192.0.2.1');
  await later.open('new.example');
  assert.match(later.heard(), /<stream:features>/);
});

test('a network that shows too many keys has no more of them verified: nobody makes us connect to thousands of servers', async () => {
  const { peerKeysBurst, pairsPerStreamMax } = connectionLimits;
  const said: string[] = [];
  for (let at = 0; at < peerKeysBurst + 10; at += pairsPerStreamMax) {
    const caller = door.connect('198.51.100.7');
    await caller.open('p0.example');
    for (let index = at; index < Math.min(at + pairsPerStreamMax, peerKeysBurst + 10); index++)
      await caller.say(`<db:result from='p${index}.example' to='a.example'>key</db:result>`);
    said.push(caller.heard());
  }
  assert.equal(door.asked, peerKeysBurst);
  assert.equal(said.join('').match(/type='error'><error type='wait'><resource-constraint/g)?.length, 10);
});

test('a domain that sends more than its share is read later, in all its streams; nothing is lost, and another domain is not slowed down', async () => {
  const { peerStanzasBurst, peerStanzasPerSecond } = s2sLimits;
  const [one, two] = [await door.proven('p.example'), await door.proven('p.example')];
  const other = await door.proven('q.example');
  const many = 100;
  for (let sent = 0; sent < peerStanzasBurst + peerStanzasPerSecond; sent += many)
    one.stream.data(Buffer.from(message('p.example').repeat(many)));
  for (let waited = 0; waited < 1_000 && door.taken < peerStanzasBurst; waited++) await settled();
  assert.ok(one.isPaused);
  const before = door.taken;
  assert.ok(before <= peerStanzasBurst + many, `${before}`);
  await two.say(message('p.example'));
  await two.say(message('p.example'));
  assert.ok(two.isPaused);
  await other.say(message('q.example'));
  assert.ok(!other.isPaused);
  assert.ok(door.taken > before);
  await door.clock.advance(2_000);
  for (let waited = 0; waited < 1_000 && door.taken < peerStanzasBurst + peerStanzasPerSecond + 3; waited++) await settled();
  assert.equal(door.taken, peerStanzasBurst + peerStanzasPerSecond + 3);
  assert.ok(!one.isPaused && !two.isPaused);
});

test('a stream that carried nothing for ten minutes ends in order; white space does not count, and stanzas do', async () => {
  const { peerIdleMs } = connectionLimits;
  const [quiet, busy] = [await door.proven('p.example'), await door.proven('q.example')];
  const look = async () => {
    for (const { stream } of [quiet, busy]) stream.endIfIdle(door.clock.monotonic());
    await settled();
  };
  quiet.heard();
  await door.clock.advance(peerIdleMs - 1_000);
  await quiet.say('  \n');
  await busy.say(message('q.example'));
  await look();
  assert.ok(!quiet.hasEnded);
  await door.clock.advance(2_000);
  await look();
  assert.equal(quiet.heard(), '</stream:stream>');
  assert.ok(quiet.hasEnded && !busy.hasEnded);
});

test('a stream that proves nothing ends after a minute, however much it says', async () => {
  const caller = door.connect('192.0.2.1');
  await caller.open('p.example');
  await door.clock.advance(connectionLimits.streamProofMs - 1_000);
  await caller.say(' ');
  await door.clock.advance(2_000);
  assert.match(caller.heard(), /<connection-timeout /);
});
