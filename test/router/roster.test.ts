import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../lib/ports/store.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Account } from '../../services/router/core/account.ts';
import type { Dependencies } from '../../services/router/core/dependencies.ts';
import { Turn } from '../../services/router/core/turn.ts';
import { routerLimits } from '../../services/router/limits.ts';
import type { RosterItem } from '../../services/router/roster/roster.ts';
import { changeContact } from '../../services/router/roster/roster-change.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const NS = 'jabber:iq:roster';
const rosterRows = collection<RosterItem>('roster', 'account');
const balcony = 'juliet@a.example/balcony';

function get(ver?: string): string {
  return `<iq type='get' id='get'><query xmlns='${NS}'${ver === undefined ? '' : ` ver='${ver}'`}/></iq>`;
}

function set(items: string): string {
  return `<iq type='set' id='set'><query xmlns='${NS}'>${items}</query></iq>`;
}

function result(id: string, to: string, child = ''): string {
  return `<iq type='result' id='${id}' to='${to}'>${child}</iq>`;
}

function push(to: string, item: string, ver = '{any}'): string {
  return `<iq type='set' id='{any}' from='juliet@a.example' to='${to}'><query xmlns='${NS}' ver='${ver}'>${item}</query></iq>`;
}

/** A push behind the empty result has no `from`: it comes from the account (RFC 6120 §8.1.2.1). */
function interim(to: string, item: string, ver: string): string {
  return `<iq type='set' id='{any}' to='${to}'><query xmlns='${NS}' ver='${ver}'>${item}</query></iq>`;
}

function rowsOf(stage: RouterStage, local = 'juliet'): Rows {
  return Rows.ofAccount(stage.dependencies.store, 'a.example', local);
}

async function versionOf(actor: BatchActor): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(get(''));
  return /<query[^>]* ver='([^']*)'/.exec(actor.inbox[0]!)![1]!;
}

test('RFC 6121 §2.3: an item is added, and pushed to every resource that has asked for the roster', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.join(balcony);
  const chamber = await stage.join('juliet@a.example/chamber');
  const garden = await stage.join('juliet@a.example/garden');
  const item = `<item jid='nurse@a.example' name='Nurse &amp; "Angelica"' subscription='none'><group>Servants</group></item>`;
  await stage.play(
    [juliet, 'sends', get()],
    [juliet, 'receives', result('get', balcony, `<query xmlns='${NS}'/>`)],
    [chamber, 'sends', get()],
    [chamber, 'receives', result('get', 'juliet@a.example/chamber', `<query xmlns='${NS}'/>`)],
    [juliet, 'sends', set(`<item jid='nurse@a.example/kitchen' name='Nurse &amp; "Angelica"'><group>Servants</group></item>`)],
    [juliet, 'receives in any order', result('set', balcony), push(balcony, item)],
    [chamber, 'receives', push('juliet@a.example/chamber', item)],
    [garden, 'receives nothing'],
    [garden, 'sends', get()],
    [garden, 'receives', result('get', 'juliet@a.example/garden', `<query xmlns='${NS}'>${item}</query>`)],
  );
});

test('RFC 6121 §2.4: an update replaces name and groups and leaves the subscription', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  await stage.play(
    [juliet, 'sends', set(`<item jid='romeo@a.example' name='Romeo'><group>Friends</group><group>Lovers</group></item>`)],
    [
      juliet,
      'receives in any order',
      result('set', balcony),
      push(
        balcony,
        `<item jid='romeo@a.example' name='Romeo' subscription='both'><group>Friends</group><group>Lovers</group></item>`,
      ),
    ],
    [juliet, 'sends', set(`<item jid='romeo@a.example'/>`)],
    [juliet, 'receives in any order', result('set', balcony), push(balcony, `<item jid='romeo@a.example' subscription='both'/>`)],
    [romeo, 'receives nothing'],
  );
});

test('RFC 6121 §2.1.2: a client cannot set subscription, ask or approved', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  await stage.play(
    [juliet, 'sends', set(`<item jid='romeo@a.example' subscription='both' ask='subscribe' approved='true'/>`)],
    [juliet, 'receives in any order', result('set', balcony), push(balcony, `<item jid='romeo@a.example' subscription='none'/>`)],
  );
});

