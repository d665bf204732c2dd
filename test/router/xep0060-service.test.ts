/**
 * XEP-0060 at a tenant's pubsub service: nodes, items, subscriptions and notifications, of people of two tenants.
 *
 * Hostile: publishing to another's node, subscribing somebody else, a name of 10 kB, 10^9 items, forms of other types, nonsense about pages, and
 * asking the other tenant's service for what this one has.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import { pubsubLimits } from '../../services/router/pep/limits.ts';
import { config, itemIds } from './pep-requests.ts';
import {
  ask,
  configure,
  create,
  disco,
  entry,
  event,
  heard,
  isDone,
  items,
  openGround,
  own,
  publish,
  refusal,
  request,
  retract,
  rsm,
  service,
  subscribe,
  unsubscribe,
} from './pubsub-ground.ts';

const value = (form: string, name: string) => new RegExp(`var='pubsub#${name}'[^>]*><value>([^<]*)<`).exec(form)?.[1];

test('XEP-0060 §5.1, §5.2: the service says what it is, and the domain names it', async (t) => {
  const { juliet, romeo } = await openGround(t);
  for (const actor of [juliet, romeo]) {
    const answer = await ask(actor, disco('info'));
    assert.match(answer, /<identity category='pubsub' type='service'/);
    for (const feature of ['subscribe', 'create-nodes', 'meta-data', 'modify-affiliations', 'member-affiliation'])
      assert.ok(answer.includes(`'http://jabber.org/protocol/pubsub#${feature}'`), feature);
    assert.match(await ask(actor, disco('items')), /<item jid='pubsub.a.example' node='news'\/>/);
  }
  assert.match(await ask(romeo, disco('items', undefined, '', 'a.example')), /<item jid='pubsub.a.example' name='Nodes'\/>/);
  assert.doesNotMatch(await ask(romeo, disco('items', undefined, '', 'pubsub.b.example')), /node=/);
  assert.equal(refusal(await ask(romeo, disco('info', 'news', '', 'pubsub.b.example'))), 'cancel item-not-found');
});

test('XEP-0060 §5.4: a node tells its metadata', async (t) => {
  const { juliet, romeo } = await openGround(t, { title: 'The news', type: 'urn:x', access_model: 'open', max_items: '7' });
  await ask(romeo, subscribe('news', 'romeo@b.example'));
  const answer = await ask(romeo, disco('info', 'news'));
  assert.match(answer, /<identity category='pubsub' type='leaf' name='The news'\/>/);
  const told = ['title', 'type', 'creator', 'owner', 'access_model', 'publish_model', 'max_items', 'num_subscribers'].map(
    (name) => value(answer, name),
  );
  assert.deepEqual(told, ['The news', 'urn:x', 'juliet@a.example', 'juliet@a.example', 'open', 'publishers', '7', '1']);
  assert.match(value(answer, 'creation_date')!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  await ask(juliet, create('secret', config({ access_model: 'whitelist' })));
  assert.equal(refusal(await ask(romeo, disco('info', 'secret'))), 'cancel item-not-found');
  assert.doesNotMatch(await ask(romeo, disco('items')), /secret/);
  assert.match(await ask(juliet, disco('items')), /secret/);
});

test('XEP-0060 §5.2: nodes are listed in pages (XEP-0059), forward and backward', async (t) => {
  const { juliet, romeo } = await openGround(t);
  for (const name of ['a', 'b', 'c', 'd']) await ask(juliet, create(name));
  const names = (answer: string) => [...answer.matchAll(/ node='([^']+)'/g)].map(([, name]) => name);
  for (const [set, expected] of [
    ['<max>2</max>', ['a', 'b']],
    ['<max>2</max><after>b</after>', ['c', 'd']],
    ['<max>2</max><after>d</after>', ['news']],
    ['<max>2</max><before/>', ['d', 'news']],
    ['<max>2</max><before>c</before>', ['a', 'b']],
    ['<max>0</max>', []],
  ] as const) {
    assert.deepEqual(names(await ask(romeo, disco('items', undefined, rsm(set)))), expected, set);
  }
  assert.match(await ask(romeo, disco('items', undefined, rsm('<max>2</max>'))), /<first>a<\/first><last>b<\/last>/);
  for (const set of ['<max>x</max>', '<max>-1</max>', '<max>1e9</max>'])
    assert.equal(refusal(await ask(romeo, disco('items', undefined, rsm(set)))), 'modify bad-request', set);
});

describe('XEP-0060 §7.1: what is published reaches those who are subscribed, and nobody else', () => {
  for (const [what, who, jid, sentTo] of [
    ['a bare JID of the tenant', 'nurse', 'nurse@a.example', 'nurse@a.example'],
    ['a resource of the tenant', 'nurse', 'nurse@a.example/hall', 'nurse@a.example/hall'],
    ['a bare JID of another tenant', 'romeo', 'romeo@b.example', 'romeo@b.example'],
    ['a resource of another tenant', 'romeo', 'romeo@b.example/orchard', 'romeo@b.example/orchard'],
  ] as const) {
    test(what, async (t) => {
      const { stage, juliet, ...others } = await openGround(t);
      const answer = await ask(others[who], subscribe('news', jid));
      assert.match(answer, new RegExp(`<subscription node='news' jid='${jid}' subid='[^']+' subscription='subscribed'/>`));
      assert.equal(
        (await ask(others[who], subscribe('news', jid))).replace(/id='q\d+'/, ''),
        answer.replace(/id='q\d+'/, ''),
        'subscribing again changes nothing',
      );
      assert.ok(isDone(await ask(juliet, publish('news', 'one', entry('Hark')))));
      await stage.settle();
      await stage.play([
        others[who],
        'receives',
        event(sentTo, `<items node='news'><item id='one' publisher='juliet@a.example'>${entry('Hark')}</item></items>`),
      ]);
      for (const actor of [others.nurse, others.romeo, juliet]) assert.deepEqual(await heard(stage, actor), []);
      assert.ok(isDone(await ask(others[who], unsubscribe('news', jid))));
      await ask(juliet, publish('news', 'two', entry('Hark')));
      assert.deepEqual(await heard(stage, others[who]), []);
    });
  }
});

test('XEP-0060 §6.1.7: a new subscriber is sent the last item, with the time of its publication', async (t) => {
  const { stage, juliet, romeo } = await openGround(t, { send_last_published_item: 'on_sub' });
  await ask(juliet, publish('news', 'one', entry('Hark')));
  await ask(juliet, publish('news', 'two', entry('Again')));
  await ask(romeo, subscribe('news', 'romeo@b.example'));
  const item = `<items node='news'><item id='two' publisher='juliet@a.example'>${entry('Again')}</item></items>`;
  const delay = `<delay xmlns='urn:xmpp:delay' stamp='{any}'/>`;
  await stage.play([romeo, 'receives', event('romeo@b.example', item).replace('</message>', `${delay}</message>`)]);
});

test('XEP-0060 §7.2, §8.4, §8.5, §8.2.5.3: subscribers hear of retractions, of purges, of configurations and of the end', async (t) => {
  const { stage, juliet, nurse, romeo } = await openGround(t, { notify_config: '1', deliver_payloads: '0' });
  await ask(romeo, subscribe('news', 'romeo@b.example'));
  await ask(nurse, subscribe('news', 'nurse@a.example'));
  for (const [asked, content] of [
    [publish('news', 'one', entry('Hark')), `<items node='news'><item id='one' publisher='juliet@a.example'/></items>`],
    [publish('news', 'two', ''), `<items node='news'><item id='two' publisher='juliet@a.example'/></items>`],
    [retract('news', 'one'), `<items node='news'><retract id='one'/></items>`],
    [own('set', `<purge node='news'/>`), `<purge node='news'/>`],
    [configure('news', config({ title: 'New' })), `<configuration node='news'/>`],
    [
      own('set', `<delete node='news'><redirect uri='xmpp:x.example?;node=y'/></delete>`),
      `<delete node='news'><redirect uri='xmpp:x.example?;node=y'/></delete>`,
    ],
  ] as const) {
    assert.ok(isDone(await ask(juliet, asked)), asked);
    await stage.settle();
    for (const actor of [romeo, nurse]) await stage.play([actor, 'receives', event(`${actor.jid.bare}`, content)]);
  }
  assert.equal(refusal(await ask(juliet, items('news'))), 'cancel item-not-found');
  assert.doesNotMatch(await ask(romeo, request('get', '<subscriptions/>')), /<subscription /);
  assert.ok(isDone(await ask(nurse, create('news'))), 'the name is free');
  assert.deepEqual(itemIds(await ask(nurse, items('news'))), []);
  await ask(nurse, publish('news', 'three', entry('Mine')));
  assert.deepEqual(await heard(stage, romeo), [], 'who was subscribed to the old node is not to the new one');
});

test('XEP-0060 §7.1.2.5, §7.1.3.4: what happens when a node is full', async (t) => {
  const { stage, juliet, romeo } = await openGround(t, { max_items: '2' });
  await ask(romeo, subscribe('news', 'romeo@b.example'));
  const publishAll = async (...ids: readonly string[]) => {
    for (const id of ids) await ask(juliet, publish('news', id, entry(id)));
    const told = (await heard(stage, romeo)).map((xml) => /<(item|retract) id='([^']+)'/.exec(xml)!.slice(1).join(' '));
    return [told, itemIds(await ask(juliet, items('news')))];
  };
  assert.deepEqual(await publishAll('a', 'b', 'c'), [
    ['item a', 'item b', 'item c', 'retract a'],
    ['c', 'b'],
  ]);
  await ask(juliet, configure('news', config({ publish_node_full: 'discard-oldest' })));
  assert.deepEqual(await publishAll('d'), [['item d'], ['d', 'c']]);
  await ask(juliet, configure('news', config({ publish_node_full: 'reject' })));
  assert.equal(refusal(await ask(juliet, publish('news', 'e', entry('e')))), 'cancel conflict node-full');
  assert.deepEqual(await publishAll('d'), [['item d'], ['d', 'c']], 'an item that is there is published again');
});

test('XEP-0060 §16.4.4: items expire', async (t) => {
  const { stage, juliet, romeo } = await openGround(t, {
    item_expire: '1',
    max_items: 'max',
    send_last_published_item: 'on_sub',
  });
  await ask(juliet, publish('news', 'one', entry('one')));
  assert.deepEqual(itemIds(await ask(romeo, items('news'))), ['one']);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  assert.deepEqual(itemIds(await ask(romeo, items('news'))), []);
  assert.deepEqual(itemIds(await ask(romeo, items('news', `<item id='one'/>`))), []);
  assert.equal(refusal(await ask(juliet, retract('news', 'one'))), 'cancel item-not-found');
  await ask(romeo, subscribe('news', 'romeo@b.example'));
  assert.deepEqual(await heard(stage, romeo), [], 'no last item');
  await ask(juliet, publish('news', 'two', entry('two')));
  assert.deepEqual(itemIds(await ask(romeo, items('news'))), ['two']);
});

test('XEP-0060 §4.3, §7.1.3.7: what an item has to have follows from the configuration', async (t) => {
  const { stage, juliet, romeo } = await openGround(t);
  const form = (persist: string, deliver: string) => config({ persist_items: persist, deliver_payloads: deliver });
  const nothing = (node: string) => request('set', `<publish node='${node}'/>`);
  for (const [node, configuration, asked, answer] of [
    ['pp', form('1', '1'), nothing('pp'), 'modify bad-request item-required'],
    ['pp', '', publish('pp', 'a', ''), 'modify bad-request payload-required'],
    ['pp', '', publish('pp', 'a', entry('a') + entry('b')), 'modify bad-request invalid-payload'],
    ['pn', form('1', '0'), nothing('pn'), 'modify bad-request item-required'],
    ['pn', '', publish('pn', 'a', ''), ''],
    ['tp', form('0', '1'), nothing('tp'), 'modify bad-request item-required'],
    ['tp', '', publish('tp', 'a', ''), 'modify bad-request payload-required'],
    ['tn', form('0', '0'), publish('tn', 'a', entry('a')), 'modify bad-request item-forbidden'],
    ['tn', '', nothing('tn'), ''],
  ] as const) {
    if (configuration !== '') await ask(juliet, create(node, configuration));
    if (configuration !== '') await ask(romeo, subscribe(node, 'romeo@b.example'));
    const got = await ask(juliet, asked);
    assert.equal(answer === '' ? isDone(got) || got : refusal(got), answer === '' || answer, `${node} ${asked}`);
  }
  const events = (await heard(stage, romeo)).map((xml) => /<event[^>]*>(.*)<\/event>/.exec(xml)![1]);
  assert.deepEqual(events, [`<items node='pn'><item id='a' publisher='juliet@a.example'/></items>`, `<items node='tn'/>`]);
});

test('XEP-0060 §7.1.5: an item makes the node it is for, with its options, where its publisher may make nodes', async (t) => {
  const { juliet, romeo } = await openGround(t);
  const options = config({ access_model: 'whitelist', title: 'Auto' }, 'publish-options');
  const answer = await ask(juliet, publish('auto', undefined, entry('a'), options));
  const [, id] = /<publish node='auto'><item id='([^']+)'\/>/.exec(answer)!;
  assert.deepEqual(itemIds(await ask(juliet, items('auto'))), [id]);
  assert.equal(refusal(await ask(romeo, items('auto'))), 'cancel not-allowed closed-node');
  const open = config({ access_model: 'open' }, 'publish-options');
  assert.equal(refusal(await ask(juliet, publish('auto', 'b', entry('b'), open))), 'cancel conflict precondition-not-met');
  assert.equal(refusal(await ask(romeo, publish('more', 'b', entry('b')))), 'auth forbidden');
  assert.equal(refusal(await ask(juliet, items('more'))), 'cancel item-not-found');
});

test('XEP-0060 §6.5: items are read in pages, by the place of an item too', async (t) => {
  const { juliet, romeo } = await openGround(t, { max_items: 'max' });
  for (const id of ['a', 'b', 'c', 'd', 'e']) await ask(juliet, publish('news', id, entry(id)));
  for (const [set, ids, index] of [
    ['<max>2</max>', ['e', 'd'], '0'],
    ['<max>2</max><after>d</after>', ['c', 'b'], '2'],
    ['<max>2</max><before/>', ['b', 'a'], '3'],
    ['<max>2</max><before>b</before>', ['d', 'c'], '1'],
    ['<max>2</max><index>3</index>', ['b', 'a'], '3'],
    ['<max>2</max><index>9</index>', [], undefined],
    ['<max>0</max>', [], undefined],
  ] as const) {
    const answer = await ask(romeo, items('news', '', rsm(set)));
    assert.deepEqual(itemIds(answer), ids, set);
    assert.equal(/<first index='(\d+)'/.exec(answer)?.[1], index, set);
    assert.match(answer, /<count>5<\/count>/);
  }
  assert.equal(refusal(await ask(romeo, items('news', '', rsm('<index>x</index>')))), 'modify bad-request');
});

test('XEP-0060 §6.5.4: an answer has as many items as there is room for, and says that there are more', async (t) => {
  const { juliet, romeo } = await openGround(t, { max_items: 'max' });
  const large = `<x xmlns='urn:x'>${'y'.repeat(200_000)}</x>`;
  for (const id of ['a', 'b', 'c', 'd']) assert.ok(isDone(await ask(juliet, publish('news', id, large))), id);
  const first = await ask(romeo, items('news'));
  assert.deepEqual(itemIds(first), ['d', 'c']);
  assert.match(first, /<first index='0'>d<\/first><last>c<\/last><count>4<\/count>/);
  assert.deepEqual(itemIds(await ask(romeo, items('news', '', rsm('<after>c</after>')))), ['b', 'a']);
  assert.deepEqual(itemIds(await ask(romeo, items('news', '', rsm('<before/>')))), ['b', 'a']);
});

describe('XEP-0060: what one of the other tenant, or another account, may not do', () => {
  for (const who of ['nurse', 'romeo'] as const) {
    test(who, async (t) => {
      const ground = await openGround(t);
      const actor = ground[who];
      await ask(ground.juliet, publish('news', 'one', entry('one')));
      const other = 'juliet@a.example';
      for (const [what, asked, condition] of [
        ['§7.1.3.1 publishes', publish('news', 'two', entry('two')), 'auth forbidden'],
        ['§7.2.3.1 retracts', retract('news', 'one'), 'auth forbidden'],
        ['§8.2.3.2 asks for the configuration', own('get', `<configure node='news'/>`), 'auth forbidden'],
        ['§8.2.3.2 configures', configure('news', config({ title: 'x' })), 'auth forbidden'],
        ['§8.4.3.1 deletes', own('set', `<delete node='news'/>`), 'auth forbidden'],
        ['§8.5.3.2 purges', own('set', `<purge node='news'/>`), 'auth forbidden'],
        ['§8.8.1 lists subscribers', own('get', `<subscriptions node='news'/>`), 'auth forbidden'],
        ['§8.9.1 lists affiliations', own('get', `<affiliations node='news'/>`), 'auth forbidden'],
        ['§6.1.3.1 subscribes somebody else', subscribe('news', other), 'modify bad-request invalid-jid'],
        [
          '§6.1.3.1 subscribes the other domain',
          subscribe('news', `${actor.jid.local}@c.example`),
          'modify bad-request invalid-jid',
        ],
        ['§6.2.3.2 ends nothing', unsubscribe('news', `${actor.jid.bare}`), 'cancel unexpected-request not-subscribed'],
        ['§6.2.3.3 ends somebody else’s', unsubscribe('news', other), 'auth forbidden'],
        ['§6.1.3.12 subscribes to nothing', subscribe('none', `${actor.jid.bare}`), 'cancel item-not-found'],
      ] as const) {
        assert.equal(refusal(await ask(actor, asked)), condition, what);
      }
      assert.deepEqual(itemIds(await ask(actor, items('news'))), ['one']);
    });
  }
});

test('XEP-0060: what cannot be is refused, and nothing is made of it', async (t) => {
  const { juliet } = await openGround(t);
  const long = 'n'.repeat(10_000);
  const wrongForm = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:x</value></field></x>`;
  for (const [what, asked, condition] of [
    ['a name of 10 kB', create(long), 'modify not-acceptable'],
    ['the same by an item', publish(long, 'a', entry('a')), 'modify not-acceptable'],
    ['10^9 items', create('m', config({ max_items: '1000000000' })), 'modify not-acceptable'],
    ['too many items', create('m', config({ max_items: `${pubsubLimits.itemsPerNodeMax + 1}` })), 'modify not-acceptable'],
    ['no number', create('m', config({ max_items: 'many' })), 'modify not-acceptable'],
    ['items for 1000 years', create('m', config({ item_expire: '99999999999' })), 'modify not-acceptable'],
    [
      'no such access model (§8.1.2)',
      create('m', config({ access_model: 'all' })),
      'modify not-acceptable unsupported-access-model',
    ],
    ['by presence', create('m', config({ presence_based_delivery: '1' })), 'modify not-acceptable'],
    [
      'a last item by presence',
      create('m', config({ send_last_published_item: 'on_sub_and_presence' })),
      'modify not-acceptable',
    ],
    ['a form of another type', create('m', wrongForm), 'modify bad-request'],
    ['a form that is a result', create('m', config({}).replace("type='submit'", "type='result'")), 'modify bad-request'],
    [
      '§8.1.3 a configuration of another node',
      request('set', `<create node='m'/><configure node='x'>${config({})}</configure>`),
      'modify bad-request',
    ],
    ['§8.1.1 a node that is there', create('news'), 'cancel conflict'],
    ['§8.2.3.3 a configuration of no node', own('get', '<configure/>'), 'modify bad-request nodeid-required'],
    ['§8.2.3.5 of one that is not there', own('get', `<configure node='m'/>`), 'cancel item-not-found'],
    ['§8.3 of collections', own('get', `<default type='collection'/>`), 'cancel feature-not-implemented unsupported collections'],
    [
      '§7.1.3.5 too large an item',
      publish('news', 'a', `<x xmlns='urn:x'>${'y'.repeat(300_001)}</x>`),
      'modify not-acceptable payload-too-big',
    ],
    ['too long an id', publish('news', 'i'.repeat(901), entry('a')), 'modify not-acceptable invalid-item-id'],
    [
      '§7.2.3.3 a retraction of no node',
      request('set', `<retract><item id='a'/></retract>`),
      'modify bad-request nodeid-required',
    ],
    ['§7.2.3.4 of no item', request('set', `<retract node='news'/>`), 'modify bad-request item-required'],
    ['§7.2.3.2 of none that is there', retract('news', 'a'), 'cancel item-not-found'],
    ['two items', request('set', `<publish node='news'><item/><item/></publish>`), 'cancel not-allowed max-items-exceeded'],
    ['nonsense', request('set', '<nonsense/>'), 'cancel feature-not-implemented'],
    ['constructor', request('set', '<constructor/>'), 'cancel feature-not-implemented'],
    ['nothing', request('set', ''), 'cancel feature-not-implemented'],
  ] as const) {
    assert.equal(refusal(await ask(juliet, asked)), condition, what);
  }
  assert.equal(refusal(await ask(juliet, items('m'))), 'cancel item-not-found');
  assert.deepEqual(itemIds(await ask(juliet, items('news'))), []);
  await juliet.send(`<message to='${service}' type='chat'><body>hello</body></message>`);
  assert.match((await juliet.next()) ?? '', /service-unavailable/);
});

test('XEP-0060 §8.1.1: who may make nodes is the tenant’s policy, and they are so many', async (t) => {
  const { stage, juliet, nurse, romeo } = await openGround(t);
  assert.equal(refusal(await ask(romeo, create('mine'))), 'auth forbidden');
  const instant = await ask(nurse, request('set', '<create/>'));
  assert.match(instant, /<create node='[^']+'\/>/);
  for (let made = 1; made < pubsubLimits.nodesMadeMax; made++) assert.ok(isDone(await ask(nurse, create(`n${made}`))));
  assert.equal(refusal(await ask(nurse, create('more'))), 'wait resource-constraint');
  assert.equal(refusal(await ask(juliet, items('more'))), 'cancel item-not-found');
  await ask(nurse, own('set', `<delete node='n1'/>`));
  assert.ok(isDone(await ask(nurse, create('more'))));
  await stage.tenants.setPolicy('a.example', { pubsub: 'admins' });
  assert.equal(refusal(await ask(juliet, create('late'))), 'auth forbidden');
  assert.ok(isDone(await ask(juliet, publish('news', 'a', entry('a')))), 'nodes stay');
  await stage.tenants.setPolicy('a.example', { pubsub: 'off' });
  assert.match(refusal(await ask(juliet, items('news'))), /remote-server-not-found/);
  assert.doesNotMatch(await ask(juliet, disco('items', undefined, '', 'a.example')), /pubsub/);
});

test('rows of a node are in a partition of its own, whatever its name is, and go with it', async (t) => {
  const { stage, juliet, romeo } = await openGround(t, { max_items: 'max' });
  const names = ['a', 'a/b', '../x', '__proto__', 'constructor', '#nodes', ' ', 'ünï 🎭', 'x/a/juliet'];
  for (const name of names) {
    await ask(juliet, create(name));
    await ask(romeo, subscribe(name, 'romeo@b.example'));
    await ask(juliet, publish(name, 'i/1', `<x xmlns='urn:x' of='${name}'/>`));
  }
  for (const name of names) assert.ok((await ask(romeo, items(name))).includes(` of='${name}'`), name);
  await stage.settle();
  assert.equal((await heard(stage, romeo)).length, names.length);
  for (const name of names) await ask(juliet, own('set', `<delete node='${name}'/>`));
  await stage.settle();
  const { Rows } = await import('../../lib/runtime/rows.ts');
  for (const name of names) {
    const { partition } = Rows.ofPubsub(stage.store, 'a.example', name);
    assert.match(partition, /^a\.example\/p\/[A-Za-z0-9_-]{43}$/);
    for (const table of ['core', 'archive', 'live'] as const) {
      const rows = await stage.store.query({ table, partition, limit: 100, consistent: true });
      assert.deepEqual(
        rows.filter(({ sort }) => !sort.startsWith('fanOutDone/')).map(({ sort }) => sort),
        [],
        name,
      );
    }
  }
  assert.doesNotMatch(await ask(juliet, disco('items')), / node='a'/);
  assert.ok(routerLimits.pepNodeNameBytesMax < 1_000);
});
