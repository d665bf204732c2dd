import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Account } from '../../services/router/core/account.ts';
import { Turn } from '../../services/router/core/turn.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { cancelAllSubscriptions } from '../../services/router/presence/subscription.ts';
import type { RosterItem } from '../../services/router/roster/roster.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { openStage } from '../support/stage/whole-stage.ts';
import { isSameXml } from '../support/stage/xml-equality.ts';

const rosterRows = collection<RosterItem>('roster', 'account');

function push(account: string, item: string): string {
  const [bare] = account.split('/');
  return `<iq type='set' id='{any}' from='${bare}' to='${account}'><query xmlns='jabber:iq:roster' ver='{any}'>${item}</query></iq>`;
}

async function contactRow(stage: RouterStage, local: string, contact: string): Promise<RosterItem | undefined> {
  return (await Rows.ofAccount(stage.dependencies.store, 'a.example', local).get(rosterRows, contact))?.value;
}

for (const domain of ['a.example', 'b.example']) {
  const where = domain === 'a.example' ? 'in one tenant' : 'in two tenants';

  test(`RFC 6121 §3.1: a subscription is asked for and granted, ${where}`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    const chamber = await stage.join('juliet@a.example/chamber'); // neither available nor interested
    await stage.play(
      [romeo, 'sends', `<presence type='subscribe' to='juliet@a.example/balcony' id='xk3h1v69'/>`],
      [romeo, 'receives', push(`romeo@${domain}/orchard`, `<item jid='juliet@a.example' subscription='none' ask='subscribe'/>`)],
      [juliet, 'receives', `<presence type='subscribe' from='romeo@${domain}' to='juliet@a.example' id='xk3h1v69'/>`],
      [juliet, 'receives nothing'],

      [juliet, 'sends', `<presence type='subscribed' to='romeo@${domain}' id='h4v1c4kj'/>`],
      [juliet, 'receives', push('juliet@a.example/balcony', `<item jid='romeo@${domain}' subscription='from'/>`)],
      [romeo, 'receives', `<presence type='subscribed' from='juliet@a.example' to='romeo@${domain}' id='h4v1c4kj'/>`],
      [romeo, 'receives', push(`romeo@${domain}/orchard`, `<item jid='juliet@a.example' subscription='to'/>`)],
      [romeo, 'receives', `<presence from='juliet@a.example/balcony' to='romeo@${domain}'/>`],
      [romeo, 'receives nothing'],
      [juliet, 'receives nothing'],
      [chamber, 'receives nothing'],
    );
  });

  test(`RFC 6121 §3.2: a subscription is cancelled by the one who granted it, ${where}`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await stage.befriend(juliet, romeo);
    await stage.play(
      [juliet, 'sends', `<presence type='unsubscribed' to='romeo@${domain}'/>`],
      [juliet, 'receives', push('juliet@a.example/balcony', `<item jid='romeo@${domain}' subscription='to'/>`)],
      [romeo, 'receives', `<presence type='unavailable' from='juliet@a.example/balcony' to='romeo@${domain}'/>`],
      [romeo, 'receives', `<presence type='unsubscribed' from='juliet@a.example' to='romeo@${domain}'/>`],
      [romeo, 'receives', push(`romeo@${domain}/orchard`, `<item jid='juliet@a.example' subscription='from'/>`)],

      [juliet, 'sends', `<presence><show>away</show></presence>`],
      [juliet, 'receives', `<presence from='juliet@a.example/balcony' to='juliet@a.example'><show>away</show></presence>`],
      [romeo, 'receives nothing'],
    );
  });

  test(`RFC 6121 §3.3: a subscriber unsubscribes, ${where}`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await stage.befriend(juliet, romeo);
    await stage.play(
      [romeo, 'sends', `<presence type='unsubscribe' to='juliet@a.example'/>`],
      [romeo, 'receives', push(`romeo@${domain}/orchard`, `<item jid='juliet@a.example' subscription='from'/>`)],
      [romeo, 'receives', `<presence type='unavailable' from='juliet@a.example/balcony' to='romeo@${domain}'/>`],
      [juliet, 'receives', `<presence type='unsubscribe' from='romeo@${domain}' to='juliet@a.example'/>`],
      [juliet, 'receives', push('juliet@a.example/balcony', `<item jid='romeo@${domain}' subscription='to'/>`)],
    );
  });

  test(`RFC 6121 §2.5: removing a contact ends both subscriptions, ${where}`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await stage.befriend(juliet, romeo);
    const remove = `<query xmlns='jabber:iq:roster'><item jid='romeo@${domain}' subscription='remove'/></query>`;
    await stage.play(
      [juliet, 'sends', `<iq type='set' id='hm4hs97y'>${remove}</iq>`],
      [
        juliet,
        'receives in any order',
        `<iq type='result' id='hm4hs97y' to='juliet@a.example/balcony'/>`,
        push('juliet@a.example/balcony', `<item jid='romeo@${domain}' subscription='remove'/>`),
        `<presence type='unavailable' from='romeo@${domain}/orchard' to='juliet@a.example'/>`,
      ],
      [romeo, 'receives', `<presence type='unsubscribe' from='juliet@a.example' to='romeo@${domain}'/>`],
      [romeo, 'receives', push(`romeo@${domain}/orchard`, `<item jid='juliet@a.example' subscription='to'/>`)],
      [romeo, 'receives', `<presence type='unavailable' from='juliet@a.example/balcony' to='romeo@${domain}'/>`],
      [romeo, 'receives', `<presence type='unsubscribed' from='juliet@a.example' to='romeo@${domain}'/>`],
      [romeo, 'receives', push(`romeo@${domain}/orchard`, `<item jid='juliet@a.example' subscription='none'/>`)],
      [romeo, 'receives nothing'],
      [juliet, 'receives nothing'],
    );
  });
}

