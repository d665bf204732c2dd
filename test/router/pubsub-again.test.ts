/**
 * Requests to a pubsub service that come again, because their answer was lost or a router died: what people of two tenants have asked for since
 * stays, and subscribers are told all of it, once.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { pubsubLimits } from '../../services/router/pep/limits.ts';
import { fanOutsOf } from '../../services/router/pubsub/fan-outs.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { config } from './pep-requests.ts';
import {
  affiliate,
  configure,
  create,
  disco,
  entry,
  items,
  own,
  publish,
  retract,
  subscribe,
  unsubscribe,
} from './pubsub-ground.ts';

interface People {
  readonly stage: RouterStage;
  /** She belongs to the tenant whose service it is. */
  readonly juliet: BatchActor;
  /** He belongs to the other one. */
  readonly romeo: BatchActor;
  readonly nurse: BatchActor;
}

type Test = { after(run: () => Promise<void>): void };

/** Juliet and Romeo are owners of a node. */
async function open(
  t: Test,
  fields: Record<string, string> = {},
  wrap: (store: Store) => Store = (store) => store,
): Promise<People> {
  const stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, store: wrap(dependencies.store) }) });
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@b.example/orchard');
  const nurse = await stage.appear('nurse@b.example/house');
  await ask(stage, juliet, create('n', config({ send_last_published_item: 'never', ...fields })));
  await ask(stage, juliet, affiliate('n', ['romeo@b.example', 'owner']));
  stage.clear();
  return { stage, juliet, romeo, nurse };
}

async function ask(stage: RouterStage, actor: BatchActor, xml: string, id = stage.mint()): Promise<string> {
  await actor.send(xml, id);
  await stage.settle();
  const answer = actor.take().findLast((one) => one.startsWith('<iq'));
  assert.match(answer ?? '', /type='result'/, xml);
  return answer!;
}

const shown = async ({ stage, nurse }: People) => ask(stage, nurse, items('n'));
const info = async ({ stage, nurse }: People) => ask(stage, nurse, disco('info', 'n'));

describe('what was asked for before does not undo what was asked for since, when it comes again', () => {
  for (const [what, before, since, holds] of [
    [
      'an item',
      publish('n', 'one', entry('before')),
      publish('n', 'one', entry('since')),
      async (people: People) => (await shown(people)).includes('since'),
    ],
    [
      'an item that is retracted',
      publish('n', 'one', entry('before')),
      retract('n', 'one'),
      async (people: People) => !(await shown(people)).includes('<item '),
    ],
    [
      'a configuration',
      configure('n', config({ title: 'before' })),
      configure('n', config({ title: 'since' })),
      async (people: People) => (await info(people)).includes(`name='since'`),
    ],
    [
      'an affiliation',
      affiliate('n', ['nurse@b.example', 'publisher']),
      affiliate('n', ['nurse@b.example', 'none']),
      async (people: People) => !(await info(people)).includes('<value>nurse@b.example</value>'),
    ],
    [
      'a purge',
      own('set', `<purge node='n'/>`),
      publish('n', 'two', entry('since')),
      async (people: People) => (await shown(people)).includes('since'),
    ],
    [
      'a subscription',
      (jid: string) => subscribe('n', jid),
      (jid: string) => unsubscribe('n', jid),
      async (people: People) => (await info(people)).includes(`<value>0</value>`),
    ],
  ] as const) {
    for (const who of ['juliet', 'romeo'] as const)
      test(`${what}, of somebody of ${who === 'juliet' ? 'the tenant' : 'the other tenant'}`, async (t) => {
        const people = await open(t);
        const { stage, [who]: actor } = people;
        const [first, second] = [before, since].map((xml) => (typeof xml === 'string' ? xml : xml(`${actor.jid.bare}`)));
        const id = stage.mint();
        await ask(stage, actor, first!, id);
        await ask(stage, actor, second!);
        assert.equal(await holds(people), true, 'it has happened');
        await ask(stage, actor, first!, id);
        assert.equal(await holds(people), true, 'it stays');
      });
  }
});

const bounds = pubsubLimits as { fanOutLeaseMs: number; fanOutOverdueMs: number };
const { fanOutLeaseMs, fanOutOverdueMs } = bounds;

/** Others go on so soon. */
function set(t: { after(run: () => void): void }, changed: typeof bounds): void {
  Object.assign(bounds, changed);
  t.after(() => void Object.assign(bounds, { fanOutLeaseMs, fanOutOverdueMs }));
}

/** A store that is away behind so many calls. */
class Failing {
  left = Number.POSITIVE_INFINITY;
  wrap = (store: Store): Store =>
    new Proxy(store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
        if (typeof method !== 'function') return method;
        return async (...values: unknown[]) => {
          if (this.left-- <= 0) throw new Unavailable(`${String(name)} fails`);
          return method.apply(target, values);
        };
      },
    });
}

for (const who of ['juliet', 'romeo'] as const)
  test(`XEP-0060 §7.1.2.5: whichever call of the store fails, subscribers hear what an item of ${who} has pushed out`, async (t) => {
    set(t, { fanOutLeaseMs: 40, fanOutOverdueMs: 50 });
    const failing = new Failing();
    const people = await open(t, { max_items: '1' }, failing.wrap);
    const { stage, nurse, [who]: actor } = people;
    await ask(stage, nurse, subscribe('n', 'nurse@b.example'));
    await ask(stage, actor, publish('n', 'i-1', entry('first')));
    await stage.settle();
    nurse.take();
    let failures = 0;
    for (let calls = 0; ; calls++) {
      const asked = publish('n', `i${calls}`, entry('more'));
      const id = stage.mint();
      failing.left = calls;
      const isTaken = await actor.send(asked, id).then(
        () => true,
        () => false,
      );
      await stage.settle();
      const hasFailed = failing.left < 0;
      failing.left = Number.POSITIVE_INFINITY;
      if (!hasFailed) break;
      failures++;
      actor.take();
      if (!isTaken || who === 'romeo') await actor.send(asked, id);
      await stage.settle();
      await until(stage, () => told(nurse).length >= 2, `told after ${calls} calls: ${told(nurse).join()}`);
      assert.deepEqual(told(nurse), [`item i${calls}`, `retract i${calls - 1}`], `after ${calls} calls`);
      nurse.take();
    }
    assert.ok(failures > 8, `${failures}`);
  });

const told = ({ inbox }: BatchActor): string[] =>
  inbox.flatMap((xml) => [...xml.matchAll(/<(item|retract) id='([^']+)'/g)].map(([, kind, id]) => `${kind} ${id}`));

async function until(stage: RouterStage, holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 200, what);
    await fanOutsOf(stage.dependencies).sweep((lists) => lists);
    await stage.settle();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
