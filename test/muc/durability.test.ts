/** Rooms without a home (FEATURES C6): workers come and go, sessions move and vanish, requests are repeated. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Conflict, type Store, Unavailable } from '../../lib/ports/store.ts';
import { updateSessions } from '../../lib/runtime/sessions.ts';
import { allShards, type ShardOwner, sharedShards } from '../../lib/runtime/shard-owner.ts';
import { shardOf } from '../../lib/runtime/shards.ts';
import { shardCount } from '../../lib/runtime/wire.ts';
import { roomLimits } from '../../services/muc/limits.ts';
import type { MucWorker } from '../../services/muc/worker.ts';
import { adminSet, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

let stage: RoomsStage;
let worker: MucWorker;
let juliet: RequestActor;
let romeo: RequestActor;
let nurse: RequestActor;

beforeEach(async () => {
  stage = await openRooms({ hasWorker: false });
  worker = await stage.startRooms();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/orchard');
  nurse = await stage.join('nurse@b.example/street');
  await romeo.enter('Romeo');
  await nurse.enter('Nurse');
  for (const person of [juliet, romeo, nurse]) person.take();
});
afterEach(() => stage.close());

test('a new worker goes on where the old one stopped: nobody enters again, and order is kept', async () => {
  await juliet.say('one');
  await juliet.send(`<message to='${hall}' type='groupchat'><subject>Moons</subject></message>`);
  await worker.stop();
  // Its clock is a day behind: ids must go up all the same.
  const late = await stage.startRooms({ clock: { ...systemClock, now: () => systemClock.now() - 86_400_000 } });
  await romeo.say('two');
  for (const person of [juliet, romeo, nurse]) {
    assert.deepEqual(person.heard(), ['message Juliet one', 'message Juliet subject=Moons', 'message Romeo two']);
  }
  await late.stop();
  await stage.startRooms();
  const paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris');
  assert.deepEqual(paris.heard(), [
    'presence Juliet owner/moderator',
    'presence Romeo none/participant',
    'presence Nurse none/participant',
    'presence Paris none/participant 110 170',
    'message Juliet earlier: one',
    'message Romeo earlier: two',
    'message Juliet earlier: subject=Moons',
  ]);
});

test('a request that is repeated is answered and not done twice, by this worker or the next', async () => {
  const message = `<message to='${hall}' type='groupchat' id='m'><body>once</body></message>`;
  await juliet.send(message, stage.ids.mint());
  romeo.take();
  const id = stage.ids.mint();
  await juliet.send(message, id);
  await juliet.send(message, id);
  await juliet.say('between');
  assert.deepEqual(romeo.heard(), ['message Juliet once', 'message Juliet between']);
  await worker.stop();
  await stage.startRooms();
  await juliet.send(message, id);
  assert.deepEqual(romeo.heard(), []);
});

/** A store that fails in one place, once. */
function failing(store: Store, fails: (method: 'put' | 'batchPut') => boolean): Store {
  return new Proxy(store, {
    get(target, name: keyof Store) {
      const method = target[name] as (...parameters: unknown[]) => unknown;
      return (...parameters: unknown[]) => {
        if ((name === 'put' || name === 'batchPut') && fails(name)) return Promise.reject(new Unavailable('it is away'));
        return method.apply(target, parameters);
      };
    },
  });
}

