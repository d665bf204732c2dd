/**
 * What a publication has to tell is a row before it is answered, and whoever dies, another router goes on where the row says: 10,000 subscribers
 * are told once. Routers are deployments of the same store here, one of which dies at some call of it.
 *
 * Hostile: a subscriber at a server that is not there, one whose account is gone, one who has blocked the service, and one that refuses
 * for somebody else.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { Deliverer } from '../../lib/runtime/deliverer.ts';
import { directoryOf } from '../../lib/runtime/directory.ts';
import { Outbox, type OutboxRow } from '../../lib/runtime/outbox.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import type { Dependencies } from '../../services/router/core/dependencies.ts';
import { Turn } from '../../services/router/core/turn.ts';
import { pubsubLimits } from '../../services/router/pep/limits.ts';
import { findNode } from '../../services/router/pep/nodes.ts';
import { ServiceNode } from '../../services/router/pep/service-node.ts';
import { addSubscriber, subscribersOf } from '../../services/router/pep/subscriptions.ts';
import { FanOuts, fanOutsOf } from '../../services/router/pubsub/fan-outs.ts';
import { destinationsOf } from '../../services/router/routing/destinations.ts';
import { routing } from '../../services/router/routing/route.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { config } from './pep-requests.ts';
import { affiliate, create, entry, publish, subscribe } from './pubsub-ground.ts';

const bounds = pubsubLimits as { fanOutLeaseMs: number; fanOutOverdueMs: number; pageSubscribersMax: number };
const { fanOutLeaseMs, fanOutOverdueMs, pageSubscribersMax } = bounds;

/** So many subscribers are told together, and others go on so soon. */
function set(t: { after(run: () => void): void }, changed: Partial<typeof bounds>): void {
  Object.assign(bounds, changed);
  t.after(() => void Object.assign(bounds, { fanOutLeaseMs, fanOutOverdueMs, pageSubscribersMax }));
}

/** A deployment that talks to other servers. What leaves is in the outbox: nobody owns the pairs. */
function federated(dependencies: EmbeddedDependencies): EmbeddedDependencies {
  const outbox = new Outbox({
    ...dependencies,
    bus: { ...dependencies.bus, request: async () => Promise.reject(new Unavailable('nobody')) },
  });
  return { ...dependencies, outbox, isFederated: true, route: routing(destinationsOf({ isFederated: true })) };
}

async function open(t: { after(run: () => Promise<void>): void }): Promise<{ stage: RouterStage; juliet: BatchActor }> {
  const stage = await openRouter({ wrap: federated });
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  await juliet.send(create('news', config({ send_last_published_item: 'never' })));
  juliet.take();
  return { stage, juliet };
}

async function nodeOf({ dependencies }: RouterStage): Promise<ServiceNode> {
  const tenant = (await dependencies.tenants.find('a.example'))!;
  return new ServiceNode(new Turn(dependencies), tenant, 'news');
}

