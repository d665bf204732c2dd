/** XEP-0283: Juliet has moved to another account. The server of her contact Romeo looks whether the old one says so. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import { allOfOutbox, Outbox } from '../../lib/runtime/outbox.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { rosterItems } from '../../services/router/roster/roster.ts';
import { destinationsOf } from '../../services/router/routing/destinations.ts';
import { routing } from '../../services/router/routing/route.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml, isSameXml } from '../support/stage/xml-equality.ts';

const NS = 'urn:xmpp:moved:1';
const pubsub = 'http://jabber.org/protocol/pubsub';
let stage: WholeStage;
let romeo: StreamActor;
/** The old account. */
let juliet: StreamActor;
/** The new one. */
let capulet: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  romeo = await stage.appear('romeo@a.example/orchard');
});
afterEach(() => stage.close());

async function move(old: string, next: string): Promise<void> {
  juliet = await stage.appear(`${old}/balcony`);
  capulet = await stage.appear(`${next}/x`);
  await stage.befriend(romeo, juliet);
  await romeo.send(
    `<iq type='set' id='n'><query xmlns='jabber:iq:roster'><item jid='${old}' name='Juliet'><group>Verona</group></item></query></iq>`,
  );
  await roster(romeo);
  stage.clear();
}

async function state(of: string, options = ''): Promise<void> {
  await juliet.send(
    `<iq type='set' id='s'><pubsub xmlns='${pubsub}'><publish node='${NS}'><item id='current'>
    <moved xmlns='${NS}'><new-jid>${of}</new-jid></moved></item></publish>${options}</pubsub></iq>`,
  );
  assert.match((await juliet.takeWithAnswer()).join(), /<iq [^>]*type='result'/);
  stage.clear();
}

const request = (old: string) =>
  `<presence type='subscribe' to='romeo@a.example' id='sub1'><moved xmlns='${NS}'><old-jid>${old}</old-jid></moved></presence>`;

/** Address, subscription and what else a client sees, in short. */
async function roster(actor: StreamActor): Promise<Record<string, string>> {
  actor.take();
  await actor.send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`);
  const xml = actor.take().join();
  const items = [...xml.matchAll(/<item ([^>]*?)(?:\/>|>(.*?)<\/item>)/g)].map(([, attributes = '', inside = '']) => {
    const read = (name: string) => new RegExp(`\\b${name}='([^']*)'`).exec(attributes)?.[1];
    const words = [
      read('subscription'),
      read('ask'),
      read('name'),
      ...[...inside.matchAll(/<group>([^<]*)/g)].map(([, group]) => group),
    ];
    return [read('jid')!, words.filter((word) => word !== undefined).join(' ')];
  });
  return Object.fromEntries(items);
}

const isAsked = (actor: StreamActor) => actor.take().some((xml) => /^<presence [^>]*type='subscribe'/.test(xml));

for (const [old, next] of [
  ['juliet@a.example', 'capulet@a.example'],
  ['juliet@b.example', 'capulet@a.example'],
  ['juliet@a.example', 'capulet@b.example'],
  ['juliet@b.example', 'capulet@b.example'],
] as const) {
  test(`§4.4: from ${old} to ${next}: the server approves, asks the same, and takes the subscription of the old account`, async () => {
    await move(old, next);
    await state(next);
    await capulet.send(request(old));
    const wanted = [
      `<presence type='subscribed' from='romeo@a.example' to='${next}'/>`,
      `<presence type='subscribe' from='romeo@a.example' to='${next}'/>`,
      `<presence from='romeo@a.example/orchard' to='${next}'/>`,
    ];
    await capulet.until(
      () => wanted.every((xml) => capulet.inbox.some((got) => isSameXml(got, xml))),
      () => `has ${capulet.inbox.join('\n')}`,
    );
    await juliet.until(
      () => juliet.inbox.some((xml) => /type='unsubscribed'/.test(xml)),
      () => 'has not heard',
    );
    assert.equal(isAsked(romeo), false, 'nobody is asked');
    assert.deepEqual(await roster(romeo), { [old]: 'to Juliet Verona', [next]: 'from subscribe Juliet Verona' });
    await capulet.send(`<presence type='subscribed' to='romeo@a.example'/>`);
    await stage.settle();
    assert.deepEqual(await roster(romeo), { [old]: 'to Juliet Verona', [next]: 'both Juliet Verona' });
  });
}

