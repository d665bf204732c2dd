/** XEP-0472: feeds, galleries and microblogs, at the pubsub service and at accounts, for people of two tenants. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertXml } from '../support/stage/xml-equality.ts';
import { config } from './pep-requests.ts';
import {
  ask,
  configure,
  create,
  disco,
  event,
  heard,
  isDone,
  items,
  openGround,
  own,
  publish,
  refusal,
  service,
  subscribe,
} from './pubsub-ground.ts';

const feed = 'urn:xmpp:pubsub-social-feed:1';
const gallery = 'urn:xmpp:pubsub-social-feed:gallery:1';
const microblog = 'urn:xmpp:microblog:0';
const juliets = 'juliet@a.example';

const atom = (content: string) => `<entry xmlns='http://www.w3.org/2005/Atom'>${content}</entry>`;
const parts = '<id>tag:a.example,2026:1</id><title>Good night</title><updated>2026-12-01T00:00:00Z</updated>';
const post = atom(parts);
const picture = (more = `rel='enclosure' type='image/png' href='https://a.example/p.png'`) => atom(`${parts}<link ${more}/>`);
const fieldOf = (form: string, name: string) => new RegExp(`var='pubsub#${name}'[^>]*><value>([^<]*)<`).exec(form)?.[1];
const shown = (form: string) =>
  ['notify_retract', 'persist_items', 'send_last_published_item', 'deliver_payloads'].map((name) => fieldOf(form, name));

test('XEP-0472 §3: the service and accounts say what they know', async (t) => {
  const { juliet, romeo } = await openGround(t);
  for (const to of [service, 'pubsub.b.example', juliets]) {
    const answer = await ask(to === juliets ? juliet : romeo, disco('info', undefined, '', to));
    for (const feature of [feed, gallery]) assert.ok(answer.includes(`<feature var='${feature}'/>`), `${to} ${feature}`);
    assert.equal(answer.includes(`<feature var='${microblog}'/>`), to === juliets);
  }
});

describe('XEP-0472 §5.1.1: a node of a type is configured as the profile says, unless whoever makes it says otherwise', () => {
  for (const [what, fields, expected, max] of [
    ['a feed', { type: feed }, ['1', '1', 'never', '0'], '2000'],
    ['a gallery', { type: gallery }, ['1', '1', 'never', '0'], '2000'],
    [
      'a feed with payloads',
      { deliver_payloads: '1', type: feed, send_last_published_item: 'on_sub' },
      ['1', '1', 'on_sub', '1'],
      '2000',
    ],
    ['a feed of a few posts', { max_items: '5', type: feed }, ['1', '1', 'never', '0'], '5'],
    ['another type', { type: 'urn:x' }, ['1', '1', 'on_sub', '1'], '20'],
  ] as const) {
    test(what, async (t) => {
      const { juliet } = await openGround(t);
      for (const make of [create('n', config(fields)), publish('m', '1', picture(), config(fields, 'publish-options'))]) {
        assert.ok(isDone(await ask(juliet, make)), make);
        const form = await ask(juliet, own('get', `<configure node='${/node='(.)'/.exec(make)![1]}'/>`));
        assert.deepEqual([shown(form), fieldOf(form, 'max_items')], [expected, max], make);
      }
    });
  }

  test('a node that becomes a feed later, too; the rest of its configuration stays', async (t) => {
    const { juliet } = await openGround(t, { title: 'The news' });
    assert.ok(isDone(await ask(juliet, configure('news', config({ type: feed })))));
    const form = await ask(juliet, own('get', `<configure node='news'/>`));
    assert.deepEqual([shown(form), fieldOf(form, 'title')], [['1', '1', 'never', '0'], 'The news']);
  });

  for (const field of ['notify_retract', 'persist_items'])
    test(`a feed without ${field} is refused, in whatever order the form says it`, async (t) => {
      const { juliet } = await openGround(t);
      for (const fields of [
        { type: feed, [field]: '0' },
        { [field]: '0', type: feed },
      ]) {
        assert.equal(refusal(await ask(juliet, create('n', config(fields)))), 'modify not-acceptable');
        assert.equal(
          refusal(await ask(juliet, publish('n', '1', post, config(fields, 'publish-options')))),
          'cancel conflict precondition-not-met',
        );
      }
      await ask(juliet, create('n', config({ type: feed })));
      assert.equal(refusal(await ask(juliet, configure('n', config({ [field]: '0' })))), 'modify not-acceptable');
      assert.ok(isDone(await ask(juliet, configure('n', config({ title: 'Mine' })))));
    });
});

describe('XEP-0472 §4.2, §5.3: what is published', () => {
  for (const [what, type, payload, answer] of [
    ['an entry', feed, post, ''],
    ['an entry with a picture', gallery, picture(), ''],
    ['an entry without a title', feed, atom('<id>1</id><updated>2026-12-01T00:00:00Z</updated>'), 'invalid-payload'],
    ['an entry without an id', feed, atom('<title>1</title><updated>2026-12-01T00:00:00Z</updated>'), 'invalid-payload'],
    ['an entry without a time', feed, atom('<title>1</title><id>1</id>'), 'invalid-payload'],
    ['an entry of another namespace', feed, `<entry xmlns='urn:x'>${parts}</entry>`, 'invalid-payload'],
    ['something else of Atom', feed, `<feed xmlns='http://www.w3.org/2005/Atom'>${parts}</feed>`, 'invalid-payload'],
    ['nothing', feed, '', 'payload-required'],
    ['an entry without a picture in a gallery', gallery, post, 'invalid-payload'],
    [
      'a picture that is only linked',
      gallery,
      picture(`rel='alternate' type='image/png' href='https://a.example/'`),
      'invalid-payload',
    ],
    ['a film', gallery, picture(`rel='enclosure' type='video/mp4' href='https://a.example/'`), 'invalid-payload'],
    ['a picture that is nowhere', gallery, picture(`rel='enclosure' type='image/png'`), 'invalid-payload'],
  ] as const) {
    test(`${what}: ${answer || 'taken'}`, async (t) => {
      const { juliet, romeo, stage } = await openGround(t);
      await ask(juliet, create('n', config({ type })));
      await ask(romeo, subscribe('n', 'romeo@b.example'));
      await heard(stage, romeo);
      const got = await ask(juliet, publish('n', '1', payload));
      if (answer === '') assert.ok(isDone(got), got);
      else assert.equal(refusal(got), `modify bad-request ${answer}`);
      const told = await heard(stage, romeo);
      assert.equal(told.length, answer === '' ? 1 : 0);
      assert.equal((await ask(romeo, items('n'))).includes(`<item id='1'`), answer === '');
    });
  }
});

test('XEP-0472 §4.3: subscribers of the other tenant are told which post there is, and fetch it', async (t) => {
  const { juliet, romeo, stage } = await openGround(t);
  await ask(juliet, create('n', config({ type: feed })));
  await ask(romeo, subscribe('n', 'romeo@b.example'));
  await heard(stage, romeo);
  await ask(juliet, publish('n', '1', post));
  const told = await heard(stage, romeo);
  assertXml(told.join(), event('romeo@b.example', `<items node='n'><item id='1' publisher='${juliets}'/></items>`));
  assert.ok((await ask(romeo, items('n'))).includes('Good night'));
});

test('XEP-0472 §5.2: the microblog of an account keeps all posts, and takes nothing else', async (t) => {
  const { juliet } = await openGround(t);
  for (const id of ['1', '2', '3']) assert.ok(isDone(await ask(juliet, publish(microblog, id, post, '', juliets))));
  const form = await ask(juliet, own('get', `<configure node='${microblog}'/>`, juliets));
  assert.deepEqual([fieldOf(form, 'type'), shown(form)], [microblog, ['1', '1', 'never', '0']]);
  assert.equal(
    refusal(await ask(juliet, publish(microblog, '4', `<x xmlns='urn:x'/>`, '', juliets))),
    'modify bad-request invalid-payload',
  );
  const read = await ask(
    juliet,
    `<iq type='get' id='r' to='${juliets}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='${microblog}'/></pubsub></iq>`,
  );
  assert.deepEqual(
    [...read.matchAll(/<item id='(.)'/g)].map(([, id]) => id),
    ['3', '2', '1'],
  );
});
