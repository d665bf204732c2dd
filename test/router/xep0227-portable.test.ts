/** XEP-0227: what is taken in from other servers, and what is given out, in the operations that `skylark import` and `skylark export` ask for. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Unavailable } from '../../lib/ports/store.ts';
import { parseElement } from '../../lib/xmpp/element.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { keysOf } from '../../services/router/sasl/passwords.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { ask, query } from './archive-asking.ts';

const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
let stage: WholeStage;

beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

interface Taken {
  readonly outcome: string;
  readonly isNew: boolean;
  readonly taken: Readonly<Record<string, number>>;
  readonly leftOut: readonly string[];
  readonly hasPassword: boolean;
  readonly afterMs: number;
}

type Given = Readonly<Record<string, unknown>>;

async function operate(operation: string, given: Given, dependencies = stage.dependencies) {
  return perform(dependencies, { kind: 'admin', operation, arguments: given });
}

async function take(jid: string, children: string, given: Given = {}, attributes = ''): Promise<Taken> {
  const piece = `<user xmlns='urn:xmpp:pie:0' name='x'${attributes}>${children}</user>`;
  const { ok, error, result } = await operate('account-import', { jid, piece, isLast: true, ...given });
  assert.ok(ok, error);
  return result as Taken;
}

interface Part {
  readonly within: readonly string[];
  readonly xml: string;
}

async function give(jid: string): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (let after: string | undefined; ; ) {
    const { ok, error, result } = await operate('account-export', { jid, ...(after !== undefined && { after }) });
    assert.ok(ok, error);
    const page = result as { readonly parts: readonly Part[]; readonly next?: string };
    parts.push(...page.parts);
    after = page.next;
    if (after === undefined) return parts;
  }
}

/** What is given, as children of a `<user/>`. */
const childrenOf = (parts: readonly Part[]) =>
  parts
    .map(
      ({ within, xml }) =>
        within.join('') +
        xml +
        within
          .map((tag) => `</${/^<([\w-]+)/.exec(tag)![1]}>`)
          .reverse()
          .join(''),
    )
    .join('');

const message = (id: string, stamp: string, text: string, address = `from='romeo@b.example/orchard' to='juliet@a.example'`) =>
  `<result xmlns='urn:xmpp:mam:2' id='${id}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='${stamp}'/>` +
  `<message xmlns='jabber:client' type='chat' ${address}><body>${text}</body>` +
  `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@a.example' id='${id}'/></message></forwarded></result>`;
const archive = (...results: string[]) => `<archive xmlns='urn:xmpp:pie:0#mam'>${results.join('')}</archive>`;
const offline = (...messages: string[]) => `<offline-messages>${messages.join('')}</offline-messages>`;
const roster = (items: string) => `<query xmlns='jabber:iq:roster'>${items}</query>`;

const everything =
  roster(`<item jid='romeo@b.example' name='Romeo' subscription='from'><group>Friends</group></item>
    <item jid='nurse@a.example' subscription='none' ask='subscribe'/><item jid='paris@a.example' approved='true'/>`) +
  `<presence xmlns='jabber:client' type='subscribe' from='mercutio@b.example/x' id='r'><nick xmlns='http://jabber.org/protocol/nick'>M</nick></presence>` +
  `<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>${image}</BINVAL></PHOTO></vCard>` +
  `<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><defaultnick>Jule</defaultnick></exodus></query>` +
  `<query xmlns='jabber:iq:privacy'><default name='b'/><list name='b'><item type='jid' value='tybalt@b.example' action='deny' order='1'/>
    <item action='allow' order='2'/></list></query>` +
  `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='urn:xmpp:bookmarks:1'><x xmlns='jabber:x:data' type='form'>
    <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>
    <field var='pubsub#access_model'><value>whitelist</value></field><field var='pubsub#max_items'><value>99999</value></field></x></configure></pubsub>` +
  `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'>
    <item id='one@rooms.b.example'><conference xmlns='urn:xmpp:bookmarks:1' autojoin='true'/></item>
    <item id='two@rooms.b.example'><conference xmlns='urn:xmpp:bookmarks:1' name='Two'/></item></items></pubsub>` +
  offline(
    `<message xmlns='jabber:client' type='chat' from='romeo@b.example/orchard' to='juliet@a.example'><body>third</body>` +
      `<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@a.example' id='f-3'/>` +
      `<delay xmlns='urn:xmpp:delay' from='a.example' stamp='2024-01-01T10:00:02Z'/></message>`,
  ) +
  archive(
    message('f-1', '2024-01-01T10:00:00Z', 'first'),
    message('f-2', '2024-01-01T10:00:00Z', 'second', `from='juliet@a.example/x' to='romeo@b.example'`),
    message('f-3', '2024-01-01T10:00:01Z', 'third'),
  );

