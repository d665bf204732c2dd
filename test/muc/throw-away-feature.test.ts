/** A feature of rooms is one file: this one is added to the list, takes part everywhere, and is removed again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { roomShard } from '../../lib/runtime/shards.ts';
import type { RoomErasureRequest } from '../../lib/runtime/wire.ts';
import { newConfig } from '../../services/muc/core/config.ts';
import type { RoomFeature } from '../../services/muc/core/room-feature.ts';
import { RoomFeatureIndex } from '../../services/muc/core/room-feature-index.ts';
import { affiliationRows } from '../../services/muc/core/room-rows.ts';
import { affiliationPart, configPart } from '../../services/muc/core/row-part.ts';
import { features } from '../../services/muc/features/index.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms } from '../support/stage/rooms-stage.ts';
import { bellNs, throwAway } from './throw-away-feature.ts';

const all = [...features, throwAway];
const info = `<query xmlns='http://jabber.org/protocol/disco#info'/>`;
const form = `<query xmlns='http://jabber.org/protocol/muc#owner'/>`;
const ring = `<ring xmlns='${bellNs}'/>`;
const commands = `<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>`;
const muffle = `<command xmlns='http://jabber.org/protocol/commands' node='${bellNs}#muffle'/>`;
const rung = (count: number) => new RegExp(`<rung [^>]*all=["']${count}["']`);

async function open(roomFeatures: readonly RoomFeature[]) {
  const stage = await openRooms({ hasWorker: false });
  await stage.startRooms({ roomFeatures });
  const juliet = await openHall(stage);
  return { stage, juliet, romeo: await stage.join('romeo@b.example/orchard') };
}

test('it is announced, has a field in the form, and takes part in entering, presence, messages and requests', async (t) => {
  const { stage, juliet, romeo } = await open(all);
  t.after(() => stage.close());
  for (const address of [hall, 'conference.a.example']) {
    assert.match(await juliet.ask('get', info, address), new RegExp(`<feature var=["']${bellNs}["']`));
  }
  assert.match(await juliet.ask('get', info), /type=["']bell["'].*bell#rung/);
  assert.match(await juliet.ask('get', form), /muc#roomconfig_bell_curfew/);

  await juliet.say('hark');
  assert.match(juliet.take().at(-1)!, rung(0));
  await romeo.enter('Romeo');
  const entered = romeo.take();
  assert.match(entered[0]!, /^<message.*<rung/, 'a message before any presence');
  assert.match(entered[1]!, rung(1), 'in the presence of Juliet');
  const own = entered.findIndex((xml) => /code=["']110/.test(xml));
  assert.match(
    entered[own - 1]!,
    /^<presence [^>]*from=["']hall@conference\.a\.example["'][^>]*><rung/,
    'presence of the room before the own presence',
  );
  assert.match(entered[own]!, /<x [^>]*>(?:<mav [^>]*>)?<rung /, 'in the own presence');

  assert.match(await romeo.ask('get', ring), rung(1));
  assert.match(await romeo.ask('get', ring, `${hall}/Juliet`), rung(1));
  assert.match(await romeo.ask('get', ring, 'conference.a.example'), /<silence /);
  await juliet.send(`<iq type='get' id='to-romeo' to='${hall}/Romeo'>${ring}</iq>`);
  assert.match(romeo.take().join(), /<iq .*<ring /, 'a request to another nick is passed on');

  assert.match(await juliet.ask('get', commands), /#muffle/);
  assert.doesNotMatch(await romeo.ask('get', commands), /#muffle/);
  assert.match(await romeo.ask('set', muffle), /forbidden/);
  assert.match(await juliet.ask('set', muffle), /completed/);
  assert.match(await juliet.ask('get', ring), rung(0));
});

test('it refuses entries and messages, when its setting says so, and nothing of what it refuses counts', async (t) => {
  const { stage, juliet, romeo } = await open(all);
  t.after(() => stage.close());
  await configure(juliet, { bell_curfew: '1' });
  juliet.take();
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), ['error not-allowed cancel']);
  await juliet.say('hush');
  assert.deepEqual(juliet.heard(), ['error not-allowed cancel']);
  await configure(juliet, { bell_curfew: '0' });
  assert.match(await juliet.ask('get', ring), rung(0));
  await romeo.enter('Romeo');
  assert.match(romeo.take().join(), /110/);
});

test('it takes part in changes of affiliations, whether the person is inside or not', async (t) => {
  const { stage, juliet, romeo } = await open(all);
  t.after(() => stage.close());
  await romeo.enter('Romeo');
  juliet.take();
  await adminSet(juliet, `<item affiliation='member' jid='romeo@b.example'/>`);
  assert.match(juliet.take().join(), /<presence .*<tolled [^>]*for=["']romeo@b.example["']/);
  await adminSet(juliet, `<item affiliation='member' jid='nurse@b.example'/>`);
  assert.match(juliet.take().join(), /<message [^>]*><tolled [^>]*for=["']nurse@b.example["']/);
  const row = await Rows.ofRoom(stage.store, 'a.example', 'hall').get(affiliationRows, 'nurse@b.example');
  assert.equal((row!.value as { bellSince?: string }).bellSince, 'now');
});

test('its rows are read by the next worker, forgotten with an address, and deleted with the room', async (t) => {
  const { stage, juliet, romeo } = await open(all);
  t.after(() => stage.close());
  await romeo.enter('Romeo');
  await romeo.say('hark');
  await juliet.say('hark');
  await stage.restartRooms({ roomFeatures: all });
  assert.match(await juliet.ask('get', ring), rung(2));
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
  await stage.restartRooms({ roomFeatures: all });
  const request: RoomErasureRequest = { kind: 'forget', domain: 'a.example', room: 'hall', addresses: ['romeo@b.example'] };
  await stage.bus.request(roomShard('a.example', 'hall'), encodeFrame(request), { timeoutMs: 5_000 });
  assert.match(await juliet.ask('get', ring), rung(1));
  await juliet.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  await juliet.enter('Juliet');
  await configure(juliet, {});
  assert.match(await juliet.ask('get', ring), rung(0));
});

test('when it is removed nothing is left of it', async (t) => {
  const { stage, juliet, romeo } = await open(features);
  t.after(() => stage.close());
  for (const [child, address] of [
    [info, hall],
    [info, 'conference.a.example'],
    [form, hall],
    [commands, hall],
  ] as const) {
    assert.doesNotMatch(await juliet.ask('get', child, address), /bell/);
  }
  await romeo.enter('Romeo');
  await romeo.say('hark');
  assert.doesNotMatch([...romeo.take(), ...juliet.take()].join(), /bell/);
  assert.match(await juliet.ask('get', ring), /service-unavailable/);
  assert.match(await juliet.ask('get', ring, 'conference.a.example'), /service-unavailable/);
});

for (const left of features) {
  test(`rooms work without ${left.specs?.map(({ spec }) => spec).join(', ')}`, async (t) => {
    const { stage, juliet, romeo } = await open(features.filter((feature) => feature !== left));
    t.after(() => stage.close());
    await configure(juliet, { persistentroom: '1', moderatedroom: '1' });
    await romeo.enter('Romeo');
    await adminSet(juliet, `<item affiliation='admin' jid='romeo@b.example'/>`, `<item affiliation='member' jid='c@b.example'/>`);
    for (const one of [romeo, juliet]) one.take();
    await romeo.say('hark');
    await stage.restartRooms({ roomFeatures: features.filter((feature) => feature !== left) });
    await romeo.say('again');
    assert.deepEqual(juliet.heard(), ['message Romeo hark', 'message Romeo again']);
    const own = left.disco?.room?.(newConfig('2020-01-01T00:00:00Z', '', '')) ?? [];
    const told = await juliet.ask('get', info);
    assert.deepEqual(
      own.filter((name) => told.includes(`'${name}'`) || told.includes(`"${name}"`)),
      [],
    );
  });
}

test('two features cannot handle the same request, nor keep a part of a row under the same name', () => {
  assert.throws(() => new RoomFeatureIndex([...all, throwAway]), /two features of rooms handle/);
  for (const name of ['bellCurfew', 'name', 'isLocked']) assert.throws(() => configPart(name), /are called/);
  for (const name of ['bellSince', 'jid', 'affiliation']) assert.throws(() => affiliationPart(name), /are called/);
});
