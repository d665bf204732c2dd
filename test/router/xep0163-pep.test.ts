import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSessions } from '../../lib/runtime/sessions.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { wantedNodes } from '../../services/router/pep/notify.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { announcement, answer, app, appear, client, event, info, lastItem, questionIn } from './pep-listener.ts';
import { config, configure, create, publish, purge, remove, retract } from './pep-requests.ts';

const tuneNs = 'http://jabber.org/protocol/tune';
const tune = `<tune xmlns='${tuneNs}'><title>Sonata</title></tune>`;
async function open(t: { after(run: () => Promise<void>): void }): Promise<RouterStage> {
  const stage = await openRouter();
  t.after(() => stage.close());
  return stage;
}

async function send(actor: BatchActor, xml: string): Promise<void> {
  await actor.send(xml);
  const index = actor.inbox.findIndex((text) => text.startsWith('<iq') && text.includes(`type='result'`));
  assert.ok(index >= 0, `${xml}: ${actor.inbox}`);
  actor.inbox.splice(index, 1);
}

function news(to: BatchActor, content: string, from = 'juliet@a.example'): string {
  return event(from, to.jid.toString(), content);
}

function last(to: BatchActor, content: string): string {
  return lastItem('juliet@a.example', to.jid.toString(), content);
}

const published = (id: string, node = tuneNs) => `<items node='${node}'><item id='${id}'>${tune}</item></items>`;

test('XEP-0163 §4.3.2: own resources get what they want and nothing else', async (t) => {
  const stage = await open(t);
  const balcony = await appear(stage, 'juliet@a.example/balcony', tuneNs);
  const chamber = await appear(stage, 'juliet@a.example/chamber', 'urn:other', tuneNs);
  const garden = await appear(stage, 'juliet@a.example/garden', 'urn:other');
  const plain = await stage.appear('juliet@a.example/plain');
  stage.clear();
  await send(balcony, publish(tuneNs, 'a', tune));
  await stage.play(
    [balcony, 'receives', news(balcony, published('a'))],
    [chamber, 'receives', news(chamber, published('a'))],
    [garden, 'receives nothing'],
    [plain, 'receives nothing'],
    [chamber, 'sends', `<presence type='unavailable'/>`],
  );
  stage.clear();
  await send(balcony, publish(tuneNs, 'b', tune));
  await stage.play([balcony, 'receives', news(balcony, published('b'))], [chamber, 'receives nothing']);
});

test('XEP-0060 §7.2, §8.2, §8.4, §8.5: retraction, purge, configuration and deletion are told as the node is configured', async (t) => {
  const stage = await open(t);
  const juliet = await appear(stage, 'juliet@a.example/balcony', 'n', 'quiet');
  const quiet = { notify_retract: '0', notify_delete: 'false', max_items: '5' };
  await send(juliet, create('n', config({ notify_config: '1', max_items: '5', deliver_payloads: '0' })));
  await send(juliet, create('quiet', config(quiet)));
  for (const [request, content] of [
    [publish('n', 'a', tune), `<items node='n'><item id='a'/></items>`],
    [retract('n', 'a'), `<items node='n'><retract id='a'/></items>`],
    [purge('n'), `<purge node='n'/>`],
    [configure('n', config({ title: 'N' })), `<configuration node='n'/>`],
    [remove('n'), `<delete node='n'/>`],
    [publish('quiet', 'a', tune), published('a', 'quiet')],
    [purge('quiet'), undefined],
    [publish('quiet', 'b', tune), published('b', 'quiet')],
    [retract('quiet', 'b'), undefined],
    [publish('quiet', 'c', tune), published('c', 'quiet')],
    [retract('quiet', 'c').replace('<retract ', `<retract notify='1' `), `<items node='quiet'><retract id='c'/></items>`],
    [configure('quiet', config({ title: 'Q' })), undefined],
    [remove('quiet'), undefined],
  ] as const) {
    await send(juliet, request);
    if (content) await stage.play([juliet, 'receives', news(juliet, content)]);
    assert.deepEqual(juliet.inbox, [], request);
  }
});