async function bodies(actor: StreamActor): Promise<string[]> {
  return (await ask(actor, query(''))).messages.map((one) => one.getChildText('body')!);
}

/** Sets the password that actors have, signs in, and becomes available. */
async function appear(address: string) {
  const jid = address.split('/')[0]!;
  const { ok, error } = await operate('user-password', { jid, password: 'secret' });
  assert.ok(ok, error);
  const actor = await stage.signIn(address);
  await actor.send('<presence/>');
  const isMessage = (xml: string) => xml.includes('<body>');
  await actor.until(
    () => actor.inbox.some(isMessage),
    () => 'no message waited',
  );
  await actor.send(`<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>`); // behind whatever else waited
  return { actor, came: actor.take().filter(isMessage) };
}

test('everything that the specification names is there for its owner, and undelivered messages come once', async () => {
  const done = await take('juliet@a.example', everything, {}, " password='s3crEt'");
  assert.deepEqual(done.leftOut, []);
  assert.deepEqual(
    { ...done, afterMs: 0 },
    {
      ...{ jid: 'juliet@a.example', outcome: 'taken', isNew: true, hasPassword: true, leftOut: [], afterMs: 0 },
      taken: {
        ...{ contacts: 3, requests: 1, vCards: 1, private: 1, blocked: 1, nodes: 1, items: 2, undelivered: 1, messages: 3 },
      },
    },
  );
  const { actor: juliet, came } = await appear('juliet@a.example/balcony');
  assert.equal(came.length, 1, came.join('\n'));
  assert.match(came[0]!, /third/);
  assert.deepEqual(await bodies(juliet), ['first', 'second', 'third']);
  const asks = async (xml: string) => {
    juliet.take();
    await juliet.send(xml);
    return juliet.take().join('');
  };
  const list = await asks(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`);
  for (const item of [
    `jid="romeo@b.example" name="Romeo" subscription="from"`,
    `jid="nurse@a.example" subscription="none" ask="subscribe"`,
    `jid="paris@a.example" subscription="none" approved="true"`,
    '<group>Friends</group>',
  ])
    assert.ok(list.replaceAll("'", '"').includes(item), `${item} in ${list}`);
  assert.doesNotMatch(list, /mercutio/);
  const card = await asks(`<iq type='get' id='v'><vCard xmlns='vcard-temp'/></iq>`);
  assert.match(card, /Juliet Capulet/);
  assert.ok(card.includes(image.slice(0, 40)), 'the photo is the avatar');
  assert.match(
    await asks(`<iq type='get' id='p'><query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query></iq>`),
    /Jule/,
  );
  assert.match(await asks(`<iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>`), /tybalt@b\.example/);
  const marks = await asks(
    `<iq type='get' id='m'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub></iq>`,
  );
  assert.match(marks, /one@rooms\.b\.example/);
  assert.match(marks, /two@rooms\.b\.example/);
  assert.equal(await findAccount(stage.store, 'b.example', 'juliet'), undefined, 'of the other tenant there is nobody');
});

test('keys of each hash sign in with the password that they were made of, and bad ones are left out', async () => {
  const { pbkdf2Sync } = await import('node:crypto');
  const salt = Buffer.from('a salt of theirs');
  const element = (hash: 'SHA-1' | 'SHA-256' | 'SHA-512', change = (text: string) => text) => {
    const [name, bytes] = { 'SHA-1': ['sha1', 20], 'SHA-256': ['sha256', 32], 'SHA-512': ['sha512', 64] }[hash] as [
      string,
      number,
    ];
    const keys = keysOf(pbkdf2Sync('secret', salt, 4_096, bytes, name), salt, 4_096, hash);
    return change(
      `<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-${hash}'><iter-count>4096</iter-count><salt>${keys.salt}</salt>` +
        `<server-key>${keys.serverKey}</server-key><stored-key>${keys.storedKey}</stored-key></scram-credentials>`,
    );
  };
  assert.deepEqual((await take('one@a.example', element('SHA-1'))).taken, { keys: 1 });
  assert.deepEqual((await take('two@a.example', element('SHA-256') + element('SHA-512'))).taken, { keys: 2 });
  for (const address of ['one@a.example/x', 'two@a.example/x']) assert.ok(await stage.signIn(address), address);
  const twice = (text: string) => Buffer.from(text).toString('base64');
  const ofEjabberd = element('SHA-1', (text) =>
    text.replaceAll(/<(salt|server-key|stored-key)>([^<]*)/g, (_, name, value) => `<${name}>${twice(value)}`),
  );
  await take('four@a.example', ofEjabberd);
  assert.ok(await stage.signIn('four@a.example/x'), 'base64 of base64, as ejabberd 23.01 writes it');
  const { hasPassword, leftOut } = await take(
    'three@a.example',
    element('SHA-1', (text) => text.replace('4096', '99999999')) +
      element('SHA-1', (text) => text.replace(/<salt>[^<]*/, '<salt>***')) +
      element('SHA-256', (text) => text.replace(/(<stored-key>.{8})/, '$1AAAA')) +
      element('SHA-512', (text) => text.replace('SHA-512', 'MD5')),
  );
  assert.equal(hasPassword, false);
  assert.deepEqual(
    leftOut.map((one) => one.replace('<scram-credentials/>: ', '')),
    [
      'iter-count is a number up to 1000000',
      'salt is not base64 of 1 to 1024 bytes',
      'stored-key is not base64 of 32 bytes',
      "the mechanism 'SCRAM-MD5' is unknown",
    ],
  );
});

