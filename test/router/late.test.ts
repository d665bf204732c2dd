/**
 * Requests of which the last one counts, carried out once more behind a later one (docs/reliability.md): by a router that stood still, or
 * because the bus brought them twice. The same stanza with the same ingress id is what such a router is given.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Query, Store } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import { updateSession } from '../../lib/runtime/sessions.ts';
import { nowhere, type StepItem, type StepReply, type StepRequest } from '../../lib/runtime/wire.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { Superseded, Writer } from '../../services/router/core/writers.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const owner = 'juliet@a.example';

function set(id: string, child: string): string {
  return `<iq type='set' id='${id}'>${child}</iq>`;
}

const vcard = (name: string) => `<vCard xmlns='vcard-temp'><FN>${name}</FN></vCard>`;
const own = (text: string) => `<query xmlns='jabber:iq:private'><own xmlns='urn:own'>${text}</own></query>`;
const rename = (name: string) => `<query xmlns='jabber:iq:roster'><item jid='nurse@a.example' name='${name}'/></query>`;
const prefs = (rule: string) => `<prefs xmlns='urn:xmpp:mam:2' default='${rule}'><always/><never/></prefs>`;
const block = (name: string) => `<${name} xmlns='urn:xmpp:blocking'><item jid='paris@a.example'/></${name}>`;
const publish = (text: string) =>
  `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:news'><item id='current'><news xmlns='urn:news'>${text}</news></item></publish></pubsub>`;

/** What is asked first, what then, and how it is read. */
const requests = [
  ['a vCard', vcard('Giulietta'), vcard('Juliet'), `<vCard xmlns='vcard-temp'/>`, /Juliet/],
  ['private XML', own('old'), own('new'), `<query xmlns='jabber:iq:private'><own xmlns='urn:own'/></query>`, /new/],
  ['the name of a contact', rename('Old'), rename('New'), `<query xmlns='jabber:iq:roster'/>`, /name='New'/],
  ['archive preferences', prefs('never'), prefs('always'), `<prefs xmlns='urn:xmpp:mam:2'/>`, /default='always'/],
  ['blocking', block('block'), block('unblock'), `<blocklist xmlns='urn:xmpp:blocking'/>`, /<blocklist [^>]*\/>/],
  [
    'an item of PEP',
    publish('old'),
    publish('new'),
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:news'/></pubsub>`,
    />new</,
  ],
] as const;

async function read(actor: BatchActor, question: string): Promise<string> {
  actor.inbox.length = 0;
  await actor.send(`<iq type='get' id='read'>${question}</iq>`);
  const answer = actor.inbox.find((xml) => xml.includes('read'));
  assert.ok(answer !== undefined, actor.inbox.join());
  return answer;
}

for (const [what, first, second, question, expected] of requests) {
  test(`${what}: once more behind a later one of its session it changes nothing, and is answered as it was`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const juliet = await stage.join(`${owner}/balcony`);
    const id = stage.mint();
    await juliet.send(set('1', first), id);
    await juliet.send(set('1', first), id); // at once, because the answer got lost: as the first time
    await juliet.send(set('2', second));
    assert.match(await read(juliet, question), expected);
    juliet.inbox.length = 0;
    await juliet.send(set('1', first), id);
    assertXml(await juliet.next(), `<iq type='result' id='1' to='${owner}/balcony'/>`);
    assert.match(await read(juliet, question), expected);
  });

  test(`${what}: nor behind one of another session of the account`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const [balcony, tower] = [await stage.join(`${owner}/balcony`), await stage.join(`${owner}/tower`)];
    const id = stage.mint();
    await balcony.send(set('1', first), id);
    await tower.send(set('2', second));
    await balcony.send(set('1', first), id);
    assert.match(await read(tower, question), expected);
  });
}

test('carbons: turned on once more behind being turned off they stay off', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const [balcony, tower] = [await stage.appear(`${owner}/balcony`), await stage.appear(`${owner}/tower`)];
  const romeo = await stage.appear('romeo@a.example/orchard');
  const id = stage.mint();
  await tower.send(set('1', `<enable xmlns='urn:xmpp:carbons:2'/>`), id);
  await tower.send(set('2', `<disable xmlns='urn:xmpp:carbons:2'/>`));
  tower.inbox.length = 0;
  await tower.send(set('1', `<enable xmlns='urn:xmpp:carbons:2'/>`), id);
  assertXml(await tower.next(), `<iq type='result' id='1' to='${owner}/tower'/>`);
  await romeo.send(`<message type='chat' to='${owner}/balcony'><body>for one</body></message>`);
  await stage.play([tower, 'receives nothing']);
  await tower.send(set('3', `<enable xmlns='urn:xmpp:carbons:2'/>`));
  tower.inbox.length = 0;
  await romeo.send(`<message type='chat' to='${owner}/balcony'><body>for both</body></message>`);
  assert.match(await tower.next(), /<received .*for both/);
  assert.ok(balcony.inbox.length > 0);
});

