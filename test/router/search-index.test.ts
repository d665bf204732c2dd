/** The operation that brings the index of words in line with a tenant's policy (XEP-0431). */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { perform } from '../../services/router/operations/perform.ts';
import { configure, hall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { accountOf, ask, fill, form, query } from './archive-asking.ts';
import { setPolicy } from './policy-forms.ts';

const field = '{urn:xmpp:fulltext:0}fulltext';
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.join('juliet@a.example/balcony');
  romeo = await stage.join('romeo@b.example/orchard');
  await romeo.send(`<message to='${juliet.jid}' type='chat'><body>an old word</body></message>`);
  await juliet.enter('Juliet');
  await configure(juliet, {});
  await juliet.say('an old word in the hall');
  stage.clear();
});
afterEach(() => stage.close());

async function index(domain: string, after?: string) {
  const { ok, error, result } = await perform(stage.dependencies, {
    ...{ kind: 'admin', operation: 'tenant-index' },
    arguments: { domain, ...(after !== undefined && { after }) },
  });
  assert.ok(ok, error);
  return result as { readonly messages: number; readonly next?: string };
}

async function indexAll(domain: string): Promise<number> {
  let messages = 0;
  for (let after: string | undefined; ; ) {
    const done = await index(domain, after);
    messages += done.messages;
    after = done.next;
    if (after === undefined) return messages;
  }
}

const find = async (actor: StreamActor, text: string) => (await ask(actor, query(form({ [field]: text })))).ids.length;

async function findInHall(text: string): Promise<number> {
  const values = Object.entries({ FORM_TYPE: 'urn:xmpp:mam:2', [field]: text });
  const fields = values.map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`).join('');
  juliet.take();
  await juliet.send(
    `<iq to='${hall}' type='set' id='h'><query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'>${fields}</x></query></iq>`,
  );
  return (await juliet.takeWithAnswer()).filter((xml) => xml.includes('<result ')).length;
}

test('messages from before are found after it, in accounts and rooms of the tenant alone', async () => {
  await setPolicy(stage, 'a.example', { search: 'on' });
  await setPolicy(stage, 'b.example', { search: 'on' });
  assert.equal(await find(juliet, 'word'), 0);
  assert.equal(await indexAll('a.example'), 2);
  assert.equal(await find(juliet, 'word'), 1);
  assert.equal(await findInHall('word'), 1);
  assert.equal(await find(romeo, 'word'), 0);
  assert.equal(await indexAll('b.example'), 1);
  assert.equal(await find(romeo, 'word'), 1);
  assert.equal(await indexAll('a.example'), 2, 'it may be asked for again');
  assert.equal(await find(juliet, 'word'), 1);
});

test('when the tenant does not want searches any more, it takes them out', async () => {
  await setPolicy(stage, 'a.example', { search: 'on' });
  await indexAll('a.example');
  await setPolicy(stage, 'a.example', { search: 'off' });
  assert.equal(await indexAll('a.example'), 2);
  await setPolicy(stage, 'a.example', { search: 'on' });
  assert.equal(await find(juliet, 'word'), 0);
  assert.equal(await findInHall('word'), 0);
});

test('a long archive takes several requests, and each message is looked at once', async () => {
  await setPolicy(stage, 'a.example', { search: 'on' });
  const account = await accountOf(stage, juliet);
  for (let round = 0; round < 11; round++)
    await fill(
      stage,
      account,
      Array.from({ length: 100 }, (_, at) => ({ ms: round * 1_000 + at })),
    );
  const first = await index('a.example');
  assert.equal(first.messages, 1_000);
  assert.match(first.next!, /^account\/juliet\//);
  const second = await index('a.example', first.next);
  assert.deepEqual([second.messages, second.next], [102, undefined]);
});

test('a place to go on that nobody has named is refused, and so is a deployment without an index', async () => {
  const refused = async (dependencies: typeof stage.dependencies, given: object) =>
    (await perform(dependencies, { kind: 'admin', operation: 'tenant-index', arguments: { domain: 'a.example', ...given } }))
      .error;
  for (const after of ['', 'tenant/x', 'account/', 'account/a/b/c', '../x'])
    assert.match((await refused(stage.dependencies, { after }))!, /is not what an answer before has named/);
  const store = new Proxy(stage.store, {
    get: (target, name) => (name === 'index' || name === 'search' ? undefined : Reflect.get(target, name)),
  });
  assert.match((await refused({ ...stage.dependencies, store }, {}))!, /keeps no index of words/);
});