test('it may come again, whole or in pieces, and nothing is doubled', async () => {
  const pieces = everything.split(/(?=<(?:query|pubsub|archive|offline)\b)/);
  let afterMs = 0;
  for (const piece of pieces.slice(0, 6)) ({ afterMs } = await take('juliet@a.example', piece, { isLast: false, afterMs }));
  const half = await findAccount(stage.store, 'a.example', 'juliet');
  assert.deepEqual([half!.isArriving, half!.isDisabled], [true, true], 'nobody is let in before all is there');
  for (let round = 0; round < 2; round++) {
    afterMs = 0;
    for (const [at, piece] of pieces.entries())
      ({ afterMs } = await take('juliet@a.example', piece, { isLast: at === pieces.length - 1, afterMs, merge: true }));
  }
  const whole = await findAccount(stage.store, 'a.example', 'juliet');
  assert.deepEqual([whole!.isArriving, whole!.isDisabled], [undefined, undefined]);
  const { actor: juliet, came } = await appear('juliet@a.example/balcony');
  assert.equal(came.length, 1);
  assert.deepEqual(await bodies(juliet), ['first', 'second', 'third']);
});

test('a store that fails at any write leaves an account that the same pieces make whole', async () => {
  for (let nth = 1; ; nth += 7) {
    let writes = 0;
    const store = new Proxy(stage.store, {
      get(target, name) {
        const found = Reflect.get(target, name);
        if (typeof found !== 'function') return found;
        return (...given: unknown[]) => {
          if ((name === 'put' || name === 'batchPut') && ++writes >= nth) throw new Unavailable('the store is away');
          return found.apply(target, given);
        };
      },
    });
    const jid = `anna${nth}@a.example`;
    const piece = `<user xmlns='urn:xmpp:pie:0' name='x' password='s'>${everything.replaceAll('juliet@', `anna${nth}@`)}</user>`;
    const failed = await operate('account-import', { jid, piece, isLast: true }, { ...stage.dependencies, store }).catch(
      (error: unknown) => error,
    );
    if (!(failed instanceof Unavailable) && (failed as { ok: boolean }).ok) {
      assert.ok(nth > 20, `${nth}`);
      return;
    }
    const done = await take(jid, everything.replaceAll('juliet@', `anna${nth}@`), {}, " password='s'");
    assert.deepEqual([done.outcome, done.leftOut], ['taken', []], `after write ${nth}`);
    const parts = childrenOf(await give(jid));
    assert.equal(parts.match(/<result /g)?.length, 3, `after write ${nth}`);
    assert.equal(parts.match(/<item id=/g)?.length, 4, `after write ${nth}: two bookmarks, and the avatar with its image`);
    assert.equal(parts.match(/subscription='(?:from|none)'/g)?.length, 3, `after write ${nth}`);
  }
});

test('an account that is there is left alone, or is given what it lacks when that is wanted', async () => {
  await stage.addAccount('juliet@a.example');
  const before = await findAccount(stage.store, 'a.example', 'juliet');
  const left = await take('juliet@a.example', everything, {}, " password='another'");
  assert.deepEqual([left.outcome, left.taken], ['exists', {}]);
  assert.deepEqual(await findAccount(stage.store, 'a.example', 'juliet'), before);
  const own = await stage.signIn('juliet@a.example/balcony');
  await own.send(`<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='romeo@b.example' name='Mine'/></query></iq>`);
  own.take();
  const merged = await take('juliet@a.example', everything, { merge: true }, " password='another'");
  assert.deepEqual([merged.outcome, merged.isNew], ['taken', false]);
  const after = await findAccount(stage.store, 'a.example', 'juliet');
  assert.deepEqual(after!.scram, before!.scram, 'the password stays');
  assert.match(childrenOf(await give('juliet@a.example')), /jid='romeo@b\.example' name='Mine' subscription='none'/);
});