for (const domain of ['a.example', 'b.example']) {
  test(`XEP-0163 §4.3: a subscriber of ${domain} gets what it wants and may see; strangers and the blocked get nothing`, async (t) => {
    const stage = await open(t);
    const juliet = await appear(stage, 'juliet@a.example/balcony');
    const romeo = await appear(stage, `romeo@${domain}/orchard`, tuneNs, 'private');
    const street = await appear(stage, `romeo@${domain}/street`, 'urn:other');
    stage.clear();
    await send(juliet, publish(tuneNs, 'a', tune));
    await stage.play([romeo, 'receives nothing']);
    await stage.befriend(juliet, romeo);
    await send(juliet, publish(tuneNs, 'b', tune));
    const to = domain === 'a.example' ? romeo.jid : romeo.jid.bare;
    await stage.play(
      [romeo, 'receives', event('juliet@a.example', to.toString(), published('b'))],
      [street, 'receives nothing'],
      [juliet, 'receives nothing'],
    );
    await send(juliet, publish('private', 'a', tune, config({ access_model: 'whitelist' }, 'publish-options')));
    await stage.play([romeo, 'receives nothing']);
    for (const [blocker, blocked] of [
      [romeo, 'juliet@a.example'],
      [juliet, `romeo@${domain}`],
    ] as const) {
      await blocker.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${blocked}'/></block></iq>`);
      stage.clear();
      await send(juliet, publish(tuneNs, 'c', tune));
      await stage.play([romeo, 'receives nothing']);
      await blocker.send(`<iq type='set' id='b'><unblock xmlns='urn:xmpp:blocking'/></iq>`);
      stage.clear();
    }
    await juliet.send(`<presence type='unsubscribed' to='romeo@${domain}'/>`);
    stage.clear();
    await send(juliet, publish(tuneNs, 'd', tune));
    await stage.play([romeo, 'receives nothing']);
  });
}

test('an event that a client makes up is a message like any other', async (t) => {
  const stage = await open(t);
  const juliet = await appear(stage, 'juliet@a.example/balcony', tuneNs);
  const romeo = await stage.appear('romeo@b.example/orchard');
  const forged = `<event xmlns='http://jabber.org/protocol/pubsub#event'>${published('a')}</event>`;
  stage.clear();
  await romeo.send(`<message type='headline' to='juliet@a.example'>${forged}</message>`);
  assert.match(await juliet.next(), new RegExp(`from='${romeo.jid}'`));
  await romeo.send(`<message type='headline' from='romeo@b.example' to='juliet@a.example'>${forged}</message>`);
  assert.match(await juliet.next(), new RegExp(`from='${romeo.jid}'`), 'the bare JID is the server’s own');
});

test('XEP-0163 §4.3.4: who comes gets the last items that it wants, its own and those of contacts', async (t) => {
  const stage = await open(t);
  const juliet = await appear(stage, 'juliet@a.example/balcony');
  const nurse = await appear(stage, 'nurse@a.example/house');
  const romeo = await appear(stage, 'romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  await send(juliet, create(tuneNs, config({ max_items: '3' })));
  for (const id of ['a', 'b']) await send(juliet, publish(tuneNs, id, tune));
  await send(juliet, publish('private', 'p', tune, config({ access_model: 'whitelist' }, 'publish-options')));
  await send(juliet, publish('silent', 's', tune, config({ send_last_published_item: 'never' }, 'publish-options')));
  await send(nurse, publish(tuneNs, 'n', tune));
  stage.clear();
  const wanted = [tuneNs, 'private', 'silent'];
  const chamber = await appear(stage, 'juliet@a.example/chamber', ...wanted);
  await stage.play(
    [chamber, 'receives in any order', last(chamber, published('b')), last(chamber, published('p', 'private'))],
    [chamber, 'receives nothing'],
  );
  const street = await appear(stage, 'romeo@a.example/street', ...wanted);
  await stage.play([street, 'receives', last(street, published('b'))], [street, 'receives nothing']);
  stage.clear();
  // the same client again, whose hash is known: nothing is asked; a change of presence brings nothing again
  const again = await stage.join('romeo@a.example/again');
  await again.send(announcement(client(...wanted)));
  assert.equal(questionIn(again), undefined);
  assert.equal(again.inbox.filter((xml) => xml.includes(`<item id='b'>`)).length, 1);
  stage.clear();
  await again.send(announcement(client(...wanted)).replace('<presence>', '<presence><show>away</show>'));
  assert.deepEqual(
    again.inbox.filter((xml) => xml.startsWith('<message')),
    [],
  );
  // it wants more now
  await again.send(announcement(client(...wanted, 'more')));
  await answer(again, questionIn(again)!, client(...wanted, 'more'));
  assert.deepEqual(
    again.inbox.filter((xml) => xml.startsWith('<message')),
    [],
    'what it wanted before it has',
  );
});

test('a session that moved to another node gets the last items again: it may have missed them', async (t) => {
  const stage = await open(t);
  const juliet = await appear(stage, 'juliet@a.example/balcony', tuneNs);
  const { clock } = stage.dependencies;
  const before = clock.now();
  await send(juliet, publish(tuneNs, 'a', tune));
  const after = clock.now();
  stage.clear();
  await juliet.step([{ kind: 'moved' }], []);
  const at = Date.parse(/ stamp='([^']+Z)'/.exec(juliet.inbox[0]!)![1]!);
  assert.ok(before <= at && at <= after, 'XEP-0060 §6.1.7: with the time of its publication');
  await stage.play([juliet, 'receives', last(juliet, published('a'))], [juliet, 'receives nothing']);
});