test('RFC 6121 §3.1.3: a request waits, whole and unseen in the roster, for each resource that becomes available', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example');
  const romeo = await stage.appear('romeo@b.example/orchard');
  await romeo.send(`<presence type='subscribe' to='juliet@a.example'><status>It is my soul</status></presence>`);
  await romeo.send(`<presence type='subscribe' to='juliet@a.example'><status>again</status></presence>`);
  const request = `<presence type='subscribe' from='romeo@b.example' to='juliet@a.example'><status>It is my soul</status></presence>`;
  const balcony = await stage.join('juliet@a.example/balcony');
  await stage.play(
    [balcony, 'sends', `<iq type='get' id='r1'><query xmlns='jabber:iq:roster'/></iq>`],
    [balcony, 'receives', `<iq type='result' id='r1' to='juliet@a.example/balcony'><query xmlns='jabber:iq:roster'/></iq>`],
    [balcony, 'sends', '<presence/>'],
    [balcony, 'receives', `<presence from='juliet@a.example/balcony' to='juliet@a.example'/>`, request],
    [balcony, 'sends', '<presence><show>dnd</show></presence>'],
    [balcony, 'receives', `<presence from='juliet@a.example/balcony' to='juliet@a.example'><show>dnd</show></presence>`],
    [balcony, 'receives nothing'],
  );
  const chamber = await stage.join('juliet@a.example/chamber');
  stage.clear();
  await stage.play([chamber, 'sends', '<presence><priority>-1</priority></presence>']);
  assert.ok(chamber.inbox.some((xml) => isSameXml(xml, request)));
  stage.clear();
  await stage.play(
    [balcony, 'sends', `<presence type='unsubscribed' to='romeo@b.example'/>`],
    [balcony, 'receives nothing'],
    [chamber, 'sends', `<presence type='unavailable'/>`],
    [chamber, 'sends', `<presence/>`],
  );
  assert.ok(!chamber.inbox.some((xml) => xml.includes('subscribe')));
});

