/** XEP-0503: spaces at the pubsub service, of people of two tenants; how they are found by their type (XEP-0462). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { config } from './pep-requests.ts';
import {
  ask,
  configure,
  create,
  disco,
  heard,
  isDone,
  items,
  openGround,
  own,
  publish,
  refusal,
  subscribe,
} from './pubsub-ground.ts';

const type = 'urn:xmpp:spaces:0';
const room = `<conference xmlns='urn:xmpp:bookmarks:1' name='The hall'/>`;
const fieldOf = (form: string, name: string) => new RegExp(`var='pubsub#${name}'[^>]*><value>([^<]*)<`).exec(form)?.[1];

test('XEP-0503 §4: the service has what a service of spaces must have and should have', async (t) => {
  const { romeo } = await openGround(t);
  const answer = await ask(romeo, disco('info'));
  const must = [
    'subscribe',
    'create-nodes',
    'delete-nodes',
    'config-node',
    'meta-data',
    'delete-items',
    'retract-items',
    'multi-items',
  ];
  const more = [
    'item-ids',
    'manage-subscriptions',
    'retrieve-items',
    'member-affiliation',
    'modify-affiliations',
    'retrieve-affiliations',
    'get-pending',
  ];
  for (const feature of [...must, ...more]) assert.ok(answer.includes(`'http://jabber.org/protocol/pubsub#${feature}'`), feature);
});

describe('XEP-0503 §3: how a space is configured', () => {
  const flags = ['notify_retract', 'persist_items', 'purge_offline', 'notify_sub', 'notify_config', 'notify_delete'];

  for (const [exposure, fields] of [
    ['public', {}],
    ['private, on request', { access_model: 'authorize' }],
    ['private', { access_model: 'whitelist' }],
  ] as const)
    test(exposure, async (t) => {
      const { juliet } = await openGround(t);
      assert.ok(isDone(await ask(juliet, create('dev', config({ type, ...fields })))));
      const form = await ask(juliet, own('get', `<configure node='dev'/>`));
      assert.deepEqual(
        flags.map((name) => fieldOf(form, name)),
        ['1', '1', '0', '1', '1', '1'],
      );
      assert.equal(fieldOf(form, 'max_items'), '2000');
      assert.equal(fieldOf(form, 'access_model'), 'access_model' in fields ? fields.access_model : 'open');
      assert.equal(fieldOf(form, 'publish_model'), 'publishers');
    });

  const impossible: readonly Record<string, string>[] = [
    { notify_retract: '0' },
    { persist_items: '0' },
    { purge_offline: '1' },
    { access_model: 'presence' },
    { access_model: 'roster' },
  ];
  for (const fields of impossible)
    test(`${JSON.stringify(fields)} is refused`, async (t) => {
      const { juliet } = await openGround(t);
      assert.equal(refusal(await ask(juliet, create('dev', config({ type, ...fields })))), 'modify not-acceptable');
      await ask(juliet, create('dev', config({ type })));
      assert.equal(refusal(await ask(juliet, configure('dev', config(fields)))), 'modify not-acceptable');
    });

  test('what should be is left to whoever makes it', async (t) => {
    const { juliet } = await openGround(t);
    assert.ok(isDone(await ask(juliet, create('dev', config({ type, notify_sub: '0', publish_model: 'open' })))));
    const form = await ask(juliet, own('get', `<configure node='dev'/>`));
    assert.deepEqual([fieldOf(form, 'notify_sub'), fieldOf(form, 'publish_model')], ['0', 'open']);
  });
});

test('XEP-0503 §5.2, §5.3, §5.4: somebody of the other tenant finds a space, joins it, and sees what is in it', async (t) => {
  const { juliet, romeo, stage } = await openGround(t);
  await ask(juliet, create('dev', config({ type, title: 'The developers corner' })));
  await ask(juliet, publish('dev', 'hall@conference.a.example', room));
  const info = await ask(romeo, disco('info', 'dev'));
  assert.deepEqual(
    ['type', 'title', 'creator', 'owner'].map((name) => fieldOf(info, name)),
    [type, 'The developers corner', 'juliet@a.example', 'juliet@a.example'],
  );
  await ask(romeo, subscribe('dev', 'romeo@b.example'));
  assert.match((await heard(stage, juliet)).join(), /subscription='subscribed'/, 'the owner is told');
  assert.match(
    await ask(romeo, items('dev')),
    /<item id='hall@conference.a.example'[^>]*><conference xmlns='urn:xmpp:bookmarks:1' name='The hall'\/>/,
  );
  await heard(stage, romeo);
  await ask(juliet, publish('dev', 'urn:xmpp:spaces:avatar:metadata:0', `<metadata xmlns='urn:xmpp:avatar:metadata'/>`));
  assert.match((await heard(stage, romeo)).join(), /<item id='urn:xmpp:spaces:avatar:metadata:0'/);
});

describe('XEP-0462 §3.2: nodes of a type', () => {
  const filter = (...fields: readonly (readonly [string, ...string[]])[]) => {
    const lines = fields.map(
      ([name, ...types]) => `<field var='${name}'>${types.map((one) => `<value>${one}</value>`).join('')}</field>`,
    );
    const formType = `<field var='FORM_TYPE'><value>urn:xmpp:pubsub-filter:0</value></field>`;
    return `<filter xmlns='urn:xmpp:pubsub-filter:0'><x xmlns='jabber:x:data' type='submit'>${formType}${lines.join('')}</x></filter>`;
  };

  for (const [what, content, expected] of [
    ['no filter', '', ['dev', 'feed', 'news', 'sales']],
    ['spaces', filter(['included-types', type]), ['dev', 'sales']],
    ['spaces, and what has no type', filter(['included-types', type, '']), ['dev', 'news', 'sales']],
    ['all but spaces', filter(['excluded-types', type]), ['feed', 'news']],
    ['all that have a type', filter(['excluded-types', '']), ['dev', 'feed', 'sales']],
    ['a type that nothing has', filter(['included-types', 'urn:y']), []],
    ['an empty form', filter(), ['dev', 'feed', 'news', 'sales']],
  ] as const)
    test(what, async (t) => {
      const { juliet, romeo } = await openGround(t);
      await ask(juliet, create('dev', config({ type })));
      await ask(juliet, create('sales', config({ type })));
      await ask(juliet, create('secret', config({ type, access_model: 'whitelist' })));
      await ask(juliet, create('feed', config({ type: 'urn:x' })));
      const answer = await ask(romeo, disco('items', undefined, content));
      assert.deepEqual(
        [...answer.matchAll(/ node='([^']+)'/g)].map(([, node]) => node),
        expected,
      );
    });

  for (const [what, content] of [
    ['both fields', filter(['included-types', type], ['excluded-types', type])],
    ['no form', `<filter xmlns='urn:xmpp:pubsub-filter:0'/>`],
    ['a form of another kind', filter(['included-types', type]).replace(':0</value>', ':9</value>')],
  ] as const)
    test(`${what}: bad-request`, async (t) => {
      const { romeo } = await openGround(t);
      assert.equal(refusal(await ask(romeo, disco('items', undefined, content))), 'modify bad-request');
    });
});
