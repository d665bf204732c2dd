import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { ask as askArchive, query } from './archive-asking.ts';
import { appear, event, info } from './pep-listener.ts';
import { config, create, items, own, publish } from './pep-requests.ts';

const NS = 'urn:xmpp:mds:displayed:0';
const room = 'verona@conference.a.example';
const marker = (id: string) => `<displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/>`;
const displayed = (id: string, by = 'juliet@a.example') =>
  `<displayed xmlns='${NS}'><stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='${id}'/></displayed>`;
const assisted = (to: string, content = marker('m') + displayed('1'), attributes = '') =>
  `<message to='${to}'${attributes}>${content}</message>`;
const told = (to: BatchActor, chat: string, payload: string) =>
  event('juliet@a.example', to.jid.toString(), `<items node='${NS}'><item id='${chat}'>${payload}</item></items>`);

async function ask(actor: BatchActor, xml: string): Promise<string> {
  await actor.send(xml);
  return actor.next();
}

async function arrange(t: {
  after(run: () => Promise<void>): void;
}): Promise<{ stage: RouterStage; juliet: BatchActor; romeo: BatchActor }> {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await appear(stage, 'juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@a.example/orchard');
  stage.clear();
  return { stage, juliet, romeo };
}

/** Chats by the payload of their item. */
async function shown(juliet: BatchActor): Promise<Record<string, string>> {
  juliet.inbox.length = 0;
  const found = [...(await ask(juliet, items(NS))).matchAll(/<item id='([^']*)'>(.*?)<\/item>/g)];
  return Object.fromEntries(found.map(([, id, payload]) => [id!, payload!]));
}

test('XEP-0490 §4.5: the marker goes to the contact without what is for the own devices, and they are told', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  const chamber = await appear(stage, 'juliet@a.example/chamber', NS);
  stage.clear();
  await stage.play(
    [juliet, 'sends', assisted('romeo@a.example', `<a xmlns='urn:a'/>${displayed('1')}${marker('m')}`)],
    [
      romeo,
      'receives',
      `<message from='${juliet.jid}' to='romeo@a.example'><a xmlns='urn:a'/>${marker('m')}` +
        `<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@a.example' id='{any}'/></message>`,
    ],
    [chamber, 'receives', told(chamber, 'romeo@a.example', displayed('1'))],
    [chamber, 'receives nothing'],
    [juliet, 'receives nothing'],
  );
  assert.deepEqual(await shown(juliet), { 'romeo@a.example': displayed('1') });
});

test('XEP-0490 §4.5.2: the account says that it helps', async (t) => {
  const { juliet } = await arrange(t);
  const described = await ask(juliet, `<iq type='get' id='d' to='juliet@a.example'><query xmlns='${info}'/></iq>`);
  assert.ok(described.includes(`<feature var='urn:xmpp:mds:server-assist:0'/>`));
});

test('XEP-0490 §5.2: neither a carbon nor the archive shows it', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  const chamber = await stage.appear('juliet@a.example/chamber');
  await ask(chamber, `<iq type='set' id='e'><enable xmlns='urn:xmpp:carbons:2'/></iq>`);
  stage.clear();
  await juliet.send(assisted('romeo@a.example', `<body>Aye</body>${displayed('1')}`, ` type='chat'`));
  const copy = await chamber.next();
  assert.match(copy, /<sent /);
  assert.ok(copy.includes('<body>Aye</body>') && !copy.includes(NS), copy);
  for (const actor of [juliet, romeo]) {
    const { messages } = await askArchive(actor, query(''));
    assert.equal(messages.length, 1);
    assert.ok(messages[0]!.toString().includes('<body>Aye</body>') && !messages[0]!.toString().includes(NS));
  }
});

