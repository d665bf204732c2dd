/** XEP-0502: messages per hour, on a clock that the test moves. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

const hourMs = 60 * 60 * 1000;
let stage: RoomsStage;
let juliet: RequestActor;
let elapsedMs = 0;
const start = Math.ceil(systemClock.now() / hourMs) * hourMs;
const clock = { ...systemClock, now: () => start + elapsedMs };

beforeEach(async () => {
  elapsedMs = 0;
  stage = await openRooms({ hasWorker: false });
  await stage.startRooms({ clock });
  juliet = await openHall(stage, { persistentroom: '1' });
});
afterEach(() => stage.close());

async function activity(): Promise<string | undefined> {
  const info = await juliet.ask('get', "<query xmlns='http://jabber.org/protocol/disco#info'/>");
  return /\{urn:xmpp:muc-activity\}message-activity'[^>]*><value>([^<]*)</.exec(info)?.[1];
}

test('§4.1: before an hour is over there is nothing to say', async () => {
  await juliet.say('one');
  assert.equal(await activity(), undefined);
});

test('§6: whole hours count, of the last day at most', async () => {
  for (let count = 0; count < 6; count++) await juliet.say('x');
  elapsedMs = hourMs;
  assert.equal(await activity(), '6');
  elapsedMs = 2 * hourMs;
  assert.equal(await activity(), '3');
  await juliet.say('y');
  elapsedMs = 3 * hourMs;
  assert.equal(await activity(), '2.33');
  elapsedMs = 24 * hourMs;
  assert.equal(await activity(), '0.29');
  elapsedMs = 25 * hourMs;
  assert.equal(await activity(), '0.04', 'the first hour is over a day ago');
  elapsedMs = 500 * hourMs;
  assert.equal(await activity(), '0');
});

test('§5: corrections, typing and private messages do not count', async () => {
  await juliet.say('one');
  for (const inside of [
    `<body>two</body><replace xmlns='urn:xmpp:message-correct:0' id='one'/>`,
    `<composing xmlns='http://jabber.org/protocol/chatstates'/>`,
    `<subject>three</subject>`,
  ]) {
    await juliet.send(`<message to='${hall}' type='groupchat'>${inside}</message>`);
  }
  await juliet.send(`<message to='${hall}/Juliet' type='chat'><body>four</body></message>`);
  elapsedMs = hourMs;
  assert.equal(await activity(), '1');
});

const closed: readonly Readonly<Record<string, string>>[] = [
  { persistentroom: '0' },
  { publicroom: '0' },
  { membersonly: '1' },
  { passwordprotectedroom: '1', roomsecret: 'x' },
];
for (const fields of closed) {
  test(`§10: nothing is said of a room with ${JSON.stringify(fields)}`, async () => {
    await juliet.say('one');
    elapsedMs = hourMs;
    await configure(juliet, fields);
    assert.equal(await activity(), undefined);
  });
}

test('another worker knows the hours before', async () => {
  for (let count = 0; count < 4; count++) await juliet.say('x');
  elapsedMs = hourMs;
  await juliet.say('y');
  await stage.restartRooms({ clock });
  elapsedMs = 2 * hourMs;
  assert.equal(await activity(), '2.5');
});