for (const [whom, to] of [
  ['itself', ''],
  ['the host', ` to='a.example'`],
] as const)
  test(`a password, asked of ${whom}: an older one does not come back`, async (t) => {
    const stage = await openRouter();
    t.after(() => stage.close());
    const juliet = await stage.join(`${owner}/balcony`);
    const change = (password: string) =>
      `<query xmlns='jabber:iq:register'><username>juliet</username><password>${password}</password></query>`;
    const salt = async () => (await findAccount(stage.dependencies.store, 'a.example', 'juliet'))!.scram['SHA-256']!.salt;
    const id = stage.mint();
    const ask = (number: string, password: string) => set(number, change(password)).replace(' id=', `${to} id=`);
    await juliet.send(ask('1', 'first'), id);
    await juliet.send(ask('2', 'second'));
    const second = await salt();
    juliet.inbox.length = 0;
    await juliet.send(ask('1', 'first'), id);
    assertXml(await juliet.next(), `<iq type='result' id='1' to='${owner}/balcony'${to.replace('to', 'from')}/>`);
    assert.equal(await salt(), second);
  });

test('a request for a subscription, once more behind the end of it, asks nobody', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const [juliet, romeo] = [await stage.appear(`${owner}/balcony`), await stage.appear('romeo@a.example/orchard')];
  const id = stage.mint();
  await juliet.send(`<presence type='subscribe' to='romeo@a.example'/>`, id);
  await juliet.send(`<presence type='unsubscribe' to='romeo@a.example'/>`);
  stage.clear();
  await juliet.send(`<presence type='subscribe' to='romeo@a.example'/>`, id);
  await stage.play([romeo, 'receives nothing'], [juliet, 'receives nothing']);
});

test('one stanza that writes a row twice is not in its own way when another session writes between', async () => {
  let row: { readonly name: string } | undefined;
  const write = (writer: Writer, name: string) =>
    writer.sign<{ readonly name: string }>(
      'row',
      () => ({ name }),
      async (change) => {
        row = change(row);
        return row;
      },
    );
  const mint = new IdMint(systemClock);
  const [one, again] = [mint.mint(), mint.mint()];
  const writer = new Writer('s1', one);
  await write(writer, 'first');
  await write(new Writer('s2', again), 'between');
  await write(writer, 'second');
  assert.equal(row?.name, 'second');
  await write(new Writer('s2', again), 'between').then(
    () => assert.fail('it was carried out before'),
    (error) => assert.ok(error instanceof Superseded),
  );
});

test('a request that has left a row as it was, and tries again behind a newer one of its session, changes nothing', async () => {
  let row: { readonly name: string; readonly writers?: readonly string[] } | undefined = { name: 'before' };
  const write = (writer: Writer, change: (value: typeof row) => typeof row) =>
    writer.sign('a row', change, async (checked) => {
      row = checked(row);
      return row;
    });
  const mint = new IdMint(systemClock);
  const [older, newer] = [new Writer('s', mint.mint()), new Writer('s', mint.mint())];
  await write(older, (value) => value); // as when another change has a greater number
  await write(newer, () => ({ name: 'newer' }));
  await assert.rejects(
    write(older, () => ({ name: 'older' })),
    Superseded,
  );
  assert.equal(row?.name, 'newer');
});

test('a session whose resource another one has taken changes nothing any more, and its stream ends', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const before = await stage.join(`${owner}/balcony`);
  const after = await stage.join(`${owner}/balcony`);
  await after.send(set('1', vcard('Juliet')));
  await before.send(set('2', vcard('Giulietta')));
  assert.equal(before.closed, 'reset');
  assert.match(await read(after, `<vCard xmlns='vcard-temp'/>`), /Juliet/);
});

