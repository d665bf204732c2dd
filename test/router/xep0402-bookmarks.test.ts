import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertXml } from '../support/stage/xml-equality.ts';
import {
  arrange,
  ask,
  assertShown,
  current,
  extensions,
  inNode,
  inPrivate,
  NS,
  native,
  older,
  options,
  page,
  priv,
  room,
  storage,
  told,
  ways,
} from './bookmark-requests.ts';
import { appear, event, info } from './pep-listener.ts';
import { config, configure, create, itemIds, items, own, publish, purge, remove, retract } from './pep-requests.ts';

test('XEP-0402 §5.3.1: both older forms show what is published', async (t) => {
  const { juliet } = await arrange(t);
  const full = native(`name='The Play' autojoin='true'`, `<nick>JC</nick><password>p&amp;q</password>${extensions}`);
  await ask(juliet, publish(NS, 'theplay@c.a.example', full, options));
  await ask(juliet, publish(NS, 'orchard@c.a.example', native('')));
  const orchard = room('orchard');
  await assertShown(
    juliet,
    `<conference jid='theplay@c.a.example' name='The Play' autojoin='true'><nick>JC</nick><password>p&amp;q</password></conference>${orchard}`,
  );
  await ask(juliet, retract(NS, 'theplay@c.a.example'));
  await assertShown(juliet, orchard);
  await ask(juliet, retract(NS, 'orchard@c.a.example'));
  await assertShown(juliet, '');
});