test('XEP-0490 §4.1: of a room the item is that of its bare JID, of an occupant that of the full one, letter by letter', async (t) => {
  const { stage, juliet } = await arrange(t);
  const chamber = await appear(stage, 'juliet@a.example/chamber', NS);
  stage.clear();
  const inRoom = displayed('r1', room);
  await juliet.send(assisted(room, marker('m') + inRoom, ` type='groupchat'`));
  await juliet.send(assisted(`${room}/Romeo`, marker('n') + displayed('p1'), ` type='chat'`));
  await juliet.send(assisted('Verona@Conference.A.Example', marker('o') + displayed('r2', room), ` type='groupchat'`));
  assert.deepEqual(
    stage.rooms.map(({ request, xml }) => [request.room, xml.includes('urn:xmpp:chat-markers:0'), xml.includes(NS)]),
    [
      ['verona', true, false],
      ['verona', true, false],
      ['verona', true, false],
    ],
  );
  await stage.play(
    [chamber, 'receives', told(chamber, room, inRoom)],
    [chamber, 'receives', told(chamber, `${room}/Romeo`, displayed('p1'))],
    [chamber, 'receives', told(chamber, 'Verona@Conference.A.Example', displayed('r2', room))],
    [chamber, 'receives nothing'],
  );
});

test('XEP-0490 §5.2, §6: a node that is made by it is the account’s alone, keeps all chats and shows none by itself', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await stage.befriend(juliet, romeo);
  await juliet.send(assisted('romeo@a.example'));
  stage.clear();
  const form = await ask(juliet, own('get', `<configure node='${NS}'/>`));
  for (const [name, value] of [
    ['access_model', 'whitelist'],
    ['persist_items', '1'],
    ['max_items', String(routerLimits.pepItemsPerNodeMax)],
    ['send_last_published_item', 'never'],
  ]) {
    assert.match(form, new RegExp(`pubsub#${name}'[^>]*><value>${value}<`));
  }
  assert.match(await ask(romeo, items(NS, '', '', '', 'juliet@a.example')), /<closed-node /);
  const later = await appear(stage, 'juliet@a.example/later', NS);
  assert.deepEqual(later.inbox, []);
  stage.clear();
  const options = { access_model: 'whitelist', persist_items: 'true', max_items: 'max', send_last_published_item: 'never' };
  const request = publish(NS, 'nurse@a.example', displayed('2'), config(options, 'publish-options'));
  assert.match(await ask(juliet, request), /type='result'/, 'what clients ask for is met');
});

test('XEP-0490: one that is there stays as its owner made it', async (t) => {
  const { juliet } = await arrange(t);
  await ask(juliet, create(NS, config({ max_items: '2', access_model: 'whitelist' })));
  for (const chat of ['a@a.example', 'b@a.example', 'c@b.example']) await juliet.send(assisted(chat));
  assert.deepEqual(Object.keys(await shown(juliet)), ['c@b.example', 'b@a.example']);
});

test('XEP-0490: messages of one batch, a retry, one’s own address, none, and one that says nothing else', async (t) => {
  const { stage, juliet } = await arrange(t);
  const batch = ['1', '2', '3'].map((id) => assisted('romeo@a.example', marker(id) + displayed(id)));
  const ids = batch.map(() => stage.mint());
  const stanzas = ids.map((id) => ({ kind: 'stanza', id, body: true }) as const);
  await juliet.step(stanzas, batch);
  await juliet.step(stanzas, batch);
  assert.deepEqual(await shown(juliet), { 'romeo@a.example': displayed('3') });
  await juliet.send(assisted('juliet@a.example', displayed('4')));
  assert.deepEqual((await shown(juliet))['juliet@a.example'], displayed('4'));
  await juliet.send(`<message>${displayed('5')}</message>`);
  assert.deepEqual((await shown(juliet))['juliet@a.example'], displayed('5'));
});

test('XEP-0490 §5.2: of an id the server does not ask whose it is, nor what came before', async (t) => {
  const { juliet } = await arrange(t);
  const odd = `<displayed xmlns='${NS}'/>`;
  for (const payload of [displayed('2'), displayed('1'), displayed('x', 'stranger@b.example'), odd]) {
    await juliet.send(assisted('romeo@a.example', marker('m') + payload));
    assert.deepEqual(await shown(juliet), { 'romeo@a.example': payload });
  }
});