test('a session that is at another node changes nothing through this one, until routers hear that it has come', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.join(`${owner}/balcony`);
  const { store, clock } = stage.dependencies;
  const account = { domain: 'a.example', local: 'juliet' };
  const moveTo = (node: string) => updateSession(store, account, juliet.sid, (entry) => ({ ...entry, node }));
  for (const elsewhere of ['n.other.1', nowhere]) {
    await moveTo(elsewhere);
    const { ok } = await sendUntil(stage, juliet, clock.now() + 5_000, set('1', vcard('Giulietta')));
    assert.equal(ok, false, 'it is to be sent again');
  }
  await juliet.step([{ kind: 'moved' }], []);
  await juliet.send(set('2', vcard('Juliet')));
  assert.match(await read(juliet, `<vCard xmlns='vcard-temp'/>`), /Juliet/);
});

async function sendUntil(stage: RouterStage, { sid, jid }: BatchActor, deadline: number, xml: string): Promise<StepReply> {
  const session = JSON.stringify({ secure: true, failures: 0, local: jid.local, resource: jid.resource });
  const items: StepItem[] = [{ kind: 'stanza', id: stage.mint(), body: true }];
  const request: StepRequest = { kind: 'step', node: 'n.stage.1', sid, domain: jid.domain, session, items, deadline };
  return (await stage.ask<StepReply>(request, [xml])).header;
}

test('a router that stood still until nobody waits any more does nothing of a set or of presence, and asks for it again', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.join(`${owner}/balcony`);
  await juliet.send(set('1', vcard('Juliet')));
  const past = stage.dependencies.clock.now() - 1;
  for (const late of [set('2', vcard('Giulietta')), '<presence/>']) {
    const { ok, out } = await sendUntil(stage, juliet, past, late);
    assert.deepEqual({ ok, out }, { ok: false, out: [] });
  }
  assert.match(await read(juliet, `<vCard xmlns='vcard-temp'/>`), /Juliet/);
  assert.equal((await sendUntil(stage, juliet, past + 60_000, set('3', vcard('Mrs Montague')))).ok, true);
  assert.match(await read(juliet, `<vCard xmlns='vcard-temp'/>`), /Mrs Montague/);
});

test('what goes on when the request was answered has all the time it needs: an account that left is erased', async (t) => {
  const clock = steppedClock();
  /** The first look at all that the account keeps takes longer than anybody waits for an answer, and less than a removal's lease. */
  const slow = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | undefined;
        if (typeof method !== 'function') return method;
        return (...values: unknown[]) => {
          const { partition, prefix } = values[0] as Partial<Query>;
          if (name === 'query' && partition === 'a.example/a/juliet' && prefix === undefined) clock.advance(8_000);
          return method.apply(target, values);
        };
      },
    });
  const stage = await openRouter({
    wrap: (dependencies) => ({ ...dependencies, clock: DeploymentClock.of(clock), store: slow(dependencies.store) }),
  });
  t.after(() => stage.close());
  const juliet = await stage.join(`${owner}/balcony`);
  await juliet.send(set('1', vcard('Juliet')));
  const before = clock.now();
  const remove = set('2', `<query xmlns='jabber:iq:register'><remove/></query>`);
  assert.equal((await sendUntil(stage, juliet, before + 5_000, remove)).close?.condition, 'not-authorized');
  const key = { table: 'core', partition: 'a.example/a/juliet', sort: 'vcard/' } as const;
  for (let tries = 0; (await stage.dependencies.store.get(key, { consistent: true })) !== undefined; tries++) {
    assert.ok(tries < 200, 'its rows are gone');
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  assert.ok(clock.now() > before + 5_000);
});

test('a message may be late: its entry in the archive bears its time', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const [juliet, romeo] = [await stage.appear(`${owner}/balcony`), await stage.appear('romeo@a.example/orchard')];
  const message = `<message type='chat' to='romeo@a.example'><body>late</body></message>`;
  assert.equal((await sendUntil(stage, juliet, systemClock.now() - 1_000, message)).ok, true);
  assert.match(await romeo.next(), /late/);
});

test('a message that comes later than anything waits for it writes nothing: its account may be another one by now', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const [juliet, romeo] = [await stage.appear(`${owner}/balcony`), await stage.appear('romeo@a.example/orchard')];
  const message = `<message type='chat' to='romeo@a.example'><body>late</body></message>`;
  const { ok } = await sendUntil(stage, juliet, systemClock.now() - routerLimits.lateWriteMs - 1_000, message);
  assert.equal(ok, false, 'the node sends it again');
  await stage.play([romeo, 'receives nothing']);
});
