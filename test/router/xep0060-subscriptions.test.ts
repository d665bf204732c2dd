/**
 * XEP-0060 §5.6, §6.1, §6.2, §8.8 on an account's nodes: subscribing by request, beside what presence subscribes.
 *
 * Hostile: subscribing somebody else or from another tenant's name, more often than there is room, after access was taken away, and
 * under a name that somebody else had before.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import { removalsOf } from '../../services/router/removal/removals.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { appear, event } from './pep-listener.ts';
import { config, configure, create, own, publish, pubsub, remove } from './pep-requests.ts';

const tune = `<tune xmlns='http://jabber.org/protocol/tune'><title>Sonata</title></tune>`;
const item = `<items node='n'><item id='a'>${tune}</item></items>`;
const header = `<headers xmlns='http://jabber.org/protocol/shim'><header name='SubID'>{any}</header></headers>`;

async function ask(actor: StreamActor, xml: string): Promise<string> {
  await actor.send(xml);
  return actor.next();
}

function request(type: 'get' | 'set', content: string, to = 'juliet@a.example'): string {
  return `<iq type='${type}' id='s' to='${to}'>${pubsub(content)}</iq>`;
}

const subscribe = (jid: string, node = 'n') => request('set', `<subscribe node='${node}' jid='${jid}'/>`);
const unsubscribe = (jid: string, more = '') => request('set', `<unsubscribe node='n' jid='${jid}'${more}/>`);

function conditionOf(answer: string): string {
  const found = /type='error'.*?<error [^>]*><([a-z-]+) .*?(?:<([a-z-]+) xmlns='[^']*#errors'|<\/error>)/.exec(answer);
  return found ? [found[1], found[2]].filter(Boolean).join(' ') : answer;
}

/** Juliet has a node that everybody may read, and what romeo wants of it he has to ask for. */
async function arrange(t: { after(run: () => Promise<void>): void }, reader = 'romeo@a.example/orchard', access = 'open') {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear(reader);
  await ask(juliet, create('n', config({ access_model: access, send_last_published_item: 'on_sub' })));
  stage.clear();
  return { stage, juliet, romeo };
}

describe('XEP-0060 §6.1: a subscription is told of what is published', () => {
  for (const [what, reader, subscribed, sentTo] of [
    ['of a bare JID, every available resource', 'romeo@a.example/orchard', 'romeo@a.example', 'romeo@a.example/orchard'],
    ['of a full JID, that resource', 'romeo@a.example/orchard', 'romeo@a.example/orchard', 'romeo@a.example/orchard'],
    ['of another tenant', 'romeo@b.example/orchard', 'romeo@b.example', 'romeo@b.example'],
    ['of a resource of another tenant', 'romeo@b.example/orchard', 'romeo@b.example/orchard', 'romeo@b.example/orchard'],
  ] as const) {
    test(what, async (t) => {
      const { stage, juliet, romeo } = await arrange(t, reader);
      const answer = await ask(romeo, subscribe(subscribed));
      assert.match(answer, new RegExp(`<subscription node='n' jid='${subscribed}' subid='[^']+' subscription='subscribed'/>`));
      assert.equal(await ask(romeo, subscribe(subscribed)), answer, 'subscribing again changes nothing');
      await ask(juliet, publish('n', 'a', tune));
      const expected = event('juliet@a.example', sentTo, item);
      const isElsewhere = reader.includes('b.example');
      const told = isElsewhere ? expected.replace('</message>', `${header}</message>`) : expected;
      await stage.play([romeo, 'receives', told]);
      assert.deepEqual(romeo.inbox, []);
    });
  }
});

test('XEP-0060 §6.1.7: a new subscriber is sent the last item, with the time of its publication', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await ask(juliet, publish('n', 'a', tune));
  await romeo.send(subscribe('romeo@a.example'));
  const delay = `<delay xmlns='urn:xmpp:delay' stamp='{any}'/>`;
  const last = event('juliet@a.example', 'romeo@a.example', item).replace('</message>', `${header}${delay}</message>`);
  const granted = `<iq type='result' id='s' from='juliet@a.example' to='${romeo.jid}'>${pubsub(
    `<subscription node='n' jid='romeo@a.example' subid='{any}' subscription='subscribed'/>`,
  )}</iq>`;
  await stage.play([romeo, 'receives in any order', granted, last]);
});