for (const way of ways) {
  test(`XEP-0402 §5.3.2: what is written to ${way.name} becomes items that only the account sees`, async (t) => {
    const { juliet } = await arrange(t);
    const full = `<conference jid='theplay@c.a.example' name='The Play' autojoin='1'><nick>JC</nick></conference>`;
    assert.match(await ask(juliet, way.write(full + page)), /type='result'/);
    const answer = await ask(juliet, items(NS));
    assert.deepEqual(itemIds(answer), ['theplay@c.a.example']);
    assert.ok(answer.includes(`<conference xmlns='${NS}' name='The Play' autojoin='true'><nick>JC</nick></conference>`), answer);
    for (const node of [NS, older]) {
      const form = await ask(juliet, own('get', `<configure node='${node}'/>`));
      assert.match(form, /pubsub#access_model'[^>]*><value>whitelist</);
    }
    assert.match(await ask(juliet, publish(NS, 'x@c.a.example', native(''), options)), /type='result'/);
    await assertShown(juliet, `${full.replace(`'1'`, `'true'`)}${room('x')}${page}`);
    assert.match(await ask(juliet, way.write('')), /type='result'/);
    await assertShown(juliet, '');
    assert.deepEqual(itemIds(await ask(juliet, items(NS))), []);
  });

  test(`XEP-0402 §5.3.2: a change by ${way.name} keeps extensions, tells of what has changed, and of nothing else`, async (t) => {
    const { stage, juliet } = await arrange(t);
    for (const [name, title] of [
      ['same', 'Same'],
      ['new', 'Old'],
      ['gone', 'Gone'],
    ]) {
      await ask(juliet, publish(NS, `${name}@c.a.example`, native(`name='${title}'`, extensions), options));
    }
    const listener = await appear(stage, 'juliet@a.example/chamber', NS);
    const elder = await appear(stage, 'juliet@a.example/garden', older);
    stage.clear();
    const rooms = `${room('same', ` name='Same'`)}<conference jid='New@C.a.example' name='New'/>`;
    assert.match(await ask(juliet, way.write(rooms)), /type='result'/);
    const changed = native(`name='New'`, extensions);
    await stage.play(
      [listener, 'receives', told(listener, NS, `<retract id='gone@c.a.example'/>`)],
      [listener, 'receives', told(listener, NS, `<item id='new@c.a.example'>${changed}</item>`)],
      [listener, 'receives nothing'],
      [elder, 'receives', told(elder, older, current(room('same', ` name='Same'`) + room('new', ` name='New'`)))],
      [elder, 'receives nothing'],
    );
  });
}

test('XEP-0402 §5.3: who wants one form is told in that form, whichever the change came by; contacts are told nothing', async (t) => {
  const { stage, juliet } = await arrange(t);
  const romeo = await appear(stage, 'romeo@a.example/orchard', NS, older);
  const newer = await appear(stage, 'juliet@a.example/chamber', NS);
  const elder = await appear(stage, 'juliet@a.example/garden', older);
  await stage.befriend(newer, romeo);
  const item = (id: string, attributes = '') => `<item id='${id}@c.a.example'>${native(attributes)}</item>`;
  for (const [request, forNewer, forElder] of [
    [publish(NS, 'a@c.a.example', native(`name='A'`), options), [item('a', `name='A'`)], current(room('a', ` name='A'`))],
    [inPrivate.write(room('a', ` name='A'`) + room('b')), [item('b')], current(room('a', ` name='A'`) + room('b'))],
    [inNode.write(room('b') + page), [`<retract id='a@c.a.example'/>`], current(room('b') + page)],
    [inNode.write(room('b')), [], current(room('b'))],
    [retract(NS, 'b@c.a.example'), [`<retract id='b@c.a.example'/>`], current('')],
    [inPrivate.write(page), [], current(page)],
    [publish(NS, 'c@c.a.example', native('')), [item('c')], current(room('c') + page)],
    [retract(older, 'current'), [`<retract id='c@c.a.example'/>`], `<retract id='current'/>`],
  ] as const) {
    stage.clear();
    assert.match(await ask(juliet, request), /type='result'/);
    for (const content of forNewer) await stage.play([newer, 'receives', told(newer, NS, content)]);
    await stage.play(
      [newer, 'receives nothing'],
      [elder, 'receives', told(elder, older, forElder)],
      [elder, 'receives nothing'],
      [romeo, 'receives nothing'],
      [juliet, 'receives nothing'],
    );
  }
  await assertShown(juliet, '');
});

test('XEP-0402 §5.3: either node is purged and deleted with the other', async (t) => {
  const { stage, juliet } = await arrange(t);
  const elder = await appear(stage, 'juliet@a.example/garden', older, NS);
  for (const node of [NS, older]) {
    await ask(juliet, inPrivate.write(room('a') + room('b') + page));
    stage.clear();
    assert.match(await ask(juliet, purge(node)), /type='result'/);
    await assertShown(juliet, node === NS ? page : '');
    const emptied = event('juliet@a.example', `${elder.jid}`, `<purge node='${node}'/>`);
    const gone = ['a', 'b'].map((name) => told(elder, NS, `<retract id='${name}@c.a.example'/>`));
    const others = node === NS ? [told(elder, older, current(page))] : gone;
    await stage.play([elder, 'receives in any order', emptied, ...others], [elder, 'receives nothing']);
    await ask(juliet, inPrivate.write(room('a') + page));
    stage.clear();
    assert.match(await ask(juliet, remove(node)), /type='result'/);
    const deleted = (name: string) => event('juliet@a.example', `${elder.jid}`, `<delete node='${name}'/>`);
    await stage.play([elder, 'receives in any order', deleted(NS), deleted(older)], [elder, 'receives nothing']);
    for (const gone of [NS, older]) assert.match(await ask(juliet, items(gone)), /<item-not-found /);
    assertXml(await ask(juliet, inPrivate.read), `<iq type='result' id='r' to='${juliet.jid}'>${priv(storage(page))}</iq>`);
  }
  const query = { table: 'core', partition: 'a.example/a/juliet', prefix: 'pep', limit: 10, consistent: true } as const;
  assert.deepEqual(await stage.dependencies.store.query(query), [], 'and no row is left');
});

test('XEP-0048 §3.1, XEP-0163 §4.3.4: who comes and wants the older node is sent the list; of the other nothing', async (t) => {
  const { stage, juliet } = await arrange(t);
  await ask(juliet, publish(NS, 'a@c.a.example', native(''), options));
  const garden = await appear(stage, 'juliet@a.example/garden', older, NS);
  await stage.play([garden, 'receives', told(garden, older, current(room('a')))], [garden, 'receives nothing']);
});

test('XEP-0060 §8.1, §8.2: the older node is made, configured and found like any other; the two know each other', async (t) => {
  const { juliet } = await arrange(t);
  assert.match(await ask(juliet, create(older)), /type='result'/);
  for (const node of [older, NS]) assert.match(await ask(juliet, create(node)), /<conflict /);
  await assertShown(juliet, '');
  const wanted = { access_model: 'whitelist', persist_items: '1', send_last_published_item: 'never', max_items: 'max' };
  assert.match(await ask(juliet, publish(older, 'current', storage(''), options)), /<precondition-not-met /);
  assert.match(await ask(juliet, configure(older, config(wanted))), /type='result'/);
  assert.match(await ask(juliet, publish(older, 'current', storage(room('a')), options)), /type='result'/);
  assert.match(await ask(juliet, publish(NS, 'b@c.a.example', native(''), options)), /type='result'/);
  const list = await ask(
    juliet,
    `<iq type='get' id='d' to='juliet@a.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
  );
  assert.deepEqual([...list.matchAll(/node='([^']+)'/g)].map(([, node]) => node).sort(), [older, NS]);
  const described = await ask(juliet, `<iq type='get' id='d' to='juliet@a.example'><query xmlns='${info}'/></iq>`);
  for (const name of ['compat', 'compat-pep']) assert.ok(described.includes(`<feature var='${NS}#${name}'/>`), name);
});
