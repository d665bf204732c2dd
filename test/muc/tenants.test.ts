/** Rooms and their tenants: they never meet, come back, and go (XEP-0045 §11.2). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import type { MucWorker } from '../../services/muc/worker.ts';
import { hastyClock } from '../support/stage/clocks.ts';
import { hall, openHall } from '../support/stage/rooms.ts';
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

test('two tenants with a room of the same name never meet', async () => {
  const twin = 'hall@conference.b.example';
  await nurse.enter('Nurse', twin);
  assert.deepEqual(nurse.heard(), ['presence Nurse owner/moderator 110 170 201', 'message room subject=']);
  await juliet.say('in a');
  await nurse.say('in b', twin);
  assert.deepEqual(juliet.heard(), ['message Juliet in a']);
  assert.deepEqual(nurse.heard(), ['message Juliet in a', 'message Nurse in b']);
  await nurse.send(
    `<iq to='${twin}' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`,
  );
  await juliet.say('still here');
  assert.deepEqual(juliet.heard(), ['message Juliet still here']);
});

test('an occupant of a domain that seemed to be gone stays when it has entered again meanwhile', async () => {
  await worker.stop();
  let laterMs = 0;
  let isGone = false;
  const again: Promise<void>[] = [];
  const store: Store = new Proxy(stage.store, {
    get(target, name: keyof Store) {
      const method = target[name] as (...parameters: unknown[]) => unknown;
      return async (...parameters: unknown[]) => {
        if (name === 'put') laterMs += 1_500; // what is known of tenants is read again with each batch
        if (name === 'get' && JSON.stringify(parameters).includes('tenant-changes/')) return { value: `${laterMs}` };
        if (name !== 'get' || !isGone || !JSON.stringify(parameters).includes('tenant/b.example')) {
          return method.apply(target, parameters);
        }
        isGone = false;
        again.push(nurse.send(`<presence to='${hall}/Nurse' type='unavailable'/>`), nurse.enter('Nurse'));
        await pause(50); // they wait behind the batch that does not reach her
        return undefined;
      };
    },
  });
  await stage.startRooms({ store, clock: { ...systemClock, monotonic: () => systemClock.monotonic() + laterMs } });
  await juliet.say('zero');
  for (const person of [juliet, romeo, nurse]) person.take();
  isGone = true;
  await juliet.say('one');
  assert.equal(again.length, 2);
  await Promise.all(again);
  await juliet.say('two');
  assert.deepEqual(juliet.heard(), [
    'message Juliet one',
    'presence unavailable Nurse none/none',
    'presence Nurse none/participant',
    'message Juliet two',
  ]);
  assert.equal(nurse.heard().at(-1), 'message Juliet two');
});

test('§11.2: when their tenant is removed, the occupants of its rooms are told with 332; not when a worker stops', async () => {
  await worker.stop();
  let laterMs = 0;
  const clock = {
    ...hastyClock(100),
    monotonic: () => systemClock.monotonic() + laterMs,
  };
  worker = await stage.startRooms({ clock });
  await juliet.say('one');
  assert.deepEqual(nurse.heard(), ['message Juliet one']);
  await stage.tenants.remove((await stage.tenants.find('a.example'))!);
  laterMs = runtimeLimits.tenantCacheMs;
  await nurse.gets(1);
  nurse.receives(
    `<presence from='${hall}/Nurse' to='nurse@b.example/street' type='unavailable'><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>
      <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none' jid='nurse@b.example/street'/>
      <status code='110'/><status code='332'/></x></presence>`,
  );
  assert.equal(juliet.heard().at(-1), 'presence unavailable Juliet none/none 110 332');
  await pause(400);
  assert.deepEqual(nurse.heard(), [], 'once');
});