test('RFC 6121 §2.2: available resources get requests, interested ones the answers', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const available = await stage.join('juliet@a.example/available');
  const interested = await stage.join('juliet@a.example/interested');
  await available.send('<presence/>');
  await interested.send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`);
  await stage.register('romeo@b.example');
  await available.send(`<presence type='subscribe' to='romeo@b.example'/>`);
  stage.clear();
  const from = `from='romeo@b.example' to='juliet@a.example'`;
  for (const type of ['subscribe', 'subscribed']) await stage.arrive('a.example', `<presence type='${type}' ${from}/>`);
  await stage.play(
    [available, 'receives', `<presence type='subscribe' ${from}/>`],
    [available, 'receives nothing'],
    [interested, 'receives', `<presence type='subscribed' ${from}/>`],
    [interested, 'receives', push('juliet@a.example/interested', `<item jid='romeo@b.example' subscription='to'/>`)],
    [interested, 'receives nothing'],
  );
});

test('RFC 6121 §3.1.3: of an overlong request only the request itself waits', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example');
  await stage.arrive(
    'a.example',
    `<presence type='subscribe' from='x@b.example' to='juliet@a.example'><status>${'x'.repeat(5000)}</status></presence>`,
  );
  const juliet = await stage.join('juliet@a.example/balcony');
  await stage.play(
    [juliet, 'sends', '<presence/>'],
    [juliet, 'receives', `<presence from='juliet@a.example/balcony' to='juliet@a.example'/>`],
    [juliet, 'receives', `<presence type='subscribe' from='x@b.example' to='juliet@a.example'/>`],
  );
});

test('RFC 6121 §3.4: a request that was approved before is granted without a word to the user', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.play(
    [juliet, 'sends', `<presence type='subscribed' to='romeo@a.example'/>`],
    [juliet, 'receives', push('juliet@a.example/balcony', `<item jid='romeo@a.example' subscription='none' approved='true'/>`)],
    [romeo, 'receives nothing'],
    [romeo, 'sends', `<presence type='subscribe' to='juliet@a.example'/>`],
    [juliet, 'receives', push('juliet@a.example/balcony', `<item jid='romeo@a.example' subscription='from' approved='true'/>`)],
    [juliet, 'receives nothing'],
    [romeo, 'receives', push('romeo@a.example/orchard', `<item jid='juliet@a.example' subscription='none' ask='subscribe'/>`)],
    [romeo, 'receives', `<presence type='subscribed' from='juliet@a.example' to='romeo@a.example'/>`],
    [romeo, 'receives', push('romeo@a.example/orchard', `<item jid='juliet@a.example' subscription='to'/>`)],
    [romeo, 'receives', `<presence from='juliet@a.example/balcony' to='romeo@a.example'/>`],
  );
});

test('RFC 6121 §3.4: an approval in advance can be taken back', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@a.example/orchard');
  await juliet.send(`<presence type='subscribed' to='romeo@a.example'/>`);
  stage.clear();
  await stage.play(
    [juliet, 'sends', `<presence type='unsubscribed' to='romeo@a.example'/>`],
    [juliet, 'receives', push('juliet@a.example/balcony', `<item jid='romeo@a.example' subscription='none'/>`)],
    [romeo, 'receives nothing'],
    [romeo, 'sends', `<presence type='subscribe' to='juliet@a.example'/>`],
    [juliet, 'receives', `<presence type='subscribe' from='romeo@a.example' to='juliet@a.example'/>`],
  );
});

test('a request to an account that does not exist is answered with unsubscribed', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.play(
    [romeo, 'sends', `<presence type='subscribe' to='nobody@b.example'/>`],
    [romeo, 'receives', push('romeo@a.example/orchard', `<item jid='nobody@b.example' subscription='none' ask='subscribe'/>`)],
    [romeo, 'receives', `<presence type='unsubscribed' from='nobody@b.example' to='romeo@a.example'/>`],
    [romeo, 'receives', push('romeo@a.example/orchard', `<item jid='nobody@b.example' subscription='none'/>`)],
  );
});

test('a request to a domain that nobody serves comes back as an error', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.play(
    [romeo, 'sends', `<presence type='subscribe' to='juliet@nowhere.example' id='s1'/>`],
    [
      romeo,
      'receives in any order',
      push('romeo@a.example/orchard', `<item jid='juliet@nowhere.example' subscription='none' ask='subscribe'/>`),
      `<presence type='error' id='s1' from='juliet@nowhere.example' to='romeo@a.example'><error type='cancel'>
        <remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text></error></presence>`,
    ],
  );
});

test('nobody can subscribe to themselves', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@a.example/orchard');
  const { header } = { header: await romeo.send(`<presence type='subscribe' to='romeo@a.example' id='s1'/>`) };
  assert.equal(header.out.length, 1);
  assert.match(romeo.inbox.join(''), /not-allowed/);
});

test('requests of strangers are bounded, and the stanza beyond the bound changes nothing', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example');
  const waiting = Array.from({ length: routerLimits.rosterRequestsMax }, (_, index) =>
    Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet').row(rosterRows, `x${index}@b.example`, {
      subscription: 'none',
      isPending: true,
      version: 0,
      isListed: false,
    }),
  );
  await stage.dependencies.store.batchPut(waiting);
  const romeo = await stage.appear('romeo@a.example/orchard');
  await romeo.send(`<presence type='subscribe' to='juliet@a.example'/>`);
  assert.match(romeo.inbox.join(''), /resource-constraint/);
  assert.equal(await contactRow(stage, 'juliet', 'romeo@a.example'), undefined);
});

test('a retry of a subscription stanza has the same effects although the state has moved on', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@b.example/orchard');
  await romeo.send(`<presence type='subscribe' to='juliet@a.example'/>`);
  stage.clear();
  const id = stage.mint();
  await juliet.send(`<presence type='subscribed' to='romeo@b.example'/>`, id);
  const first = [...romeo.inbox];
  assert.equal(first.length, 3);
  stage.clear();
  stage.node.forget();
  await juliet.send(`<presence type='subscribed' to='romeo@b.example'/>`, id);
  assert.deepEqual(romeo.inbox.map(withoutId), first.map(withoutId));
  assert.match(juliet.inbox.join(''), /subscription='from'/);
  stage.clear();
  await juliet.send(`<presence type='subscribed' to='romeo@b.example'/>`);
  assert.deepEqual(romeo.inbox, []);
});

function withoutId(xml: string): string {
  return xml.replace(/ id='[^']*'/, '');
}

test('changes of one contact from many sides at once lose nothing', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const chamber = await stage.appear('juliet@a.example/chamber');
  const set = `<query xmlns='jabber:iq:roster'><item jid='romeo@b.example' name='Romeo'/></query>`;
  await Promise.all([
    juliet.send(`<iq type='set' id='s1'>${set}</iq>`),
    chamber.send(`<presence type='subscribe' to='romeo@b.example'/>`),
    stage.arrive('a.example', `<presence type='subscribe' from='romeo@b.example' to='juliet@a.example'/>`),
  ]);
  const row = await contactRow(stage, 'juliet', 'romeo@b.example');
  assert.equal(row?.name, 'Romeo');
  assert.equal(row?.isPending, true);
  assert.equal(row?.isListed, true);
});

test('an account that is removed cancels its subscriptions both ways', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@b.example/orchard');
  await stage.befriend(juliet, romeo);
  await juliet.end();
  stage.clear();
  const turn = new Turn(stage.dependencies);
  const tenant = await stage.dependencies.tenants.find('a.example');
  await cancelAllSubscriptions(new Account(turn, tenant!, 'juliet'));
  await turn.finish();
  await stage.play(
    [romeo, 'receives', `<presence type='unsubscribe' from='juliet@a.example' to='romeo@b.example'/>`],
    [romeo, 'receives', push('romeo@b.example/orchard', `<item jid='juliet@a.example' subscription='to'/>`)],
    [romeo, 'receives', `<presence type='unsubscribed' from='juliet@a.example' to='romeo@b.example'/>`],
    [romeo, 'receives', push('romeo@b.example/orchard', `<item jid='juliet@a.example' subscription='none'/>`)],
    [romeo, 'receives nothing'],
  );
});

for (const domain of ['a.example', 'b.example']) {
  test(`RFC 6121 §3.1.6: of an approval from ${domain}, a client of a.example gets the presence and the roster push`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await juliet.send(`<presence type='subscribe' to='${romeo.jid.bare}'/>`);
    juliet.take();
    await romeo.send(`<presence type='subscribed' to='${juliet.jid.bare}'/>`);
    await stage.play([
      juliet,
      'receives in any order',
      `<presence type='subscribed' from='${romeo.jid.bare}' to='juliet@a.example'/>`,
      `<iq type='set' id='{any}' from='juliet@a.example' to='juliet@a.example/balcony'>
        <query xmlns='jabber:iq:roster' ver='{any}'><item jid='${romeo.jid.bare}' subscription='to'/></query></iq>`,
      `<presence from='${romeo.jid}' to='juliet@a.example'/>`,
    ]);
  });
}