test('XEP-0060 §6.1.7: a new subscriber gets the last items that it may see and wants', async (t) => {
  const stage = await open(t);
  const juliet = await appear(stage, 'juliet@a.example/balcony');
  const romeo = await appear(stage, 'romeo@a.example/orchard', tuneNs, 'private', 'silent', 'on-sub');
  const plain = await stage.appear('romeo@a.example/plain');
  for (const [node, fields] of [
    [tuneNs, {}],
    ['private', { access_model: 'whitelist' }],
    ['silent', { send_last_published_item: 'never' }],
    ['on-sub', { send_last_published_item: 'on_sub' }],
    ['unwanted', {}],
  ] as const) {
    await send(juliet, publish(node, 'a', tune, config(fields as Record<string, string>, 'publish-options')));
  }
  stage.clear();
  await romeo.send(`<presence type='subscribe' to='juliet@a.example'/>`);
  const events = (actor: BatchActor) => actor.inbox.filter((xml) => xml.startsWith('<message'));
  assert.deepEqual(events(romeo), []);
  await juliet.send(`<presence type='subscribed' to='romeo@a.example'/>`);
  const nodes = events(romeo).map((xml) => /<items node='([^']+)'/.exec(xml)![1]);
  assert.deepEqual(nodes.sort(), [tuneNs, 'on-sub']);
  assert.deepEqual([...events(plain), ...events(juliet)], []);
  stage.clear();
  await juliet.send(`<presence type='subscribed' to='romeo@a.example'/>`);
  assert.deepEqual(events(romeo), [], 'nothing has changed');
});

test('XEP-0163 §4.3.4: who comes gets the last items of contacts in other tenants, those that it wants and may see', async (t) => {
  const stage = await open(t);
  const juliet = await appear(stage, 'juliet@a.example/balcony');
  const romeo = await appear(stage, 'romeo@b.example/orchard');
  await stage.befriend(juliet, romeo);
  await send(juliet, publish(tuneNs, 'a', tune));
  await send(juliet, publish('unwanted', 'u', tune));
  await send(juliet, publish('private', 'p', tune, config({ access_model: 'whitelist' }, 'publish-options')));
  stage.clear();
  const street = await appear(stage, 'romeo@b.example/street', tuneNs, 'private');
  await stage.play([street, 'receives', last(street, published('a'))], [street, 'receives nothing']);
  for (const other of [romeo, juliet]) assert.ok(!other.inbox.some((xml) => xml.includes('pubsub')), other.inbox.join());
});

test('a probe that asks for items gets what a subscriber may see, and a stranger or who is blocked nothing', async (t) => {
  const stage = await open(t);
  const juliet = await appear(stage, 'juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@b.example/orchard');
  for (const access of ['open', 'presence', 'whitelist']) {
    await send(juliet, publish(access, 'a', tune, config({ access_model: access }, 'publish-options')));
  }
  const nodes = ['open', 'presence', 'whitelist', 'none', '__proto__'].map((node) => `<node>${node}</node>`).join('');
  const probe = `<presence type='probe' to='juliet@a.example'><wanted xmlns='https://skylark.im/pep'>${nodes}</wanted></presence>`;
  stage.clear();
  await romeo.send(probe);
  await stage.play([romeo, 'receives nothing']);
  await stage.befriend(juliet, romeo);
  await romeo.send(probe);
  await stage.play(
    [romeo, 'receives in any order', last(romeo, published('a', 'open')), last(romeo, published('a', 'presence'))],
    [romeo, 'receives nothing'],
  );
  await juliet.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@b.example'/></block></iq>`);
  stage.clear();
  await romeo.send(probe);
  await stage.play([romeo, 'receives nothing']);
});