test('what is given out is taken in by another domain as the same, with the ids of the archive', async () => {
  await take('juliet@a.example', everything, {}, " password='s3crEt'");
  const given = childrenOf(await give('juliet@a.example'));
  const toB = (xml: string) =>
    xml.replaceAll('juliet@a.example', 'juliet@b.example').replaceAll("from='a.example'", "from='b.example'");
  const done = await take('juliet@b.example', toB(given));
  assert.deepEqual(done.leftOut, []);
  const again = childrenOf(await give('juliet@b.example'));
  const lines = (xml: string) => xml.replaceAll('><', '>\n<').split('\n');
  const asOfA = again.replaceAll('juliet@b.example', 'juliet@a.example').replaceAll("from='b.example'", "from='a.example'");
  assert.deepEqual(lines(asOfA), lines(given));
  const user = parseElement(`<user xmlns='urn:xmpp:pie:0'>${given}</user>`);
  assert.equal(user.getChildren('archive', 'urn:xmpp:pie:0#mam').length > 0, true);
});

test('many messages and items are given page by page, all of them, in order', async () => {
  const many = Array.from({ length: 120 }, (_, at) => message(`f-${at}`, '2024-01-01T10:00:00Z', `number ${at}`));
  const items = Array.from({ length: 70 }, (_, at) => `<item id='i${at}'><a xmlns='urn:a'>${'x'.repeat(3_000)}</a></item>`);
  const node = `<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='urn:a'><x xmlns='jabber:x:data' type='submit'>
    <field var='pubsub#max_items'><value>max</value></field></x></configure></pubsub>
    <pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:a'>${items.join('')}</items></pubsub>`;
  const done = await take('juliet@a.example', node + archive(...many));
  assert.deepEqual([done.leftOut, done.taken.messages, done.taken.items], [[], 120, 70]);
  const given = childrenOf(await give('juliet@a.example'));
  assert.deepEqual(
    [...given.matchAll(/number (\d+)</g)].map(([, at]) => Number(at)),
    [...Array(120).keys()],
  );
  assert.deepEqual(
    [...given.matchAll(/<item id='i(\d+)'/g)].map(([, at]) => Number(at)),
    [...Array(70).keys()],
  );
});

test('what cannot be kept is left out with its reason, and the rest goes on', async () => {
  const { taken, leftOut } = await take(
    'juliet@a.example',
    roster(
      `<item jid='@'/><item jid='a@b.example' subscription='maybe'/><item jid='juliet@a.example'/><item jid='ok@b.example'/>`,
    ) +
      `<presence xmlns='jabber:client' type='unavailable' from='a@b.example'/>` +
      `<query xmlns='jabber:iq:privacy'><list name='other'/><list name='b'><item type='group' value='x' action='deny' order='1'/></list></query>` +
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:a'><item id='1'/></items></pubsub>` +
      archive(
        `<result xmlns='urn:xmpp:mam:2' id='1'/>`,
        message('2', 'yesterday', 'x'),
        message('4', '2999-01-01T00:00:00Z', 'x'),
        message('3', '2024-01-01T10:00:00Z', 'x', `from='@' to='juliet@a.example'`),
      ) +
      `<strange xmlns='urn:strange'/>`,
  );
  assert.deepEqual(taken, { contacts: 1 });
  for (const [at, what] of [
    ...[/^contact @:/, /unknown subscription 'maybe'/, /not a request for a subscription/, /privacy list/, /privacy list/],
    ...[
      /item of urn:a: it has no payload/,
      /message 1: it is not/,
      /message 2: it is not/,
      /message 4: its time is in the future/,
      /message 3:/,
      /urn:strange/,
    ],
  ].entries())
    assert.match(leftOut[at] ?? '', what, leftOut.join('\n'));
});

test('the tenant must be there, and the piece must be one', async () => {
  const refused = async (given: Given) => (await operate('account-import', given)).error;
  const piece = `<user xmlns='urn:xmpp:pie:0' name='x'/>`;
  assert.match((await refused({ jid: 'juliet@c.example', piece }))!, /there is no tenant 'c\.example'/);
  for (const bad of ['<user/>', 'x', `<user xmlns='urn:xmpp:pie:0'>`, `<!DOCTYPE a []>${piece}`, `${piece}${piece}`])
    assert.match((await refused({ jid: 'juliet@a.example', piece: bad }))!, /is not a <user\/> of XEP-0227/, bad);
  assert.equal(await findAccount(stage.store, 'a.example', 'juliet'), undefined, 'nothing was begun');
  assert.match((await operate('account-export', { jid: 'nobody@a.example' })).error!, /there is no account 'nobody@a\.example'/);
  await stage.addAccount('juliet@a.example');
  for (const after of ['', '{}', '{"kind":"items"}', '[]'])
    assert.match(
      (await operate('account-export', { jid: 'juliet@a.example', after })).error!,
      /is not what an answer before has named/,
    );
});
