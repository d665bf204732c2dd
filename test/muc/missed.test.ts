/** Occupants whose session is parked, on its way to another node, or with a node that says nothing, miss nothing that was said. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { type SessionEntry, updateSessions } from '../../lib/runtime/sessions.ts';
import { nowhere } from '../../lib/runtime/wire.ts';
import { occupantRows, states } from '../../services/muc/core/room-rows.ts';
import type { MucWorker } from '../../services/muc/worker.ts';
import { hastyClock } from '../support/stage/clocks.ts';
import { openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

/** Looks for sessions that are behind ten times sooner. */
const hasty = hastyClock(10);

let stage: RoomsStage;
let worker: MucWorker;
let juliet: RequestActor;
let romeo: RequestActor;

beforeEach(async () => {
  stage = await openRooms({ hasWorker: false });
  worker = await stage.startRooms({ clock: hasty });
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/orchard');
  await romeo.enter('Romeo');
  await place('n.stage.1', juliet.sid, juliet);
  for (const person of [juliet, romeo]) person.take();
});
afterEach(() => stage.close());

/** What the account's row says of where the session is. */
async function place(node: string, sid: string, { jid } = romeo): Promise<void> {
  const entry: SessionEntry = { node, sid, resource: jid.resource, boundAt: 1, available: true, priority: 0 };
  await updateSessions(stage.store, jid, () => [entry]);
}

/** Its node has it no more. */
async function park(): Promise<void> {
  stage.node.missing.add(romeo.sid);
  await place(nowhere, romeo.sid);
}

async function comeBack(): Promise<void> {
  stage.move(romeo, 'resumed');
  await place('n.stage.1', 'resumed');
}

test('what was said while a session was parked comes when it is back, in order, once, with its time', async () => {
  await park();
  await juliet.say('one');
  await juliet.say('two');
  await comeBack();
  await romeo.gets(2);
  await juliet.say('three');
  assert.deepEqual(romeo.heard(), ['message Juliet earlier: one', 'message Juliet earlier: two', 'message Juliet three']);
  assert.deepEqual(juliet.heard(), ['message Juliet one', 'message Juliet two', 'message Juliet three']);
});

test('a session between two nodes, that its row still places at the first, gets it as well', async () => {
  stage.node.missing.add(romeo.sid);
  await place('n.stage.1', romeo.sid);
  await juliet.say('one');
  await comeBack();
  await romeo.gets(1);
  assert.deepEqual(romeo.heard(), ['message Juliet earlier: one']);
});

test('the next worker knows who is behind', async () => {
  await park();
  await juliet.say('one');
  await worker.stop();
  await stage.startRooms();
  await juliet.say('two');
  await comeBack();
  await romeo.gets(2);
  assert.deepEqual(romeo.heard(), ['message Juliet earlier: one', 'message Juliet earlier: two']);
});

test('a worker knows the same from rows that one before the names `pendingWrites` and `missedFrom` has written', async () => {
  await park();
  await juliet.say('one');
  await juliet.say('two');
  await worker.stop();
  const rows = Rows.ofRoom(stage.store, 'a.example', 'hall');
  const state = (await rows.get(states))!;
  const { pendingWrites, ...rest } = state.value;
  const [row] = (await rows.list(occupantRows, { limit: 10 })).filter(({ value }) => value.missedFrom !== undefined);
  const { missedFrom, ...occupant } = row!.value;
  // The last batch of the worker has the note, too.
  const puts = pendingWrites.puts.filter(({ sort }) => !sort.startsWith('occupant/'));
  await stage.store.put(rows.row(states as Collection<unknown>, '', { ...rest, redo: { ...pendingWrites, puts } }));
  await stage.store.put(rows.row(occupantRows, row!.key, { ...occupant, behind: missedFrom! }));
  await stage.startRooms();
  await juliet.say('three');
  await comeBack();
  await romeo.gets(3);
  assert.deepEqual(
    romeo.heard(),
    ['one', 'two', 'three'].map((body) => `message Juliet earlier: ${body}`),
  );
});

test('more than a page is sent page by page, in order', async () => {
  await park();
  const bodies = Array.from({ length: 230 }, (_, number) => `m${number}`);
  for (const body of bodies)
    await stage.request(
      juliet,
      `<message to='hall@conference.a.example' type='groupchat' id='${body}'><body>${body}</body></message>`,
      stage.ids.mint(),
    );
  const said = juliet.take().filter((xml) => xml.includes("type='groupchat'")).length;
  await comeBack();
  await romeo.gets(said);
  const heard = romeo.heard();
  assert.deepEqual(
    heard,
    bodies.slice(0, heard.length).map((body) => `message Juliet earlier: ${body}`),
  );
  assert.ok(said > 100, `only ${said} were taken`);
});

test('a session that is over leaves, although nobody speaks', async () => {
  await park();
  await juliet.say('one');
  await updateSessions(stage.store, { domain: 'a.example', local: 'romeo' }, () => []);
  juliet.take();
  await juliet.gets(1);
  assert.deepEqual(juliet.heard(), ['presence unavailable Romeo none/none 333']);
});

test('a moderation that stands in the archive does not reach a session that is behind before its turn, nor twice', async () => {
  await worker.stop();
  worker = await stage.startRooms(); // looks slowly
  await juliet.say('one');
  const [, id] = /<stanza-id [^>]*id='([^']+)'/.exec(romeo.take().at(-1)!)!;
  stage.node.missing.add(romeo.sid);
  await place('n.stage.1', romeo.sid);
  await juliet.say('two');
  stage.node.missing.delete(romeo.sid);
  const retract = `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`;
  await juliet.send(`<iq to='hall@conference.a.example' type='set' id='m'>${retract}</iq>`);
  await romeo.gets(2);
  await juliet.say('three');
  const got = romeo.take();
  assert.deepEqual(
    got.map((xml) => /<retract |two|three/.exec(xml)?.[0]),
    ['two', '<retract ', 'three'],
  );
});
