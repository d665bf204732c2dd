/** XEP-0500: slow mode, on a clock that the test moves. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
let elapsedMs = 0;
const clock = { ...systemClock, now: () => systemClock.now() + elapsedMs };
const refused = 'error policy-violation wait';

beforeEach(async () => {
  elapsedMs = 0;
  stage = await openRooms({ hasWorker: false });
  await stage.startRooms({ clock });
  juliet = await openHall(stage, { slow_mode_duration: '20', persistentroom: '1' });
  romeo = await stage.join('romeo@b.example/orchard');
  await romeo.enter('Romeo');
  for (const person of [juliet, romeo]) person.take();
});
afterEach(() => stage.close());

test('§6: the second message waits until the time is over', async () => {
  await romeo.say('one');
  elapsedMs = 19_000;
  await romeo.say('two');
  assert.deepEqual(romeo.heard(), ['message Romeo one', refused]);
  elapsedMs = 20_001;
  await romeo.say('three');
  assert.deepEqual(juliet.heard(), ['message Romeo one', 'message Romeo three']);
});

test('§6: the error says how long', async () => {
  await romeo.say('one');
  await romeo.say('two');
  assert.match(romeo.take()[1]!, /<text [^>]*>[^<]*20 s/);
});

test('§6: typing and markers do not count, and admins are free', async () => {
  const state = `<message to='${hall}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`;
  await romeo.send(state);
  await romeo.say('one');
  await romeo.send(state);
  for (const body of ['two', 'three']) await juliet.say(body);
  assert.equal(romeo.heard().includes(refused), false);
  await adminSet(juliet, "<item affiliation='admin' jid='romeo@b.example'/>");
  romeo.take();
  await romeo.say('four');
  assert.deepEqual(romeo.heard(), ['message Romeo four']);
});

test('§8: another nick, another client, and leaving do not get around it', async () => {
  await romeo.say('one');
  const phone = await stage.join('romeo@b.example/phone');
  await phone.enter('Montague');
  phone.take();
  await phone.say('two');
  assert.deepEqual(phone.heard(), [refused]);
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
  await romeo.enter('Romeo');
  romeo.take();
  await romeo.say('three');
  assert.deepEqual(romeo.heard(), [refused]);
});

test('another worker knows who has spoken', async () => {
  await romeo.say('one');
  await stage.restartRooms();
  romeo.take();
  await romeo.say('two');
  assert.deepEqual(romeo.heard(), [refused]);
});

test('a message that is refused for another reason costs no time', async () => {
  await romeo.send(`<message to='${hall}' type='groupchat'><body>${'x'.repeat(70_000)}</body></message>`);
  await romeo.say('one');
  assert.deepEqual(romeo.heard(), ['error policy-violation modify', 'message Romeo one']);
});

test('§5, XEP-0122: the form asks for a number in a range, and the room says what is set', async () => {
  const form = await juliet.ask('get', "<query xmlns='http://jabber.org/protocol/muc#owner'/>");
  assert.match(
    form,
    /<field var='muc#roomconfig_slow_mode_duration' type='text-single'[^>]*><validate xmlns='http:\/\/jabber.org\/protocol\/xdata-validate' datatype='xs:integer'><range min='0' max='3600'\/><\/validate><value>20<\/value>/,
  );
  const info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
  assert.match(await romeo.ask('get', info), /muc#roominfo_slow_mode_duration' type='text-single'[^>]*><value>20</);
  await configure(juliet, { slow_mode_duration: '0' });
  assert.deepEqual(romeo.heard(), ['message room 104']);
  assert.match(await romeo.ask('get', info), /slow_mode_duration'[^>]*><value>0</);
});

for (const value of ['-1', '3601', '1.5', 'x', '99999999999', '']) {
  test(`§8: '${value}' is refused as a duration`, async () => {
    await configure(juliet, { slow_mode_duration: value });
    assert.deepEqual(juliet.heard(), ['error not-acceptable modify']);
  });
}
