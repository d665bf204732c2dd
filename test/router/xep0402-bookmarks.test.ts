import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../lib/limits.ts';
import { type Actor, openStage } from './harness.ts';
import { config, itemIds, items, own, publish, retract } from './pep-requests.ts';
import { assertXml } from './xml-equality.ts';

const NS = 'urn:xmpp:bookmarks:1';
const storage = (content: string) => `<storage xmlns='storage:bookmarks'>${content}</storage>`;
const priv = (content: string) => `<query xmlns='jabber:iq:private'>${content}</query>`;
const write = (content: string) => `<iq type='set' id='w'>${priv(storage(content))}</iq>`;
const read = `<iq type='get' id='r'>${priv(storage(''))}</iq>`;
const native = (attributes: string, content = '') => `<conference xmlns='${NS}' ${attributes}>${content}</conference>`;
const extensions = `<extensions><state xmlns='urn:example' muted='true'/></extensions>`;
const options = config(
  { access_model: 'whitelist', persist_items: 'true', max_items: 'max', send_last_published_item: 'never' },
  'publish-options',
);

async function ask(actor: Actor, xml: string): Promise<string> {
  await actor.send(xml);
  return actor.next();
}

async function arrange(t: { after(run: () => Promise<void>): void }): Promise<Actor> {
  const stage = await openStage();
  t.after(() => stage.close());
  return stage.join('juliet@a.example/balcony');
}

function stored(actor: Actor, content: string): string {
  return `<iq type='result' id='r' to='${actor.jid}'>${priv(storage(content))}</iq>`;
}

test('XEP-0402 §6: private storage shows what is published', async (t) => {
  const juliet = await arrange(t);
  const full = native(`name='The Play' autojoin='true'`, `<nick>JC</nick><password>p&amp;q</password>${extensions}`);
  await ask(juliet, publish(NS, 'theplay@conference.a.example', full, options));
  await ask(juliet, publish(NS, 'orchard@conference.a.example', native('')));
  assertXml(
    await ask(juliet, read),
    stored(
      juliet,
      `<conference jid='theplay@conference.a.example' name='The Play' autojoin='true'><nick>JC</nick><password>p&amp;q</password></conference>` +
        `<conference jid='orchard@conference.a.example'/>`,
    ),
  );
  await ask(juliet, retract(NS, 'theplay@conference.a.example'));
  assertXml(await ask(juliet, read), stored(juliet, `<conference jid='orchard@conference.a.example'/>`));
});

test('XEP-0402 §6: what is written to private storage becomes items that only the account sees', async (t) => {
  const juliet = await arrange(t);
  const page = `<url name='Complete Works' url='http://the-globe.example/'/>`;
  const room = `<conference jid='theplay@conference.a.example' name='The Play' autojoin='1'><nick>JC</nick></conference>`;
  assert.match(await ask(juliet, write(room + page)), /type='result'/);
  const answer = await ask(juliet, items(NS));
  assert.deepEqual(itemIds(answer), ['theplay@conference.a.example']);
  assert.ok(answer.includes(`<conference xmlns='${NS}' name='The Play' autojoin='true'><nick>JC</nick></conference>`), answer);
  const form = await ask(juliet, own('get', `<configure node='${NS}'/>`));
  assert.match(form, /pubsub#access_model'[^>]*><value>whitelist</);
  assert.match(await ask(juliet, publish(NS, 'x@conference.a.example', native(''), options)), /type='result'/);
  assertXml(
    await ask(juliet, read),
    stored(juliet, `${room.replace(`'1'`, `'true'`)}<conference jid='x@conference.a.example'/>${page}`),
  );
});

test('XEP-0402 §6: a change by private storage keeps extensions, tells of what has changed, and of nothing else', async (t) => {
  const juliet = await arrange(t);
  await juliet.send(`<presence><c xmlns='http://jabber.org/protocol/caps' node='n' ver='1'/></presence>`);
  const question = juliet.inbox.find((xml) => xml.includes('disco#info'))!;
  const id = /id='(caps-[^']+)'/.exec(question)![1];
  const info = 'http://jabber.org/protocol/disco#info';
  await juliet.send(`<iq type='result' id='${id}'><query xmlns='${info}'><feature var='${NS}+notify'/></query></iq>`);
  for (const [room, name] of [
    ['same', 'Same'],
    ['new', 'Old'],
    ['gone', 'Gone'],
  ]) {
    await juliet.send(publish(NS, `${room}@c.a.example`, native(`name='${name}'`, extensions), options));
  }
  juliet.inbox.length = 0;
  await juliet.send(write(`<conference jid='same@c.a.example' name='Same'/><conference jid='New@c.a.example' name='New'/>`));
  const told = juliet.inbox.filter((xml) => xml.startsWith('<message'));
  assert.equal(told.length, 2, told.join('\n'));
  assert.match(told[0]!, /<retract id='gone@c.a.example'\/>/);
  assert.match(told[1]!, /<item id='new@c.a.example'><conference [^>]*name='New'>.*<state xmlns='urn:example' muted='true'\/>/);
});

for (const [what, content, condition] of [
  ['a room without an address', `<conference name='x'/>`, 'bad-request'],
  ['an address that is none', `<conference jid='@'/>`, 'jid-malformed'],
  [
    'too long an address',
    `<conference jid='${'l'.repeat(600)}@${'d'.repeat(60)}.${'d'.repeat(60)}.${'d'.repeat(60)}.${'d'.repeat(60)}.${'d'.repeat(60)}.${'d'.repeat(60)}'/>`,
    '(?:not-acceptable|jid-malformed)',
  ],
  [
    'too large a room',
    `<conference jid='a@c.a.example'><nick>${'n'.repeat(limits.pepItemBytesMax)}</nick></conference>`,
    'not-acceptable',
  ],
] as const) {
  test(`XEP-0402 §6: of what is written with ${what} nothing is kept`, async (t) => {
    const juliet = await arrange(t);
    await ask(juliet, write(`<conference jid='before@c.a.example'/>`));
    assert.match(await ask(juliet, write(`<conference jid='other@c.a.example'/>${content}`)), new RegExp(`<${condition} `));
    assertXml(await ask(juliet, read), stored(juliet, `<conference jid='before@c.a.example'/>`));
  });
}
