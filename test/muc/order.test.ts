/** What stands in a room's archive and what its occupants see is in one order, also when the store fails half-way. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
/** The next calls of this kind fail, so many of them; `after`: although they were carried out. */
let failures: { method: keyof Store; count: number; after: boolean };
/** Called when a call fails. */
let onFailure: () => void;
let clock: DeploymentClock;

beforeEach(async () => {
  stage = await openRooms({ hasWorker: false });
  failures = { method: 'put', count: 0, after: false };
  onFailure = () => {};
  clock = DeploymentClock.of(systemClock);
  await stage.startRooms({ store: failing(stage.store), clock });
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/orchard');
  await romeo.enter('Romeo');
  for (const person of [juliet, romeo]) person.take();
});
afterEach(() => stage.close());

function failing(store: Store): Store {
  return new Proxy(store, {
    get(target, name: keyof Store) {
      const method = target[name] as (...parameters: unknown[]) => Promise<unknown>;
      return async (...parameters: unknown[]) => {
        const isFailing = name === failures.method && failures.count > 0;
        if (!isFailing) return method.apply(target, parameters);
        failures.count--;
        if (failures.after) await method.apply(target, parameters);
        onFailure();
        throw new Unavailable('it is away');
      };
    },
  });
}

for (const method of ['put', 'batchPut'] as const) {
  for (const after of [false, true]) {
    test(`a message whose ${method} ${after ? 'loses its answer' : 'fails'} is not overtaken by the next`, async () => {
      failures = { method, count: 1, after };
      const one = juliet.say('one');
      const two = romeo.say('two');
      await Promise.all([one, two]);
      await romeo.say('three');
      const order = ['message Juliet one', 'message Romeo two', 'message Romeo three'];
      for (const person of [juliet, romeo]) assert.deepEqual(person.heard(), order);
      await juliet.send(`<iq to='${hall}' type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
      await juliet.gets(4);
      const bodies = juliet.take().flatMap((xml) => /<body>(.*)<\/body>/.exec(xml)?.[1] ?? []);
      assert.deepEqual(bodies, ['one', 'two', 'three'], 'the archive has the same order');
    });
  }
}

test('a message whose batches lose their answers again and again stands in the archive once', async () => {
  for (const count of [2, 3]) {
    failures = { method: 'put', count, after: true };
    await juliet.say(`one ${count}`);
    await romeo.say(`two ${count}`);
    const order = [`message Juliet one ${count}`, `message Romeo two ${count}`];
    for (const person of [juliet, romeo]) assert.deepEqual(person.heard(), order);
  }
  await juliet.send(`<iq to='${hall}' type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  await juliet.gets(5);
  const bodies = juliet.take().flatMap((xml) => /<body>(.*)<\/body>/.exec(xml)?.[1] ?? []);
  assert.deepEqual(bodies, ['one 2', 'two 2', 'one 3', 'two 3']);
});

test('a message that was written although all tries failed goes before the next one, and its retry does not repeat it', async () => {
  const id = stage.ids.mint();
  const message = `<message to='${hall}' type='groupchat' id='one'><body>one</body></message>`;
  failures = { method: 'put', count: 4, after: true };
  assert.equal((await stage.request(juliet, message, id)).ok, false);
  await romeo.say('two');
  await juliet.send(message, id);
  for (const person of [juliet, romeo]) assert.deepEqual(person.heard(), ['message Juliet one', 'message Romeo two']);
});

test('a message that was written when the time went forward is shown before the next one', async () => {
  const [id, deadline] = [stage.ids.mint(), systemClock.now() + 60_000];
  const message = `<message to='${hall}' type='groupchat' id='one'><body>one</body></message>`;
  failures = { method: 'put', count: 1, after: true };
  onFailure = () => clock.observe(clock.now() + 3_600_000);
  assert.ok((await stage.request(juliet, message, id, { deadline })).ok);
  await romeo.say('two');
  for (const person of [juliet, romeo]) assert.deepEqual(person.heard(), ['message Juliet one', 'message Romeo two']);
});