test('XEP-0060 §6.1: who is subscribed by presence and by request is told once', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await appear(stage, 'romeo@a.example/orchard', 'n');
  await stage.befriend(juliet, romeo);
  await ask(juliet, create('n'));
  await ask(romeo, subscribe('romeo@a.example'));
  await ask(juliet, subscribe('juliet@a.example'));
  stage.clear();
  await juliet.send(publish('n', 'a', tune));
  await stage.play(
    [romeo, 'receives', event('juliet@a.example', romeo.jid.toString(), item)],
    [romeo, 'receives nothing'],
    [
      juliet,
      'receives in any order',
      event('juliet@a.example', juliet.jid.toString(), item),
      `<iq type='result' id='p' to='${juliet.jid}'>${pubsub(`<publish node='n'><item id='a'/></publish>`)}</iq>`,
    ],
    [juliet, 'receives nothing'],
  );
});

test('XEP-0060 §6.1.3, §6.2.3, §6.3: what is refused, and with which condition', async (t) => {
  const { juliet, romeo } = await arrange(t);
  await ask(juliet, create('friends'));
  await ask(juliet, create('mine', config({ access_model: 'whitelist' })));
  await ask(juliet, create('team', config({ access_model: 'roster', roster_groups_allowed: 'team' })));
  for (const [what, xml, condition] of [
    ['somebody else', subscribe('tybalt@a.example'), 'bad-request invalid-jid'],
    ['another resource of oneself', subscribe('romeo@a.example/other'), 'bad-request invalid-jid'],
    ['the owner', subscribe('juliet@a.example'), 'bad-request invalid-jid'],
    ['the same name in another tenant', subscribe('romeo@b.example'), 'bad-request invalid-jid'],
    ['a domain', subscribe('a.example'), 'bad-request invalid-jid'],
    ['a malformed address', subscribe('@'), 'bad-request invalid-jid'],
    ['nobody', request('set', `<subscribe node='n'/>`), 'bad-request invalid-jid'],
    ['no node', request('set', `<subscribe jid='romeo@a.example'/>`), 'bad-request nodeid-required'],
    ['a node that is not there', subscribe('romeo@a.example', 'gone'), 'item-not-found'],
    ['one for those who see presence', subscribe('romeo@a.example', 'friends'), 'not-authorized presence-subscription-required'],
    ['one for the account alone', subscribe('romeo@a.example', 'mine'), 'not-allowed closed-node'],
    ['one for a group', subscribe('romeo@a.example', 'team'), 'not-authorized not-in-roster-group'],
    ['ending what was not begun', unsubscribe('romeo@a.example'), 'unexpected-request not-subscribed'],
    ['ending that of somebody else', unsubscribe('juliet@a.example'), 'forbidden'],
    [
      'options of what was not begun',
      request('get', `<options node='n' jid='romeo@a.example'/>`),
      'unexpected-request not-subscribed',
    ],
    ['options without an address', request('get', `<options node='n'/>`), 'bad-request jid-required'],
    ['options of somebody else', request('get', `<options node='n' jid='juliet@a.example'/>`), 'forbidden'],
    [
      'no options with a subscription',
      request('set', `<subscribe node='n' jid='romeo@a.example'/><options/>`),
      'bad-request invalid-options',
    ],
    ['the list of subscribers', own('get', `<subscriptions node='n'/>`).replace('<iq', `<iq to='juliet@a.example'`), 'forbidden'],
  ] as const) {
    assert.equal(conditionOf(await ask(romeo, xml)), condition, what);
  }
  assert.doesNotMatch(await ask(romeo, request('get', '<subscriptions/>')), /<subscription /, 'nothing came of it');
});

test('XEP-0060 §6.2: after unsubscribing nothing comes; a wrong subid ends nothing', async (t) => {
  const { juliet, romeo } = await arrange(t);
  const { subid } = /subid='(?<subid>[^']+)'/.exec(await ask(romeo, subscribe('romeo@a.example')))!.groups!;
  const wrong = await ask(romeo, unsubscribe('romeo@a.example', ` subid='other'`));
  assert.equal(conditionOf(wrong), 'not-acceptable invalid-subid');
  assert.match(await ask(romeo, request('get', `<subscriptions node='n'/>`)), new RegExp(`subid='${subid}'`));
  assert.match(await ask(romeo, unsubscribe('romeo@a.example', ` subid='${subid}'`)), /type='result'/);
  await ask(juliet, publish('n', 'a', tune));
  assert.deepEqual(romeo.inbox, []);
});

