/**
 * `skylark` is stopped and started again within the time that XEP-0198 sessions are kept: clients go on where they were. Nothing is
 * lost, nothing comes twice, and contacts see nothing of it.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { befriend, ManagedClient } from '../support/managed-client.ts';
import { Skylark } from '../support/skylark.ts';

let skylark: Skylark;
before(async () => {
  skylark = await Skylark.start();
  for (const name of ['juliet', 'romeo', 'nurse']) skylark.addUser(`${name}@localhost`, 'secret');
});
after(() => skylark?.stop());

const door = () => ({ port: skylark.ports.c2sTls });
const say = (client: ManagedClient, to: string, ...texts: string[]) => {
  for (const text of texts) client.send(`<message type='chat' to='${to}'><body>${text}</body></message>`);
};
const words = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

test('sessions are resumed after a stop and a start, attached ones and lost ones', async () => {
  const juliet = await ManagedClient.signIn(door(), 'juliet@localhost/balcony', 'secret');
  const other = await ManagedClient.signIn(door(), 'juliet@localhost/phone', 'secret');
  const romeo = await ManagedClient.signIn(door(), 'romeo@localhost/orchard', 'secret');
  const nurse = await ManagedClient.signIn(door(), 'nurse@localhost/house', 'secret');
  for (const client of [juliet, other, romeo, nurse]) {
    client.send('<presence/>');
    await client.settle();
  }
  await befriend(juliet, romeo);

  // Juliet has these and does not say so; then her connection breaks, and more comes, also what is in no archive.
  juliet.isDiligent = false;
  const known = words('known', 7);
  say(romeo, 'juliet@localhost', ...known);
  await juliet.until(() => juliet.bodies.length === known.length, 'the first messages');
  juliet.client.cut();
  await romeo.settle();
  const missed = words('missed', 12);
  say(romeo, 'juliet@localhost', ...missed);
  await romeo.settle();
  say(nurse, 'juliet@localhost/balcony', 'to this one alone');
  romeo.send('<presence><show>away</show></presence>');
  await romeo.settle();
  await nurse.settle();
  // Her other resource has it all, and has said so: the account's cursor is past it.
  await other.until(() => other.bodies.length === known.length + missed.length, 'the same at the phone');
  other.acknowledge();
  await other.settle();

  assert.equal(await skylark.kill('SIGTERM'), 0);
  for (const client of [other, romeo, nurse]) await client.client.closed;
  await skylark.start();

  for (const client of [romeo, juliet, other, nurse]) {
    const answer = await client.resume(door());
    assert.equal(answer.name, 'resumed', `${client.jid}: ${answer.xml}`);
  }
  const expected = [...known, ...missed, 'to this one alone'];
  await juliet.until(() => juliet.bodies.length >= expected.length, 'what she has missed');
  say(romeo, 'juliet@localhost', 'after');
  await juliet.until(() => juliet.bodies.includes('after'), 'what came after');
  await other.until(() => other.bodies.includes('after'), 'what came after');
  assert.deepEqual(juliet.bodies, [...expected, 'after']);
  assert.deepEqual(other.bodies, [...known, ...missed, 'after']);
  assert.match(
    juliet.stanzas.findLast(({ attributes }) => attributes.from === romeo.jid && attributes.type === undefined)!.xml,
    /away|after/,
  );
  assert.ok(
    juliet.stanzas.some(({ name, xml }) => name === 'presence' && xml.includes('away')),
    'presence while she was away',
  );
  assert.ok(!romeo.presenceFrom(juliet.jid).includes('unavailable'), 'no flicker of juliet');
  assert.ok(!juliet.presenceFrom(romeo.jid).includes('unavailable'), 'no flicker of romeo');

  // Roster pushes, carbons and the like go on: the session is the one that it was.
  juliet.isDiligent = true;
  juliet.acknowledge();
  await juliet.settle();
  for (const client of [juliet, other, romeo, nurse]) await client.client.close();
});

test('a session that nobody comes back to ends, and what it did not acknowledge comes with the next one', async () => {
  const juliet = await ManagedClient.signIn(door(), 'juliet@localhost/tower', 'secret');
  const romeo = await ManagedClient.signIn(door(), 'romeo@localhost/street', 'secret');
  for (const client of [juliet, romeo]) {
    client.send('<presence/>');
    await client.settle();
  }
  juliet.isDiligent = false;
  say(romeo, 'juliet@localhost/tower', 'one', 'two');
  await juliet.until(() => juliet.bodies.includes('two'), 'the messages');
  assert.equal(await skylark.kill('SIGTERM'), 0);
  await skylark.start();
  const again = await ManagedClient.signIn(door(), 'juliet@localhost/tower', 'secret');
  again.send('<presence/>');
  await again.until(() => again.bodies.includes('two'), 'the messages again');
  assert.deepEqual(again.bodies, ['one', 'two']);
  assert.equal((await romeo.resume(door())).name, 'resumed');
  await romeo.settle();
  assert.ok(!romeo.presenceFrom(juliet.jid).includes('unavailable'), 'she is seen all the time');
  assert.equal((await juliet.resume(door())).name, 'failed');
});