test('of two the first counts, whatever its prefix, and both go', async (t) => {
  const { juliet, romeo } = await arrange(t);
  const first = `<d:displayed xmlns:d='${NS}'><s:stanza-id xmlns:s='urn:xmpp:sid:0' by='juliet@a.example' id='1'/></d:displayed>`;
  await juliet.send(assisted('romeo@a.example', first + marker('m') + displayed('2')));
  const forwarded = await romeo.next();
  assert.ok(!forwarded.includes(NS) && forwarded.includes(marker('m')), forwarded);
  const { 'romeo@a.example': payload } = await shown(juliet);
  assert.match(payload!, /^<d:displayed [^>]*xmlns:d='urn:xmpp:mds:displayed:0'.* id='1'/);
});

for (const [what, from] of [
  ['a contact', 'romeo@a.example/orchard'],
  ['one of another tenant', 'romeo@b.example/orchard'],
] as const) {
  test(`what ${what} says was displayed is not published, nor when the client sends it back as an error`, async (t) => {
    const { stage, juliet } = await arrange(t);
    const sender = await stage.appear(from);
    await juliet.send(assisted('nurse@a.example'));
    const before = await shown(juliet);
    await sender.send(assisted('juliet@a.example', `<body>!</body>${displayed('evil')}`));
    assert.deepEqual(await shown(juliet), before);
    const error = `<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
    sender.inbox.length = 0;
    await juliet.send(assisted(sender.jid.toString(), `<body>!</body>${displayed('evil')}${error}`, ` type='error'`));
    assert.deepEqual(await shown(juliet), before);
    const bounced = await sender.next();
    assert.ok(bounced.includes(error) && !bounced.includes(NS), bounced);
  });
}

test('of a message that is refused nothing is published', async (t) => {
  const { juliet } = await arrange(t);
  await ask(juliet, `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='tybalt@a.example'/></block></iq>`);
  juliet.inbox.length = 0;
  assert.match(await ask(juliet, assisted('tybalt@a.example')), /type='error'/);
  assert.match(await ask(juliet, items(NS)), /<item-not-found /);
});

test('what the node has no room for is lost, and the message is not', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  const large = `<displayed xmlns='${NS}'><x>${'y'.repeat(routerLimits.pepItemBytesMax)}</x></displayed>`;
  await juliet.send(assisted('romeo@a.example', `<body>1</body>${large}`));
  assert.match(await romeo.next(), /<body>1<\/body>/);
  await juliet.send(assisted(`${room}/${'r'.repeat(routerLimits.pepItemIdBytesMax)}`));
  assert.equal(stage.rooms.length, 1);
  assert.match(await ask(juliet, items(NS)), /<item-not-found /);
  for (let count = 0; count < routerLimits.pepNodesMax; count++) await ask(juliet, create(`n${count}`));
  await juliet.send(assisted('romeo@a.example', `<body>2</body>${displayed('1')}`));
  assert.match(await romeo.next(), /<body>2<\/body>/);
  assert.match(await ask(juliet, items(NS)), /<item-not-found /);
});

test('a chat that is read on changes the row of its item, and not the list of all', async (t) => {
  const { stage, juliet } = await arrange(t);
  const versions = async () => {
    const query = { table: 'core', partition: 'a.example/a/juliet', prefix: 'pep', limit: 1_000, consistent: true } as const;
    const rows = await stage.dependencies.store.query(query);
    return Object.fromEntries(rows.map(({ sort, version }) => [sort.replace(/\/.*/, ''), version]));
  };
  await juliet.send(assisted('nurse@a.example'));
  await juliet.send(assisted('romeo@a.example', marker('m') + displayed('1')));
  const before = await versions();
  await juliet.send(assisted('romeo@a.example', marker('n') + displayed('2')));
  const after = await versions();
  assert.deepEqual([after.pepList, after.pep], [before.pepList, before.pep]);
  assert.notEqual(after.pepItem, before.pepItem);
});