for (const method of ['put', 'batchPut'] as const) {
  test(`a worker that dies in ${method} leaves nothing half done: the retry brings the message to all, once`, async () => {
    await worker.stop();
    let isAway = false;
    const dying = await stage.startRooms({ store: failing(stage.store, (name) => isAway && name === method) });
    await juliet.say('before');
    for (const person of [juliet, romeo, nurse]) person.take();
    isAway = true;
    const id = stage.ids.mint();
    const message = `<message to='${hall}' type='groupchat' id='m'><body>kept</body></message>`;
    const reply = await stage.request(juliet, message, id);
    assert.equal(reply.ok, false);
    assert.deepEqual(romeo.heard(), [], 'what is not durable is not shown');
    isAway = false;
    await dying.stop();
    await stage.startRooms();
    await juliet.send(message, id);
    for (const person of [juliet, romeo, nurse]) assert.deepEqual(person.heard(), ['message Juliet kept']);
    await juliet.send(`<iq to='${hall}' type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
    await juliet.gets(3);
    const kept = juliet.take().filter((xml) => xml.includes('<body>kept</body>'));
    assert.equal(kept.length, 1, 'it stands in the archive once');
  });
}

test('two workers that both think a room is theirs: each message once, none lost, one order', async () => {
  const refused: string[] = [];
  const watched: Store = new Proxy(stage.store, {
    get(target, name: keyof Store) {
      const method = target[name] as (...parameters: unknown[]) => Promise<unknown>;
      return (...parameters: unknown[]) => {
        const result = method.apply(target, parameters);
        if (name === 'put') result.catch((error: unknown) => error instanceof Conflict && refused.push(String(parameters[0])));
        return result;
      };
    },
  });
  // Both serve the shard, so both get every request; the first one (worker) has the room in memory already.
  await stage.startRooms({ store: watched });
  for (let round = 0; round < 20; round++) await [juliet, romeo, nurse][round % 3]!.say(`m${round}`);
  assert.ok(refused.length > 0, 'the worker that was late found the fence');
  const expected = Array.from({ length: 20 }, (_, round) => `message ${['Juliet', 'Romeo', 'Nurse'][round % 3]} m${round}`);
  for (const person of [juliet, romeo, nurse]) assert.deepEqual(person.heard(), expected);
  const paris = await stage.join('paris@a.example/tomb');
  await paris.enter('Paris', hall, "<history maxstanzas='50'/>");
  assert.equal(paris.heard().filter((line) => line.includes('earlier:')).length, 20);
});

test('a request that nobody waits for any more, as a worker finds it that stood still, is let go', async () => {
  const late = `<message to='${hall}' type='groupchat' id='late'><body>late</body></message>`;
  const longAgo = systemClock.now() - roomLimits.lateMs - 1;
  await assert.rejects(stage.request(juliet, late, stage.ids.mint(), { deadline: longAgo, timeoutMs: 300 }), Unavailable);
  await stage.request(juliet, late.replaceAll('late', 'in time'), stage.ids.mint(), { deadline: systemClock.now() });
  assert.deepEqual(romeo.heard(), ['message Juliet in time']);
});

test('a stale worker is refused at its first write, reads the room again and does the request once', async () => {
  const first = shardOf('a.example', 'hall');
  const onOff = (isOn: boolean) => {
    let owned = isOn ? new Set([first]) : new Set<number>();
    const changes = new Set<() => void>();
    const owner: ShardOwner = {
      owned: () => owned,
      onChange: (changed) => {
        changes.add(changed);
        return () => changes.delete(changed);
      },
    };
    const set = async (now: boolean) => {
      owned = now ? new Set([first]) : new Set();
      for (const changed of changes) changed();
      await new Promise((resolve) => setTimeout(resolve, 50));
    };
    return { owner, set };
  };
  await worker.stop();
  const old = onOff(true);
  const next = onOff(false);
  await stage.startRooms({ shards: old.owner });
  await stage.startRooms({ shards: next.owner });
  await juliet.say('by the old one');
  await old.set(false);
  await next.set(true);
  await adminSet(juliet, "<item affiliation='outcast' jid='romeo@a.example'/>");
  await next.set(false);
  await old.set(true);
  for (const person of [juliet, romeo, nurse]) person.take();
  await romeo.say('am I still here?');
  assert.deepEqual(romeo.heard(), ['error not-acceptable modify']);
  await juliet.say('he is banished');
  assert.deepEqual(nurse.heard(), ['message Juliet he is banished']);
});

test('a session that was resumed elsewhere is followed', async () => {
  const { sid } = romeo;
  stage.node.missing.add(sid);
  stage.move(romeo, 'resumed');
  await updateSessions(stage.store, { domain: 'a.example', local: 'romeo' }, () => [
    { node: 'n.stage.1', sid: 'resumed', resource: 'orchard', boundAt: 1, available: true, priority: 0 },
  ]);
  await juliet.say('one');
  await juliet.say('two');
  assert.deepEqual(romeo.heard(), ['message Juliet one', 'message Juliet two']);
  assert.deepEqual(nurse.heard(), ['message Juliet one', 'message Juliet two']);
});

test('a session that is gone leaves, and others see it', async () => {
  stage.node.missing.add(romeo.sid);
  await juliet.say('one');
  await juliet.say('two');
  assert.deepEqual(nurse.heard(), ['message Juliet one', 'presence unavailable Romeo none/none 333', 'message Juliet two']);
});

test('a new session under the same resource is not taken for the one that was inside', async () => {
  stage.node.missing.add(romeo.sid);
  stage.move(romeo, 'another');
  await updateSessions(stage.store, { domain: 'a.example', local: 'romeo' }, () => [
    { node: 'n.stage.1', sid: 'another', resource: 'orchard', boundAt: 4_000_000_000_000, available: true, priority: 0 },
  ]);
  await juliet.say('one');
  await juliet.say('two');
  assert.deepEqual(romeo.heard(), []);
  assert.ok(nurse.heard().includes('presence unavailable Romeo none/none 333'));
});

test('a new session that enters under the address of the one before is followed when it moves', async () => {
  const { sid } = romeo;
  await worker.stop();
  const aMinuteOn = () => systemClock.now() + 60_000;
  worker = await stage.startRooms({ clock: { ...systemClock, now: aMinuteOn } });
  await romeo.enter('Romeo');
  for (const person of [juliet, romeo, nurse]) person.take();
  stage.node.missing.add(sid);
  stage.move(romeo, 'resumed');
  const boundAt = aMinuteOn() - 1_000;
  await updateSessions(stage.store, { domain: 'a.example', local: 'romeo' }, () => [
    { node: 'n.stage.1', sid: 'resumed', resource: 'orchard', boundAt, available: true, priority: 0 },
  ]);
  await juliet.say('one');
  await juliet.say('two');
  assert.deepEqual(romeo.heard(), ['message Juliet one', 'message Juliet two']);
  assert.deepEqual(nurse.heard(), ['message Juliet one', 'message Juliet two']);
});

test('live workers share all shards, and a change moves only those of who came or went', () => {
  const registry = (names: string[]) => ({
    live: () => names.map((name) => ({ name, incarnation: '1' })),
    onChange: () => () => {},
  });
  const owned = (worker: string, names: string[]) => [...sharedShards(worker, registry(names)).owned()];
  const three = ['w1', 'w2', 'w3'];
  const parts = three.map((name) => owned(name, three));
  assert.deepEqual(
    parts.flat().sort((a, b) => a - b),
    [...allShards().owned()],
  );
  assert.equal(parts.flat().length, shardCount);
  for (const part of parts) assert.ok(part.length > 5, `${part.length} of ${shardCount}`);
  const two = owned('w1', ['w1', 'w2']);
  for (const shard of parts[0]!) assert.ok(two.includes(shard), 'nobody loses a shard because another worker goes');
});

/** What somebody who enters sees, whatever happened before: every byte of it, with the affiliations. */
async function view(observer: RequestActor): Promise<string[]> {
  observer.take();
  await observer.enter('Observer', hall, "<history maxstanzas='50'/><mav xmlns='urn:xmpp:muc:affiliations:1'/>");
  return observer.take();
}

test('whatever is done to a room, a worker that reads it from its rows sees what the one before saw', async () => {
  const act = fc.record({
    who: fc.constantFrom('juliet', 'romeo', 'nurse'),
    what: fc.constantFrom(
      `<message to='${hall}' type='groupchat'><body>b</body></message>`,
      `<message to='${hall}' type='groupchat'><subject>s</subject></message>`,
      `<presence to='${hall}/One'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
      `<presence to='${hall}/Two'/>`,
      `<presence to='${hall}/Three'><show>away</show></presence>`,
      `<presence to='${hall}/One' type='unavailable'/>`,
      ...['Nurse', 'One', 'Two'].map((nick) => admin(`<item role='none' nick='${nick}'/>`)),
      ...['visitor', 'participant', 'moderator'].map((role) => admin(`<item role='${role}' nick='Two'/>`)),
      ...['none', 'member', 'admin', 'outcast'].map((one) => admin(`<item affiliation='${one}' jid='romeo@a.example'/>`)),
      admin("<item affiliation='owner' jid='nurse@b.example'/>"),
      owner('<destroy/>'),
      owner(
        `<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_whois'><value>anyone</value></field>
          <field var='muc#roomconfig_presencebroadcast'><value>moderator</value></field></x>`,
      ),
      hat('create', ''),
      hat('destroy', ''),
      hat('assign', 'romeo@a.example'),
      hat('unassign', 'romeo@a.example'),
      ...['QQ==', ''].map(
        (image) =>
          `<iq to='${hall}' type='set' id='v'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>${image}</BINVAL></PHOTO></vCard></iq>`,
      ),
      owner("<x xmlns='jabber:x:data' type='submit'/>"),
      owner("<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_moderatedroom'><value>1</value></field></x>"),
      ...['0', '1'].map((value) =>
        owner(
          `<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_membersonly'><value>${value}</value></field></x>`,
        ),
      ),
    ),
  });
  const observer = await stage.join('observer@a.example/x');
  const cast = { juliet, romeo, nurse };
  await adminSet(juliet, "<item affiliation='member' jid='observer@a.example'/>");
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 12 }), async (acts) => {
      // Some at once, so that they share a batch.
      for (let at = 0; at < acts.length; at += 4) {
        await Promise.all(acts.slice(at, at + 4).map(({ who, what }) => cast[who as keyof typeof cast].send(what)));
      }
      await view(observer);
      const before = await view(observer);
      await worker.stop();
      worker = await stage.startRooms();
      const after = await view(observer);
      assert.deepEqual(after.toSorted(), before.toSorted());
      assert.deepEqual(
        after.filter((xml) => xml.startsWith('<message')),
        before.filter((xml) => xml.startsWith('<message')),
      );
    }),
    { numRuns: 40 },
  );
});

function admin(item: string): string {
  return `<iq to='${hall}' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'>${item}</query></iq>`;
}

function hat(command: string, jid: string): string {
  const fields = { 'hats#uri': 'x:hat', 'hats#title': 'Hat', 'hats#jid': jid };
  const xml = Object.entries(fields).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  return `<iq to='${hall}' type='set' id='h'><command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:${command}'>
    <x xmlns='jabber:x:data' type='submit'>${xml.join('')}</x></command></iq>`;
}

function owner(inside: string): string {
  return `<iq to='${hall}' type='set' id='o'><query xmlns='http://jabber.org/protocol/muc#owner'>${inside}</query></iq>`;
}