describe('§4.4: what is an ordinary request', () => {
  const [old, next] = ['juliet@b.example', 'capulet@b.example'];
  const cases: readonly (readonly [string, () => Promise<void>, string?])[] = [
    ['the old account says nothing', async () => {}],
    ['the old account names another address', () => state('mercutio@b.example')],
    ['the old account names no address', () => state('@')],
    ['the old account was never a subscriber', () => state(next), 'tybalt@b.example'],
    ['the old address is none', () => state(next), 'b.example'],
    ['the old address has a resource', () => state(next), `${old}/balcony`],
    ['the old address is the new one', () => state(next), next],
    ['the old address is that of the contact itself', () => state(next), 'romeo@a.example'],
    ['the old address is empty', () => state(next), ''],
  ];
  for (const [what, prepare, named = old] of cases) {
    test(what, async () => {
      await move(old, next);
      await prepare();
      await capulet.send(request(named));
      await stage.settle();
      const asked = romeo.take().filter((xml) => xml.startsWith('<presence'));
      assert.equal(asked.length, 1);
      assertXml(
        asked[0]!,
        `<presence type='subscribe' from='${next}' to='romeo@a.example' id='sub1'><moved xmlns='${NS}'><old-jid>${named}</old-jid></moved></presence>`,
      );
      assert.deepEqual(await roster(romeo), { [old]: 'both Juliet Verona' });
    });
  }

  test('an address is moved once', async () => {
    await move(old, next);
    await state(next);
    await capulet.send(request(old));
    await stage.settle();
    const other = await stage.appear('mercutio@b.example/x');
    await state('mercutio@b.example');
    stage.clear();
    await other.send(request(old));
    await stage.settle();
    assert.equal(isAsked(romeo), true);
    assert.equal((await roster(romeo))['mercutio@b.example'], undefined);
  });

  test('who had no subscription of the contact’s own gets none in return', async () => {
    juliet = await stage.appear(`${old}/balcony`);
    capulet = await stage.appear(`${next}/x`);
    await juliet.send(`<presence type='subscribe' to='romeo@a.example'/>`);
    await romeo.send(`<presence type='subscribed' to='${old}'/>`);
    await stage.settle();
    stage.clear();
    const open =
      "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x></publish-options>";
    await state(next, open);
    await capulet.send(request(old));
    await capulet.until(
      () => capulet.inbox.some((xml) => /type='subscribed'/.test(xml)),
      () => 'was not approved',
    );
    await stage.settle();
    assert.deepEqual(await roster(romeo), { [old]: 'none', [next]: 'from' });
    assert.equal(isAsked(capulet), false);
  });

  test('who was away learns of the new contact when it is back, and is not asked', async () => {
    await move(old, next);
    await state(next);
    await romeo.end();
    await capulet.send(request(old));
    await stage.settle();
    const back = await stage.appear('romeo@a.example/later');
    assert.equal(isAsked(back), false);
    assert.deepEqual(await roster(back), { [old]: 'to Juliet Verona', [next]: 'from subscribe Juliet Verona' });
  });
});

