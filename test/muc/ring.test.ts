/** XEP-0357 and rooms: whose clients a room asks to be woken, and when. Two tenants: half of the people are the other one's. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type SessionEntry, updateSessions } from '../../lib/runtime/sessions.ts';
import { nowhere } from '../../lib/runtime/wire.ts';
import { hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
let nurse: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/phone');
  nurse = await stage.join('nurse@b.example/phone');
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  for (const person of [juliet, romeo, nurse]) await place('n.stage.1', person);
});
afterEach(() => stage.close());

/** What the account's row says of where the session is. */
async function place(node: string, { jid, sid }: RequestActor): Promise<void> {
  const entry: SessionEntry = { node, sid, resource: jid.resource, boundAt: 1, available: true, priority: 0 };
  await updateSessions(stage.store, jid, () => [entry]);
}

/** The store has the session. */
async function park(person: RequestActor): Promise<void> {
  stage.node.missing.add(person.sid);
  await place(nowhere, person);
}

const rung = (): string[] => stage.rung.splice(0);
const toRomeo = (what: string): string => `romeo@a.example/phone: ${what}`;
const toNurse = (what: string): string => `nurse@b.example/phone: ${what}`;

test('who is there is not woken', async () => {
  await juliet.say('Romeo, Nurse');
  assert.deepEqual(rung(), []);
});

test('a client is woken whose node says that it does not hear', async () => {
  stage.node.away.add(romeo.sid);
  await juliet.say('Romeo');
  assert.deepEqual(rung(), [toRomeo('Romeo')]);
  assert.match(romeo.take().join(), /Romeo/);
});

test('a client is woken by all that the room keeps for it, not only by the first', async () => {
  await park(romeo);
  await juliet.say('one');
  await juliet.say('two');
  assert.deepEqual(rung(), [toRomeo('one'), toRomeo('two')]);
});

test('a client is woken whose session has ended without a word', async () => {
  stage.node.missing.add(romeo.sid);
  await updateSessions(stage.store, romeo.jid, () => []);
  await juliet.say('one');
  assert.deepEqual(rung(), [toRomeo('one')]);
});

test('the tenant of an occupant is asked, and the room says whom its router has not reached', async () => {
  stage.unheard.set(nurse.jid.toString(), 'missed');
  await juliet.say('one');
  await juliet.say('two');
  assert.deepEqual(rung(), [toNurse('one'), toNurse('two')]);
});

test('an occupant of another tenant is woken whose node says that it does not hear', async () => {
  stage.unheard.set(nurse.jid.toString(), 'away');
  await juliet.say('one');
  assert.deepEqual(rung(), [toNurse('one')]);
});

test('a session that has moved, and is there, is not woken', async () => {
  stage.node.missing.add(romeo.sid);
  stage.move(romeo, 'resumed');
  await place('n.stage.1', romeo);
  await juliet.say('one');
  assert.deepEqual(rung(), []);
});

describe('what rings', () => {
  for (const [what, xml, isRinging] of [
    ['a message', '<body>hello</body>', true],
    ['a chat state', `<composing xmlns='http://jabber.org/protocol/chatstates'/>`, false],
    ['a subject', '<subject>Verona</subject>', false],
  ] as const) {
    test(`${what} ${isRinging ? 'does' : 'does not'}`, async () => {
      await park(romeo);
      await juliet.send(`<message to='${hall}' type='groupchat' id='x'>${xml}</message>`);
      assert.deepEqual(rung(), isRinging ? [toRomeo('hello')] : []);
    });
  }

  test('what the client itself has said does not', async () => {
    await park(romeo);
    await romeo.say('I am gone');
    assert.deepEqual(rung(), []);
  });

  test('a private message does where it waits for the client, and does not where it is lost', async () => {
    stage.node.away.add(romeo.sid);
    const say = (text: string) => juliet.send(`<message to='${hall}/Romeo' type='chat' id='x'><body>${text}</body></message>`);
    await say('psst');
    stage.node.away.clear();
    await park(romeo);
    await say('lost');
    assert.deepEqual(rung(), [toRomeo('psst')]);
  });

  test('the history that somebody gets who enters does not', async () => {
    await juliet.say('long ago');
    const late = await stage.join('late@a.example/phone');
    stage.node.away.add(late.sid);
    await late.enter('Late');
    assert.deepEqual(rung(), []);
  });
});

describe('what the router has said of a client is remembered for a moment', () => {
  test('one that cannot be woken is not asked about again', async () => {
    stage.wish = 'never';
    await park(romeo);
    for (const text of ['one', 'Romeo', 'three']) await juliet.say(text);
    assert.deepEqual(rung(), [toRomeo('one')]);
  });

  test('one that is woken by mentions is asked about when there may be one', async () => {
    stage.wish = 'on-mention';
    await park(romeo);
    for (const text of ['one', 'two', 'Romeo!', 'romeo@a.example', 'four']) await juliet.say(text);
    const secret = `<encrypted xmlns='urn:xmpp:omemo:2'><payload>b2s=</payload></encrypted>`;
    await juliet.send(`<message to='${hall}' type='groupchat' id='x'>${secret}</message>`);
    assert.deepEqual(rung(), [toRomeo('one'), toRomeo('Romeo!'), toRomeo('romeo@a.example'), toRomeo('')]);
  });
});

test('a message is not acknowledged before the clients are woken: its retry wakes them', async () => {
  await park(romeo);
  stage.ringFault = true;
  const id = stage.mint();
  const xml = `<message to='${hall}' type='groupchat' id='x'><body>Romeo</body></message>`;
  assert.equal((await stage.request(juliet, xml, id)).ok, false);
  stage.ringFault = false;
  juliet.take();
  assert.equal((await stage.request(juliet, xml, id)).ok, true);
  assert.deepEqual(rung(), [toRomeo('Romeo')]);
  assert.deepEqual(juliet.take(), [], 'it is not said again');
});

test('a worker that dies before it wakes somebody leaves that to the next', async () => {
  await park(romeo);
  stage.ringFault = true;
  const xml = `<message to='${hall}' type='groupchat' id='x'><body>Romeo</body></message>`;
  assert.equal((await stage.request(juliet, xml, stage.mint())).ok, false);
  stage.ringFault = false;
  await stage.restartRooms();
  await juliet.say('anybody?');
  assert.deepEqual(rung(), [toRomeo('Romeo'), toRomeo('anybody?')]);
});
