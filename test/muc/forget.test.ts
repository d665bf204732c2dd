/** A room forgets addresses that are removed: what it has granted them, in memory and in rows; and who is inside hears of it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { roomShard } from '../../lib/runtime/shards.ts';
import type { DoneReply, RoomErasureRequest } from '../../lib/runtime/wire.ts';
import { adminSet, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const admin = 'http://jabber.org/protocol/muc#admin';
let stage: WholeStage;
let juliet: StreamActor;

beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

async function forget(...addresses: string[]): Promise<void> {
  const request: RoomErasureRequest = { kind: 'forget', domain: 'a.example', room: 'hall', addresses };
  const reply = await stage.bus.request(roomShard('a.example', 'hall'), encodeFrame(request), { timeoutMs: 10_000 });
  assert.equal(decodeFrame<DoneReply>(reply).header.ok, true);
}

const listOf = (affiliation: string) => juliet.ask('get', `<query xmlns='${admin}'><item affiliation='${affiliation}'/></query>`);

for (const isLoaded of [true, false]) {
  test(`affiliations, reserved nicks and bans end, of these addresses alone (${isLoaded ? 'in memory' : 'not in memory'})`, async () => {
    juliet = await openHall(stage, { membersonly: '1', persistentroom: '1' });
    await adminSet(
      juliet,
      "<item affiliation='member' jid='romeo@b.example' nick='Romeo'/>",
      "<item affiliation='member' jid='romeo@b.example.org'/>",
      "<item affiliation='outcast' jid='tybalt@b.example'/>",
      "<item affiliation='admin' jid='nurse@b.example'/>",
    );
    if (!isLoaded) await stage.restartRooms();
    await forget('romeo@b.example', 'tybalt@b.example');
    assert.match(await listOf('member'), /^(?!.*romeo@b\.example').*romeo@b\.example\.org'/);
    assert.ok(!(await listOf('outcast')).includes('tybalt'));
    assert.match(await listOf('admin'), /nurse@b\.example'/);
    const other = await stage.join('paris@b.example/x');
    await adminSet(juliet, "<item affiliation='member' jid='paris@b.example'/>");
    other.take();
    await other.enter('Romeo');
    assert.match(other.heard().join(), /presence Romeo member/, 'the nick is free');
  });
}

test('§9.4: who is inside goes with 321, and a domain goes with all of its people', async () => {
  juliet = await openHall(stage, { membersonly: '1' });
  await adminSet(
    juliet,
    "<item affiliation='member' jid='romeo@b.example'/>",
    "<item affiliation='member' jid='paris@b.example'/>",
    "<item affiliation='member' jid='nurse@a.example'/>",
  );
  const [romeo, nurse] = [await stage.join('romeo@b.example/x'), await stage.join('nurse@a.example/x')];
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  juliet.take();
  await forget('b.example', 'conference.b.example');
  assert.deepEqual(
    juliet.heard().filter((line) => line.includes('Romeo')),
    ['presence unavailable Romeo none/none 321'],
  );
  assert.match(await listOf('member'), /^(?!.*b\.example).*nurse@a\.example/);
  await romeo.enter('Romeo');
  assert.match(romeo.heard().at(-1)!, /registration-required/);
});

test('a role that was to last ends, and nothing happens to a room that knows nobody of them', async () => {
  juliet = await openHall(stage, { moderatedroom: '1', persistentroom: '1' });
  const romeo = await stage.join('romeo@b.example/x');
  await romeo.enter('Romeo');
  await adminSet(juliet, "<item nick='Romeo' role='participant'/>");
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
  await forget('mercutio@b.example');
  await romeo.enter('Romeo');
  assert.match(romeo.heard().join('\n'), /presence Romeo none\/participant/);
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
  await forget('romeo@b.example');
  romeo.take();
  await romeo.enter('Romeo');
  assert.match(romeo.heard().join('\n'), /presence Romeo none\/visitor/);
});

test('a room that nobody may enter any more ends', async () => {
  juliet = await openHall(stage, { membersonly: '1', persistentroom: '1' });
  await juliet.say('private');
  await juliet.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  await forget('juliet@a.example');
  const romeo = await stage.join('romeo@a.example/x');
  await romeo.enter('Romeo');
  assert.match(romeo.heard().join('\n'), /owner\/moderator .*201/);
});