/** Subscribers at ten other servers. */
async function subscribeMany(stage: RouterStage, count: number): Promise<readonly string[]> {
  const holder = await nodeOf(stage);
  const node = (await findNode(holder, 'news'))!;
  const jids = Array.from({ length: count }, (_, index) => `reader${index}@s${index % 10}.elsewhere`);
  for (const jid of jids) await addSubscriber(holder, node, { jid: Jid.parse(jid), subid: 's', isForeign: true });
  return jids;
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 20) {
    assert.ok(waited < 30_000, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** To whom something leaves, and how often: what is in all rows of the outbox. */
async function departing({ store }: RouterStage, text: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let shard = 0; shard < 64; shard++) {
    const { partition } = Rows.ofOutbox(store, 'a.example', shard);
    for (let after: string | undefined; ; ) {
      const rows = await store.query({ table: 'live', partition, prefix: 'out/', after, limit: 100, consistent: true });
      for (const { value } of rows) {
        for (const { xml, tos = [] } of (JSON.parse(value) as OutboxRow).items)
          if (xml.includes(text)) for (const to of tos) found.set(to, (found.get(to) ?? 0) + 1);
      }
      if (rows.length < 100) break;
      after = rows.at(-1)!.sort;
    }
  }
  return found;
}

/** Another router: what it knows, it has read. @param calls after so many calls of the store it is dead */
function router({ dependencies }: RouterStage, calls = Number.POSITIVE_INFINITY): Dependencies {
  let left = calls;
  const store = new Proxy(dependencies.store, {
    get(target, name) {
      const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
      if (typeof method !== 'function') return method;
      return (...values: unknown[]) => (left-- > 0 ? method.apply(target, values) : new Promise(() => {}));
    },
  }) as Store;
  return { ...dependencies, store, deliverer: new Deliverer(dependencies.bus), underWay: undefined };
}

test('10,000 subscribers at ten other servers are told once, in pages', async (t) => {
  const { stage, juliet } = await open(t);
  const jids = await subscribeMany(stage, 10_000);
  assert.equal((await subscribersOf(await nodeOf(stage), (await findNode(await nodeOf(stage), 'news'))!)).length, 10_000);
  await juliet.send(publish('news', 'one', entry('Hark')));
  assert.match(await juliet.next(), /type='result'/);
  await until(async () => (await departing(stage, 'Hark')).size === jids.length, 'all are told');
  await stage.settle();
  const told = await departing(stage, 'Hark');
  assert.deepEqual([...told.keys()].sort(), [...jids].sort());
  assert.deepEqual([...new Set(told.values())], [1]);
});

test('whichever call of the store a router dies at, another one goes on, and everybody is told once', async (t) => {
  set(t, { pageSubscribersMax: 7, fanOutLeaseMs: 40, fanOutOverdueMs: 50 });
  const { stage, juliet } = await open(t);
  const jids = await subscribeMany(stage, 40);
  const tenant = (await stage.tenants.find('a.example'))!;
  const { start } = FanOuts.prototype;
  let deaths = 0;
  for (let calls = 0; ; calls++) {
    const text = `Hark${calls}.`;
    FanOuts.prototype.start = () => {}; // the router that has answered does nothing more
    await juliet.send(publish('news', `i${calls}`, entry(text)));
    assert.match(juliet.take().join(), /type='result'/);
    FanOuts.prototype.start = start;
    const dying = router(stage, calls);
    fanOutsOf(dying).start(tenant, 'news');
    await stage.settle();
    const isDone = (await departing(stage, text)).size === jids.length && deaths > 0 && calls > 60;
    if (!isDone) deaths++;
    const heir = router(stage);
    await until(async () => {
      await fanOutsOf(heir).sweep((lists) => lists);
      return (await departing(stage, text)).size === jids.length;
    }, `told after ${calls} calls`);
    await stage.settle();
    assert.deepEqual([...new Set((await departing(stage, text)).values())], [1], `once, after ${calls} calls`);
    if (isDone) break;
    assert.ok(calls < 400, 'a fan-out ends');
  }
  assert.ok(deaths > 20, `${deaths}`);
});

test('what one session publishes arrives in its order, and each once, while others publish', async (t) => {
  set(t, { pageSubscribersMax: 2 });
  const { stage, juliet } = await open(t);
  const readers = [];
  for (const name of ['anna', 'bert', 'carl', 'dora', 'ernst']) {
    const reader = await stage.appear(`${name}@${readers.length % 2 === 0 ? 'a' : 'b'}.example/pc`);
    await reader.send(subscribe('news', `${reader.jid.bare}`));
    readers.push(reader);
  }
  const other = await stage.appear('nurse@a.example/hall');
  await juliet.send(affiliate('news', ['nurse@a.example', 'publisher']));
  stage.clear();
  for (let number = 0; number < 10; number++) {
    await Promise.all([
      juliet.send(publish('news', `j${number}`, entry('j'))),
      other.send(publish('news', `n${number}`, entry('n'))),
    ]);
  }
  for (const reader of readers) {
    await reader.gets(20);
    const ids = reader.take().map((xml) => /<item id='([^']+)'/.exec(xml)![1]!);
    for (const who of ['j', 'n']) {
      const own = ids.filter((id) => id.startsWith(who));
      assert.deepEqual(
        own,
        Array.from({ length: 10 }, (_, number) => `${who}${number}`),
        `${reader.jid}`,
      );
    }
  }
});