describe('an old account on another server', () => {
  const old = 'juliet@far.example';
  const next = 'capulet@b.example';
  const pair = { tenant: 'a.example', host: 'a.example', peer: 'far.example' };
  let router: RouterStage;
  let clock: ManualClock;
  let contact: BatchActor;

  beforeEach(async () => {
    clock = new ManualClock();
    const own = DeploymentClock.of(clock);
    router = await openRouter({
      wrap: (dependencies) => ({
        ...dependencies,
        ...{ clock: own, ids: new IdMint(own), outbox: new Outbox(dependencies) },
        ...{ isFederated: true, route: routing(destinationsOf({ isFederated: true })) },
      }),
    });
    contact = await router.appear('romeo@a.example/orchard');
    await router.arrive('a.example', `<presence type='subscribe' from='${old}' to='romeo@a.example'/>`);
    await contact.send(`<presence type='subscribed' to='${old}'/>`);
    contact.take();
  });
  afterEach(() => router.close());

  /** What was sent to the other server since the last look: the questions among it. */
  async function questions(): Promise<{ readonly id: string; readonly xml: string }[]> {
    const found: { id: string; xml: string }[] = [];
    for await (const { value } of allOfOutbox(router.store, pair)) {
      for (const { xml } of value.items) {
        const id = /<iq [^>]*id='(moved-[^']+)'/.exec(xml)?.[1];
        if (id !== undefined) found.push({ id, xml });
      }
    }
    return found;
  }

  const ask = (from = next, named = old) =>
    router.arrive('a.example', request(named).replace('<presence ', `<presence from='${from}' `));
  const answer = (id: string, from: string, inside: string, type = 'result') =>
    router.arrive('a.example', `<iq type='${type}' id='${id}' from='${from}' to='romeo@a.example'>${inside}</iq>`);
  const statement = (of: string, node = NS) =>
    `<pubsub xmlns='${pubsub}'><items node='${node}'><item id='current'><moved xmlns='${NS}'><new-jid>${of}</new-jid></moved></item></items></pubsub>`;
  const gone = (uri: string) => `<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>${uri}</gone></error>`;
  const approved = async () => {
    await router.settle();
    const { value } = (await Rows.ofAccount(router.store, 'a.example', 'romeo').get(rosterItems, next)) ?? {};
    return value?.subscription === 'from';
  };
  const offered = () => contact.take().filter((xml) => /^<presence [^>]*type='subscribe'/.test(xml)).length;

  test('§4.4: it is asked for its statement, in the name of the contact, while nobody else is', async () => {
    await ask();
    const [question, ...more] = await questions();
    assert.deepEqual(more, []);
    assertXml(
      question!.xml,
      `<iq type='get' from='romeo@a.example' to='${old}' id='${question!.id}'><pubsub xmlns='${pubsub}'>
        <items node='${NS}'><item id='current'/></items></pubsub></iq>`,
    );
    assert.equal(offered(), 0);
    await answer(question!.id, old, statement(next));
    assert.equal(await approved(), true);
    assert.equal(offered(), 0);
  });

  for (const [what, inside, isApproved] of [
    ['it is gone to the new address', gone(`xmpp:${next}`), true],
    ['it is gone to the new address, in percent', gone('xmpp:capulet%40b.example'), true],
    ['it is gone to somewhere else', gone('xmpp:mercutio@b.example'), false],
    ['it is gone to a page', gone('https://b.example/capulet'), false],
    ['it is gone to nonsense', gone('xmpp:%zz'), false],
    ['it is not there', "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", false],
  ] as const) {
    test(`§4.4: ${what}: the request is ${isApproved ? 'approved' : 'offered'}`, async () => {
      await ask();
      await answer((await questions())[0]!.id, old, inside, 'error');
      assert.equal(await approved(), isApproved);
      assert.equal(offered(), isApproved ? 0 : 1);
    });
  }

  for (const [what, forge] of [
    ['from somebody else', (id: string) => answer(id, 'mallory@far.example', statement(next))],
    ['from a resource', (id: string) => answer(id, `${old}/x`, statement(next))],
    ['from the server', (id: string) => answer(id, 'far.example', statement(next))],
    ['from who wants to be approved', (id: string) => answer(id, next, statement(next))],
    ['with another id', (id: string) => answer(`${id}x`, old, statement(next))],
    ['with an id that begins alike', () => answer('moved-', old, statement(next))],
  ] as const) {
    test(`an answer ${what} is ignored, and the true one counts`, async () => {
      await ask();
      const [question] = await questions();
      await forge(question!.id);
      assert.equal(await approved(), false);
      assert.equal(offered(), 0);
      await answer(question!.id, old, statement(next));
      assert.equal(await approved(), true);
    });
  }

  for (const [what, inside] of [
    ['of another node', statement(next, 'urn:xmpp:other')],
    ['with another item', statement(next).replace("'current'", "'other'")],
    ['without anything', ''],
  ] as const) {
    test(`an answer ${what} proves nothing`, async () => {
      await ask();
      await answer((await questions())[0]!.id, old, inside);
      assert.equal(await approved(), false);
      assert.equal(offered(), 1);
    });
  }

  test('a server that does not answer is waited for so long', async () => {
    await ask();
    await clock.advance(59_000);
    assert.equal(offered(), 0);
    await clock.advance(2_000);
    await router.settle();
    assert.equal(offered(), 1);
    await answer((await questions())[0]!.id, old, statement(next));
    assert.equal(await approved(), false, 'too late');
  });

  test('who asks again and again causes one question; from many addresses, so many', async () => {
    for (let count = 0; count < 5; count++) await ask();
    assert.equal((await questions()).length, 1);
    for (let count = 0; count < 30; count++) await ask(`m${count}@b.example`);
    await router.settle();
    assert.equal((await questions()).length, 20);
    assert.equal(offered(), 11);
  });

  test('what the contact answers meanwhile counts', async () => {
    await ask();
    await contact.send(`<presence type='unsubscribed' to='${next}'/>`);
    await answer((await questions())[0]!.id, old, statement(next));
    assert.equal(await approved(), false);
    assert.equal(offered(), 0);
  });
});