const long = 'x'.repeat(routerLimits.rosterNameBytesMax + 1);
for (const [what, items, condition] of [
  ['without an item', '', 'bad-request'],
  ['with two items', `<item jid='a@a.example'/><item jid='b@a.example'/>`, 'bad-request'],
  ['with something else than an item', `<thing jid='a@a.example'/>`, 'bad-request'],
  ['with an item of another namespace', `<item xmlns='urn:x' jid='a@a.example'/>`, 'bad-request'],
  ['without an address', `<item name='Nobody'/>`, 'bad-request'],
  ['with an address that is none', `<item jid='a@b@c'/>`, 'jid-malformed'],
  ['with the same group twice', `<item jid='a@a.example'><group>G</group><group>G</group></item>`, 'bad-request'],
  ['with an empty group', `<item jid='a@a.example'><group/></item>`, 'not-acceptable'],
  ['with a group that is too long', `<item jid='a@a.example'><group>${long}</group></item>`, 'not-acceptable'],
  ['with a name that is too long', `<item jid='a@a.example' name='${long}'/>`, 'not-acceptable'],
  [
    'with an address that is too long',
    `<item jid='${'a'.repeat(900)}@${'b'.repeat(60)}.${'c'.repeat(60)}.example'/>`,
    'not-acceptable',
  ],
  [
    'with too many groups',
    `<item jid='a@a.example'>${Array.from({ length: routerLimits.rosterGroupsMax + 1 }, (_, n) => `<group>${n}</group>`).join('')}</item>`,
    'not-acceptable',
  ],
  ['of oneself', `<item jid='juliet@a.example'/>`, 'not-allowed'],
  ['that removes what is not there', `<item jid='a@a.example' subscription='remove'/>`, 'item-not-found'],
] as const) {
  test(`RFC 6121 §2.3.3, §2.5.3: a set ${what} is refused with ${condition}`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const juliet = await stage.appear(balcony);
    await juliet.send(set(items));
    assert.equal(juliet.inbox.length, 1);
    assert.match(
      juliet.inbox[0]!,
      new RegExp(`^<iq [^>]*type='error'.*<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>`),
    );
    assert.deepEqual(await rowsOf(stage).list(rosterRows, { limit: 10 }), []);
  });
}

test('RFC 6121 §2.3.3: nobody reads or writes another’s roster, in any tenant', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const paris = await stage.appear('paris@a.example/street');
  const tybalt = await stage.appear('tybalt@b.example/street');
  for (const stranger of [paris, tybalt]) {
    for (const [type, child] of [
      ['get', ''],
      ['set', `<item jid='x@a.example'/>`],
    ] as const) {
      await stranger.send(`<iq type='${type}' id='r' to='juliet@a.example'><query xmlns='${NS}'>${child}</query></iq>`);
      assert.match(await stranger.next(), /type='error'.*<service-unavailable /);
    }
  }
  assert.deepEqual(await rowsOf(stage).list(rosterRows, { limit: 10 }), []);
  await stage.play([juliet, 'receives nothing']);
});

test('RFC 6121 §2.6: the stream offers versions and pre-approval', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.join(balcony);
  await juliet.step([{ kind: 'open', secure: true, binding: {} }], []);
  assert.match(juliet.inbox[0]!, /<ver xmlns='urn:xmpp:features:rosterver'\/>/);
  assert.match(juliet.inbox[0]!, /<sub xmlns='urn:xmpp:features:pre-approval'\/>/);
});

test('RFC 6121 §2.6.3: a client gets nothing, what changed, or all, by the version it has', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  assert.equal(await versionOf(juliet), '0');
  for (const name of ['nurse', 'romeo', 'paris']) await juliet.send(set(`<item jid='${name}@a.example'/>`));
  const three = await versionOf(juliet);
  stage.clear();
  await stage.play([juliet, 'sends', get(three)], [juliet, 'receives', result('get', balcony)], [juliet, 'receives nothing']);
  await juliet.send(set(`<item jid='paris@a.example' subscription='remove'/>`));
  const four = await versionOf(juliet);
  await juliet.send(set(`<item jid='nurse@a.example' name='Nurse'/>`));
  const five = await versionOf(juliet);
  assert.ok(Number(three) < Number(four) && Number(four) < Number(five));
  stage.clear();
  const whole = (ver: string) =>
    result(
      'get',
      balcony,
      `<query xmlns='${NS}' ver='${ver}'><item jid='nurse@a.example' name='Nurse' subscription='none'/><item jid='romeo@a.example' subscription='none'/></query>`,
    );
  await stage.play(
    [juliet, 'sends', get(three)],
    [juliet, 'receives', result('get', balcony)],
    [juliet, 'receives', interim(balcony, `<item jid='paris@a.example' subscription='remove'/>`, four)],
    [juliet, 'receives', interim(balcony, `<item jid='nurse@a.example' name='Nurse' subscription='none'/>`, five)],
    [juliet, 'receives nothing'],
    [juliet, 'sends', get(five)],
    [juliet, 'receives', result('get', balcony)],
    [juliet, 'sends', get('')],
    [juliet, 'receives', whole(five)],
    [juliet, 'sends', get('of another server')],
    [juliet, 'receives', whole(five)],
    [juliet, 'sends', get('999999')],
    [juliet, 'receives', whole(five)],
  );
});