test('a request that comes again is answered again, and tells nobody anew', async (t) => {
  const { stage, juliet } = await open(t);
  const romeo = await stage.appear('romeo@b.example/orchard');
  await romeo.send(subscribe('news', 'romeo@b.example'));
  stage.clear();
  const id = stage.mint();
  const asked = publish('news', undefined, entry('Hark'));
  for (let tries = 0; tries < 3; tries++) {
    await juliet.send(asked, id);
    await stage.settle();
  }
  const answers = juliet.take().map((xml) => /<item id='([^']+)'/.exec(xml)?.[1]);
  assert.equal(answers.length, 3);
  assert.equal(new Set(answers).size, 1, 'the item has one id');
  assert.equal(romeo.take().length, 1);
});

test('XEP-0060 §12.4: who is not there any more, or does not want to be told, is subscribed no more; others are told', async (t) => {
  const { stage, juliet } = await open(t);
  const holder = await nodeOf(stage);
  const node = (await findNode(holder, 'news'))!;
  const romeo = await stage.appear('romeo@b.example/orchard');
  const nurse = await stage.appear('nurse@a.example/hall');
  for (const reader of [romeo, nurse]) await reader.send(subscribe('news', `${reader.jid.bare}`));
  await nurse.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='pubsub.a.example'/></block></iq>`);
  for (const jid of ['gone@a.example', 'gone@b.example', 'gone@c.example'])
    await addSubscriber(holder, node, { jid: Jid.parse(jid), subid: 's', isForeign: false });
  for (const jid of ['gone@a.example', 'gone@b.example', 'gone@c.example'])
    await directoryOf(stage.store, 'a.example', jid).put(
      (await import('../../services/router/pubsub/known-nodes.ts')).knownRows,
      jid,
      { jid, nodes: ['news'], made: [] },
    );
  stage.clear();
  await juliet.send(publish('news', 'one', entry('Hark')));
  await romeo.gets(1);
  await stage.settle();
  const left = async () => (await subscribersOf(holder, node)).map(({ jid }) => jid).sort();
  assert.deepEqual(await left(), ['gone@c.example', 'romeo@b.example'], 'the other server has not said anything yet');
  const [, message] = /<message [^>]*id='([^']+)'/.exec(romeo.take()[0]!)!;
  const refuse = (from: string, condition: string) =>
    stage.arrive(
      'a.example',
      `<message type='error' id='${message}' from='${from}' to='pubsub.a.example'><error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
    );
  await refuse('other@c.example', 'gone');
  await refuse('c.example', 'gone');
  assert.deepEqual(await left(), ['gone@c.example', 'romeo@b.example'], 'nobody ends somebody else’s');
  for (let refusals = 0; refusals < pubsubLimits.refusalsMax; refusals++) await refuse('gone@c.example', 'remote-server-timeout');
  assert.deepEqual(await left(), ['gone@c.example', 'romeo@b.example'], 'a server may be away');
  await refuse('gone@c.example', 'remote-server-timeout');
  assert.deepEqual(await left(), ['romeo@b.example']);
});

test('a tenant whose policy does not let it talk with a server tells nobody there', async (t) => {
  const { stage, juliet } = await open(t);
  await subscribeMany(stage, 20);
  await stage.tenants.setPolicy('a.example', { block: ['s3.elsewhere'] });
  await juliet.send(publish('news', 'one', entry('Hark')));
  await until(async () => (await departing(stage, 'Hark')).size === 18, 'the others are told');
  await stage.settle();
  assert.ok([...(await departing(stage, 'Hark')).keys()].every((jid) => !jid.endsWith('@s3.elsewhere')));
});
