/**
 * XEP-0060: a request whose router dies in the midst, at any call of the store; others change the same rows meanwhile, and then the request comes again
 * with its ingress id. It is carried out in full, and what the others have done stays.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { pubsubLimits } from '../../services/router/pep/limits.ts';
import { fanOutsOf } from '../../services/router/pubsub/fan-outs.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { config } from './pep-requests.ts';
import { affiliate, create, entry, items, publish, request, subscribe } from './pubsub-ground.ts';

const bounds = pubsubLimits as { fanOutLeaseMs: number; fanOutOverdueMs: number; subscriberRows: number };
const { fanOutLeaseMs, fanOutOverdueMs, subscriberRows } = bounds;

before(() => Object.assign(bounds, { fanOutLeaseMs: 40, fanOutOverdueMs: 50, subscriberRows: 1 }));
after(() => Object.assign(bounds, { fanOutLeaseMs, fanOutOverdueMs, subscriberRows }));

interface Cut {
  readonly stage: RouterStage;
  /** @param calls of the store that succeed. @returns whether the router has lived */
  cut(actor: BatchActor, xml: string, id: string, calls: number): Promise<boolean>;
}

async function open(t: { after(run: () => Promise<void>): void }): Promise<Cut> {
  let left = Number.POSITIVE_INFINITY;
  const stage = await openRouter({
    wrap: (dependencies) => {
      const store = new Proxy(dependencies.store, {
        get(target, name) {
          const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
          if (typeof method !== 'function' || name === 'close') return method;
          return async (...values: unknown[]) => {
            left--;
            // The last call takes effect; whoever has made it does not hear of that.
            const outcome = left >= -1 ? await method.apply(target, values) : undefined;
            if (left < 0) throw new Unavailable('the router is dead');
            return outcome;
          };
        },
      }) as Store;
      return { ...dependencies, store };
    },
  });
  t.after(() => stage.close());
  return {
    stage,
    async cut(actor, xml, id, calls) {
      left = calls;
      const isDone = await actor.send(xml, id).then(
        () => true,
        () => false,
      );
      const isWhole = isDone && left >= 0;
      left = Number.POSITIVE_INFINITY;
      return isWhole;
    },
  };
}

const answered = (actor: BatchActor) => actor.take().filter((xml) => xml.startsWith('<iq'));

test('an item that is published at the service beside those of others is there, and its subscribers are told of it once', async (t) => {
  const { stage, cut } = await open(t);
  const juliet = await stage.appear('juliet@a.example/balcony');
  const nurse = await stage.appear('nurse@a.example/hall');
  const romeo = await stage.appear('romeo@b.example/orchard');
  await juliet.send(create('news', config({ send_last_published_item: 'never', max_items: '3' })));
  await juliet.send(affiliate('news', ['nurse@a.example', 'publisher']));
  await romeo.send(subscribe('news', 'romeo@b.example'));
  let deaths = 0;
  for (let calls = 0; ; calls++) {
    await stage.settle();
    stage.clear();
    const id = stage.mint();
    const asked = publish('news', `j${calls}`, entry('Hark'));
    const isWhole = await cut(juliet, asked, id, calls);
    if (!isWhole) deaths++;
    for (let others = 0; others <= calls % 4; others++) await nurse.send(publish('news', `n${calls}.${others}`, entry('Ay me')));
    juliet.take();
    await juliet.send(asked, id);
    assert.match(answered(juliet).join(), /^<iq [^>]*type='result'/, `${calls}`);
    const told = async () => {
      await fanOutsOf(stage.dependencies).sweep((lists) => lists);
      await stage.settle();
      return romeo.inbox.filter((xml) => xml.includes(`<item id='j${calls}'`));
    };
    for (let waited = 0; (await told()).length === 0; waited += 20) {
      assert.ok(waited < 10_000, `told after ${calls} calls`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal((await told()).length, 1, `after ${calls} calls`);
    await nurse.send(items('news'));
    const isThere = answered(nurse).join().includes(`<item id='j${calls}'`);
    assert.ok(isThere || calls % 4 > 1, `after ${calls} calls`); // three newer items may have pushed it out
    if (isWhole) break;
  }
  assert.ok(deaths > 5, `${deaths}`);
});

test('an item of an account that is published beside those of another session is there', async (t) => {
  const { stage, cut } = await open(t);
  const balcony = await stage.appear('juliet@a.example/balcony');
  const tower = await stage.appear('juliet@a.example/tower');
  const to = 'juliet@a.example';
  await balcony.send(create('news', config({ max_items: '100' }), to));
  for (let calls = 0; ; calls++) {
    const id = stage.mint();
    const asked = publish('news', `b${calls}`, entry('Hark'), '', to);
    const isWhole = await cut(balcony, asked, id, calls);
    await tower.send(publish('news', `t${calls}`, entry('Ay me'), '', to));
    await balcony.send(asked, id);
    stage.clear();
    await tower.send(request('get', `<items node='news'/>`, to));
    const listed = answered(tower).join();
    assert.ok(listed.includes(`<item id='b${calls}'`) && listed.includes(`<item id='t${calls}'`), `after ${calls} calls`);
    if (isWhole) break;
  }
});

test('a subscription beside those of others is there, and its subscriber gets it as the answer', async (t) => {
  const { stage, cut } = await open(t);
  const juliet = await stage.appear('juliet@a.example/balcony');
  await juliet.send(create('news', config({ send_last_published_item: 'never' })));
  for (let calls = 0; ; calls++) {
    const nurse = await stage.appear(`nurse${calls}@a.example/hall`);
    const romeo = await stage.appear(`romeo${calls}@b.example/orchard`);
    const paris = await stage.appear(`paris${calls}@a.example/hall`);
    await romeo.send(subscribe('news', `romeo${calls}@b.example`));
    const id = stage.mint();
    const asked = subscribe('news', `nurse${calls}@a.example`);
    const isWhole = await cut(nurse, asked, id, calls);
    await paris.send(subscribe('news', `paris${calls}@a.example`));
    nurse.take();
    await nurse.send(asked, id);
    assert.match(answered(nurse).join(), /subscription='subscribed'/, `after ${calls} calls`);
    await nurse.send(request('get', '<subscriptions/>'));
    assert.match(answered(nurse).join(), /<subscription node='news'/, `after ${calls} calls`);
    if (isWhole) break;
  }
});