test('XEP-0115 §5.4: an answer that does not fit its hash counts for its session alone', async (t) => {
  const stage = await open(t);
  const honest = client(tuneNs);
  const forged = await stage.join('juliet@a.example/forged');
  await forged.send(announcement(honest));
  await answer(forged, questionIn(forged)!, client('urn:stolen'));
  const second = await stage.join('juliet@a.example/second');
  await second.send(announcement(honest));
  await answer(second, questionIn(second)!, honest);
  const third = await stage.join('juliet@a.example/third');
  await third.send(announcement(honest));
  assert.equal(questionIn(third), undefined, 'known by now');
  const other = await stage.join('romeo@a.example/orchard');
  await other.send(announcement(honest));
  assert.notEqual(questionIn(other), undefined, 'of another account nobody believes it');
  stage.clear();
  await send(second, publish(tuneNs, 'a', tune));
  await stage.play(
    [second, 'receives', news(second, published('a'))],
    [third, 'receives', news(third, published('a'))],
    [forged, 'receives nothing'],
  );
});

test('XEP-0115: the form without a hash, a new hash and none at all', async (t) => {
  const stage = await open(t);
  const juliet = await stage.join('juliet@a.example/balcony');
  const wants = client(tuneNs);
  await juliet.send(announcement({ ...wants, ver: '1.0' }, ''));
  const question = questionIn(juliet)!;
  await answer(juliet, question, wants, `${app}#0.9`);
  stage.clear();
  await send(juliet, publish(tuneNs, 'a', tune));
  await stage.play([juliet, 'receives nothing']); // that was of another version
  await answer(juliet, question, wants);
  await stage.play([juliet, 'receives', last(juliet, published('a'))]);
  await juliet.send(announcement(client('urn:other')));
  await answer(juliet, questionIn(juliet)!, client('urn:other'));
  stage.clear();
  await send(juliet, publish(tuneNs, 'b', tune));
  await stage.play([juliet, 'receives nothing']);
  await juliet.send(announcement(wants));
  await answer(juliet, questionIn(juliet)!, wants);
  stage.clear();
  await juliet.send('<presence/>');
  stage.clear();
  await send(juliet, publish(tuneNs, 'c', tune));
  await stage.play([juliet, 'receives nothing']);
});

test('what a client wants is bounded, and an answer that nobody asked for says nothing', async (t) => {
  const stage = await open(t);
  const juliet = await stage.join('juliet@a.example/balcony');
  const many = client(
    ...Array.from({ length: 3 * routerLimits.pepWantedMax }, (_, index) => `urn:${index}:${'n'.repeat(index)}`),
  );
  await juliet.send(announcement(many));
  await answer(juliet, questionIn(juliet)!, many);
  const wanted = async () =>
    wantedNodes.of((await readSessions(stage.dependencies.store, [{ domain: 'a.example', local: 'juliet' }]))[0]![0]!) ?? [];
  assert.ok((await wanted()).length > 0 && (await wanted()).length <= routerLimits.pepWantedMax);
  assert.ok(Buffer.byteLength((await wanted()).join('')) <= routerLimits.pepWantedBytesMax);
  await juliet.send('<presence/>');
  const vars = `<feature var='${tuneNs}+notify'/>`;
  for (const id of ['x', 'caps-0']) await juliet.send(`<iq type='result' id='${id}'><query xmlns='${info}'>${vars}</query></iq>`);
  assert.deepEqual(await wanted(), []);
  await juliet.send(announcement({ ...many, ver: 'v'.repeat(routerLimits.capsCharactersMax) }));
  assert.equal(questionIn(juliet), undefined);
});

test('XEP-0163 §6: the account is a pubsub service of the kind pep', async (t) => {
  const stage = await open(t);
  const juliet = await stage.join('juliet@a.example/balcony');
  await juliet.send(`<iq type='get' id='d' to='juliet@a.example'><query xmlns='${info}'/></iq>`);
  const described = await juliet.next();
  assert.ok(described.includes(`<identity category='pubsub' type='pep'/>`));
  for (const feature of [
    'publish',
    'publish-options',
    'auto-create',
    'persistent-items',
    'access-open',
    'filtered-notifications',
  ]) {
    assert.ok(described.includes(`<feature var='http://jabber.org/protocol/pubsub#${feature}'/>`), feature);
  }
});