describe('a subscription gives no right to read', () => {
  const lost: readonly (readonly [string, (stage: WholeStage, juliet: StreamActor, romeo: StreamActor) => Promise<unknown>])[] = [
    ['when the node is closed', (_, juliet) => ask(juliet, configure('n', config({ access_model: 'whitelist' })))],
    ['when the node is for contacts only', (_, juliet) => ask(juliet, configure('n', config({ access_model: 'presence' })))],
    [
      'when the owner blocks the subscriber',
      (_, juliet) =>
        ask(juliet, `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@a.example'/></block></iq>`),
    ],
    [
      'when the subscriber blocks the owner',
      (_, __, romeo) =>
        ask(romeo, `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='juliet@a.example'/></block></iq>`),
    ],
    [
      'when the owner ends it (§8.8.2)',
      (_, juliet) =>
        ask(
          juliet,
          own('set', `<subscriptions node='n'><subscription jid='romeo@a.example' subscription='none'/></subscriptions>`),
        ),
    ],
  ];
  for (const [what, lose] of lost) {
    test(what, async (t) => {
      const { stage, juliet, romeo } = await arrange(t);
      await ask(romeo, subscribe('romeo@a.example'));
      await lose(stage, juliet, romeo);
      stage.clear();
      await ask(juliet, publish('n', 'a', tune));
      assert.deepEqual(romeo.inbox, []);
    });
  }
});

test('a subscription ends with the account: a later one of the same name is not told', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await ask(romeo, subscribe('romeo@a.example'));
  await removalsOf(stage.dependencies).account((await stage.dependencies.tenants.find('a.example'))!, 'romeo');
  const later = await stage.appear('romeo@a.example/later');
  await ask(juliet, publish('n', 'a', tune));
  assert.deepEqual(later.inbox, []);
  assert.doesNotMatch(await ask(juliet, own('get', `<subscriptions node='n'/>`)), /romeo/);
});

test('XEP-0060 §8.4: with the node its subscriptions go, and a node of the same name has none', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await ask(romeo, subscribe('romeo@a.example'));
  await juliet.send(remove('n'));
  await stage.play([romeo, 'receives', event('juliet@a.example', romeo.jid.toString(), `<delete node='n'/>`)]);
  stage.clear();
  await ask(juliet, create('n', config({ access_model: 'open' })));
  await ask(juliet, publish('n', 'a', tune));
  assert.deepEqual(romeo.inbox, []);
  assert.doesNotMatch(await ask(juliet, own('get', `<subscriptions node='n'/>`)), /romeo/);
});

test('XEP-0060 §5.6, §5.7, §8.8.1: each sees its own subscriptions, the owner all of them and its affiliations', async (t) => {
  const { juliet, romeo } = await arrange(t);
  await ask(romeo, subscribe('romeo@a.example'));
  await ask(romeo, subscribe('romeo@a.example/orchard'));
  await ask(juliet, subscribe('juliet@a.example'));
  const count = (answer: string) => answer.split('<subscription ').length - 1;
  assert.equal(count(await ask(romeo, request('get', '<subscriptions/>'))), 2);
  assert.equal(count(await ask(romeo, request('get', `<subscriptions node='other'/>`))), 0);
  assert.equal(count(await ask(juliet, own('get', `<subscriptions node='n'/>`))), 3);
  assert.match(await ask(juliet, request('get', '<affiliations/>')), /<affiliation node='n' affiliation='owner'\/>/);
  assert.doesNotMatch(await ask(romeo, request('get', '<affiliations/>')), /<affiliation /);
});

test('a node has a bounded number of subscribers', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await ask(romeo, subscribe('romeo@a.example'));
  const { store } = stage.dependencies;
  const [row] = await store.query({
    table: 'core',
    partition: 'a.example/a/juliet',
    prefix: 'pepSubscribers/',
    limit: 1,
    consistent: true,
  });
  const many = Array.from({ length: routerLimits.pepSubscribersMax }, (_, index) => ({
    jid: `u${index}@b.example`,
    subid: `${index}`,
  }));
  await store.put({ table: 'core', partition: row!.partition, sort: row!.sort, value: JSON.stringify({ subscribers: many }) });
  assert.equal(conditionOf(await ask(romeo, subscribe('romeo@a.example'))), 'policy-violation too-many-subscriptions');
  await ask(juliet, publish('n', 'a', tune));
});