test('a push names the version that the roster has with it', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  await juliet.send(set(`<item jid='nurse@a.example'/>`));
  const pushed = juliet.inbox.find((xml) => xml.includes("type='set'"))!;
  assert.equal(/ ver='([^']*)'/.exec(pushed)![1], await versionOf(juliet));
});

test('after many changes a client with an old version gets the whole roster', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example');
  const count = routerLimits.rosterChangesMax + 1;
  const rows = Array.from({ length: count }, (_, index) =>
    rowsOf(stage).row(rosterRows, `c${index}@b.example`, { subscription: 'none', isListed: true, version: index + 1 }),
  );
  await stage.dependencies.store.batchPut(rows);
  const juliet = await stage.join(balcony);
  await juliet.send(get('0'));
  assert.equal(juliet.inbox.length, 1);
  assert.equal(juliet.inbox[0]!.split('<item ').length - 1, count);
  stage.clear();
  await juliet.send(get('1'));
  assert.equal(juliet.inbox.length, count);
});

test('a client that missed a tombstone which is gone has missed too much for pushes', () => {
  assert.ok(routerLimits.rosterChangesMax < routerLimits.rosterTombstonesMax / 2);
});

test('one who was overtaken between taking a version and writing takes a new one', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example');
  const tenant = (await stage.dependencies.tenants.find('a.example'))!;
  const romeo = Jid.parse('romeo@b.example');
  const name = (dependencies: Dependencies, text: string) =>
    changeContact(new Account(new Turn(dependencies), tenant, 'juliet'), romeo, text, (item) => ({
      ...item,
      isListed: true,
      name: text,
    }));
  let isOvertaken = false;
  const slow = new Proxy(stage.dependencies.store, {
    get: (store, method: 'get') =>
      (method as string) === 'add'
        ? async (...values: Parameters<Store['add']>) => {
            const version = await store.add(...values);
            if (!isOvertaken) {
              isOvertaken = true;
              await name(stage.dependencies, 'first');
            }
            return version;
          }
        : store[method],
  });
  const { after } = await name({ ...stage.dependencies, store: slow }, 'second');
  assert.deepEqual([after.name, after.version], ['second', 3]);
});

test('tombstones are bounded, and a client older than the oldest gets the whole roster', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  await juliet.send(set(`<item jid='first@b.example'/>`));
  const tombstones = Array.from({ length: routerLimits.rosterTombstonesMax }, (_, index) =>
    rowsOf(stage).row(rosterRows, `gone${index}@b.example`, { subscription: 'none', isListed: false, version: index + 2 }),
  );
  await stage.dependencies.store.batchPut(tombstones);
  await rowsOf(stage).add(collection<number>('rosterVersion', 'account'), routerLimits.rosterTombstonesMax + 10);
  await juliet.send(get()); // counts the rows that were written past the router
  await juliet.send(set(`<item jid='second@b.example'/>`));
  const left = await rowsOf(stage).list(rosterRows, { limit: 1_000 });
  assert.equal(left.length, routerLimits.rosterTombstonesMax / 2 + 2);
  stage.clear();
  await juliet.send(get('2'));
  assert.match(juliet.inbox[0]!, /<query .*first@b\.example.*second@b\.example/);
  stage.clear();
  await juliet.send(get(String(routerLimits.rosterTombstonesMax)));
  assert.match(juliet.inbox.shift()!, /^<iq [^>]*\/>$/);
  assert.equal(juliet.inbox.length, 2);
});

test('a roster is bounded in items and in bytes', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const fill = async (count: number, item: Partial<RosterItem>) => {
    const full: RosterItem = { subscription: 'none', isListed: true, version: 1, ...item };
    const rows = Array.from({ length: count }, (_, index) => rowsOf(stage).row(rosterRows, `c${index}@b.example`, full));
    await stage.dependencies.store.batchPut(rows);
    await juliet.send(get()); // counts the rows that were written past the router
    stage.clear();
  };
  await fill(20, { groups: Array.from({ length: 34 }, (_, index) => `${index}-${'g'.repeat(1_000)}`) });
  await juliet.send(set(`<item jid='x@b.example'/>`));
  assert.match(await juliet.next(), /not-acceptable.*bytes/);
  await fill(routerLimits.rosterItemsMax, {});
  await juliet.send(set(`<item jid='x@b.example'/>`));
  assert.match(await juliet.next(), /not-acceptable.*items/);
  await juliet.send(`<presence type='subscribe' to='x@b.example'/>`);
  assert.match(await juliet.next(), /not-acceptable.*items/);
  await juliet.send(get());
  assert.equal(juliet.inbox[0]!.split('<item ').length - 1, routerLimits.rosterItemsMax);
});
