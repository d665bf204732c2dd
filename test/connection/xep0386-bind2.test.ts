/** XEP-0386, and XEP-0198 §7, at a client's door: a session in one step with signing in, or the old one again. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { base64, type Newcomer } from '../support/stage/newcomer.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const NS = 'urn:xmpp:bind:0';
const sm = 'urn:xmpp:sm:3';
const phone = 'd4565fa7-4d72-4749-b3d3-740edbf87770';
const laptop = '0e5d2d0e-3d7e-4f3e-9c53-1a3f0f0a5a11';

let stage: WholeStage;
beforeEach(async () => {
  stage = await openStage();
  for (const domain of ['a.example', 'b.example']) await stage.addAccount(`juliet@${domain}`);
});
afterEach(() => stage.close());

interface Asked {
  readonly domain?: string;
  readonly name?: string;
  readonly agent?: string | undefined;
  /** Inside of `<authenticate/>`. */
  readonly parts?: string;
}

const tagged = (inner = '') => `<bind xmlns='${NS}'><tag>Balcony</tag>${inner}</bind>`;

/** Somebody signs in. @returns what follows the request: `<success/>` is taken */
async function signIn({ domain = 'a.example', name = 'juliet', agent = phone, parts = tagged() }: Asked = {}) {
  const somebody = stage.newcomer(domain);
  await somebody.open(`${name}@${domain}`);
  const self = agent === '' ? '' : `<user-agent id='${agent}'/>`;
  const initial = `<initial-response>${base64(`\0${name}\0secret`)}</initial-response>`;
  const success = await somebody.asks(
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>${initial}${self}${parts}</authenticate>`,
  );
  return { somebody, success };
}

const identifierOf = (success: string) => /<authorization-identifier>([^<]*)</.exec(success)?.[1] ?? '';
const enabledIdOf = (success: string) => /<enabled [^>]*\bid='([^']+)'/.exec(success)?.[1] ?? '';
const message = (body: string, inner = '') =>
  `<message to='juliet@a.example' type='chat' id='${body}'><body>${body}</body>${inner}</message>`;
const bodies = (elements: readonly string[]) => elements.flatMap((element) => /<body>([^<]*)</.exec(element)?.[1] ?? []);

/** The bodies that come behind initial presence, up to the answer to a ping. */
async function queueOf(somebody: Newcomer, presence = "<presence xmlns='jabber:client'/>"): Promise<string[]> {
  if (presence !== '') somebody.say(presence);
  await stage.settle();
  const heard: string[] = [];
  somebody.say("<iq xmlns='jabber:client' type='get' id='ping' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>");
  for (let element = await somebody.next(); !element.includes("id='ping'"); element = await somebody.next()) heard.push(element);
  return bodies(heard);
}

test('§2.1: it is announced inside of XEP-0388, with what can be asked for', async () => {
  const features = await stage.newcomer().open();
  assert.match(
    features,
    /<inline>.*<bind xmlns='urn:xmpp:bind:0'><inline>(?:<feature var='urn:xmpp:(?:sm:3|csi:0|carbons:2)'\/>)+<\/inline><\/bind><\/inline><\/authentication>/,
  );
  for (const name of ['sm:3', 'carbons:2']) assert.ok(features.includes(`<feature var='urn:xmpp:${name}'/>`), name);
});

test('§2.2: the answer names the full JID and the ends of the archive, and features of a bound stream follow', async () => {
  const romeo = await stage.join('romeo@a.example/orchard');
  await romeo.send(message('first'));
  await romeo.send(message('last'));
  const { somebody, success } = await signIn();
  assertXml(
    success,
    `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>{any}</authorization-identifier><bound xmlns='${NS}'><metadata xmlns='urn:xmpp:mam:2'><start id='{any}' timestamp='{any}'/><end id='{any}' timestamp='{any}'/></metadata></bound></success>`,
  );
  assert.match(identifierOf(success), /^juliet@a\.example\/Balcony\/[\w-]{12}$/);
  const features = await somebody.next();
  assert.match(features, /<sm xmlns='urn:xmpp:sm:3'\/>/);
  assert.doesNotMatch(features, /xmpp-bind|xmpp-session|sasl/);
});

test('§2.2: an empty archive has no ends', async () => {
  const { success } = await signIn();
  assert.match(success, /<metadata xmlns='urn:xmpp:mam:2'\/>/);
});

for (const [what, asked, pattern] of [
  ['without a tag', { parts: `<bind xmlns='${NS}'/>` }, /^juliet@a\.example\/[\w-]{12}$/],
  [
    'with a tag that is too long',
    { parts: `<bind xmlns='${NS}'><tag>${'x'.repeat(65)}</tag></bind>` },
    /^juliet@a\.example\/[\w-]{12}$/,
  ],
  [
    'with a tag that no resource can have',
    { parts: `<bind xmlns='${NS}'><tag>\u0085</tag></bind>` },
    /^juliet@a\.example\/[\w-]{12}$/,
  ],
  [
    'with a prefix',
    { parts: `<b:bind xmlns:b='${NS}'><b:tag>Balcony</b:tag></b:bind>` },
    /^juliet@a\.example\/Balcony\/[\w-]{12}$/,
  ],
  ['without an id of the client', { agent: '' }, /^juliet@a\.example\/Balcony\/[\w-]{12}$/],
] as const) {
  test(`§2.2.1: the resource ${what}`, async () => {
    assert.match(identifierOf((await signIn(asked)).success), pattern);
  });
}

test('§2.2.1: the resource is stable by client, tag, account and tenant, and does not show the id of the client', async () => {
  const jids = new Map<string, string>();
  for (const [who, asked] of [
    ['phone', {}],
    ['phone again', {}],
    ['in capitals', { agent: phone.toUpperCase() }],
    ['laptop', { agent: laptop }],
    ['another tag', { parts: `<bind xmlns='${NS}'><tag>Orchard</tag></bind>` }],
    ['another tenant', { domain: 'b.example' }],
  ] as const) {
    const jid = identifierOf((await signIn(asked)).success);
    jids.set(who, jid.slice(jid.lastIndexOf('/')));
    assert.ok(!jid.includes(phone.slice(0, 8)));
  }
  assert.equal(jids.get('phone again'), jids.get('phone'));
  assert.equal(jids.get('in capitals'), jids.get('phone'));
  assert.equal(new Set(jids.values()).size, 4);
});

test('§2.2: an older session of the same client ends, whatever its tag; those of other clients and tenants stay', async () => {
  const { somebody: first } = await signIn();
  const { somebody: other } = await signIn({ agent: laptop });
  const { somebody: elsewhere } = await signIn({ domain: 'b.example' });
  const { somebody: nameless } = await signIn({ agent: '' });
  for (const one of [first, other, elsewhere, nameless]) await one.next();
  await signIn({ parts: `<bind xmlns='${NS}'><tag>New</tag></bind>` });
  assert.match(await first.next(), /<stream:error .*<conflict /);
  await stage.settle();
  for (const one of [other, elsewhere, nameless]) assert.deepEqual(one.rest, []);
});

test('§2.2: contacts see the older session of another tag leave', async () => {
  const romeo = await stage.appear('romeo@a.example/orchard');
  const balcony = await stage.appear('juliet@a.example/old');
  await stage.befriend(romeo, balcony);
  await balcony.end();
  const { somebody, success } = await signIn();
  await somebody.next();
  await queueOf(somebody);
  romeo.take();
  await signIn({ parts: `<bind xmlns='${NS}'><tag>New</tag></bind>` });
  await romeo.gets(1);
  assertXml(romeo.take()[0]!, `<presence from='${identifierOf(success)}' to='romeo@a.example' type='unavailable'/>`);
});

test('§2.2: carbons are on from the first stanza', async () => {
  const { somebody } = await signIn({ parts: tagged("<enable xmlns='urn:xmpp:carbons:2'/>") });
  await somebody.next();
  const romeo = await stage.join('romeo@a.example/orchard');
  const balcony = await stage.appear('juliet@a.example/balcony');
  await romeo.send(message('sweet').replace('juliet@a.example', 'juliet@a.example/balcony'));
  balcony.take();
  assert.match(await somebody.next(), /<received xmlns='urn:xmpp:carbons:2'>.*<body>sweet</);
});

test('XEP-0198 §7.1: stream management begins with the bind, and counts what follows', async () => {
  const { somebody, success } = await signIn({ parts: tagged(`<enable xmlns='${sm}' resume='true'/>`) });
  assert.match(success, /<bound .*<enabled xmlns='urn:xmpp:sm:3' id='[^']+' resume='true' max='\d+'\/><\/bound>/);
  assert.doesNotMatch(await somebody.next(), /<sm /);
  somebody.say("<iq xmlns='jabber:client' type='get' id='1' to='a.example'><ping xmlns='urn:xmpp:ping'/></iq>");
  await somebody.next();
  assertXml(await somebody.asks(`<r xmlns='${sm}'/>`), `<a xmlns='${sm}' h='1'/>`);
});

test('XEP-0198 §7.2: a session is resumed inline: <bind/> is ignored, no features follow, and nothing is lost', async () => {
  const romeo = await stage.join('romeo@a.example/orchard');
  const { somebody: before, success: bound } = await signIn({ parts: tagged(`<enable xmlns='${sm}' resume='true'/>`) });
  await before.next();
  await queueOf(before);
  before.leave();
  await stage.settle();
  await romeo.send(message('meanwhile'));
  const parts = `${tagged(`<enable xmlns='${sm}' resume='true'/>`)}<resume xmlns='${sm}' previd='${enabledIdOf(bound)}' h='2'/>`;
  const { somebody, success } = await signIn({ parts });
  assertXml(
    success,
    `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>${identifierOf(bound)}</authorization-identifier><resumed xmlns='${sm}' previd='{any}' h='{any}'/></success>`,
  );
  assert.match(await somebody.next(), /<body>meanwhile</, 'and not features');
});

for (const [what, previd] of [
  ['that nobody knows', 'bm93aGVyZQ'],
  ['of another account', undefined],
] as const) {
  test(`XEP-0198 §7.2.1: a session ${what} is not resumed, and <bind/> is carried out`, async () => {
    await stage.addAccount('romeo@a.example');
    const { success: others } = await signIn({ name: 'romeo', parts: tagged(`<enable xmlns='${sm}' resume='true'/>`) });
    const parts = `<resume xmlns='${sm}' previd='${previd ?? enabledIdOf(others)}' h='0'/>${tagged(`<enable xmlns='${sm}'/>`)}`;
    const { somebody, success } = await signIn({ parts });
    assertXml(
      success,
      `<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>{any}</authorization-identifier><failed xmlns='${sm}'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed><bound xmlns='${NS}'><metadata xmlns='urn:xmpp:mam:2'/><enabled xmlns='${sm}'/></bound></success>`,
    );
    assert.match(await somebody.next(), /^<stream:features /);
    assert.match(identifierOf(success), /^juliet@a\.example\/Balcony\//);
  });
}

test('XEP-0198 §7.2.1: without <bind/>, features of a stream without a resource follow', async () => {
  const { somebody, success } = await signIn({ parts: `<resume xmlns='${sm}' previd='bm93aGVyZQ' h='0'/>` });
  assert.equal(identifierOf(success), 'juliet@a.example');
  assert.match(await somebody.next(), /<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'\/>/);
});

test('what the archive has does not come from the queue as well; what it does not have, does', async () => {
  const romeo = await stage.join('romeo@a.example/orchard');
  await romeo.send(message('archived'));
  await romeo.send(message('not-stored', "<no-store xmlns='urn:xmpp:hints'/>"));
  const balcony = await stage.join('juliet@a.example/balcony');
  await balcony.send("<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs></iq>");
  await romeo.send(message('never'));
  await balcony.end();
  const { somebody } = await signIn();
  await somebody.next();
  assert.deepEqual(await queueOf(somebody), ['not-stored', 'never']);
});

test('what arrives between the bind and initial presence comes from the queue', async () => {
  const romeo = await stage.join('romeo@a.example/orchard');
  const { somebody } = await signIn();
  await somebody.next();
  await romeo.send(message('early'));
  assert.deepEqual(await queueOf(somebody), ['early']);
});

test('an account with too many sessions is told so, and gets no session', async () => {
  const { somebody } = await signIn({ agent: '' });
  await somebody.next();
  let text = '';
  for (let n = 0; n < 200 && !text.startsWith('<stream:error'); n++) text = (await signIn({ agent: '' })).success;
  assert.match(text, /<resource-constraint /);
});

test('a client that is gone before it is answered leaves no session behind', async () => {
  const juliet = stage.newcomer();
  await juliet.open();
  juliet.say(
    `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${base64('\0juliet\0secret')}</initial-response>${tagged()}</authenticate>`,
  );
  juliet.leave();
  await stage.settle();
  const rows = await stage.store.query({ table: 'live', partition: 'a.example/a/juliet', limit: 10, consistent: true });
  assert.deepEqual(
    rows.filter(({ sort }) => sort === 'sessions/'),
    [],
  );
});

test('XEP-0352: a session that binds as inactive is not shown presence until something urgent comes', async () => {
  const romeo = await stage.appear('romeo@a.example/orchard');
  const balcony = await stage.appear('juliet@a.example/balcony');
  await stage.befriend(romeo, balcony);
  await balcony.end();
  const { somebody } = await signIn({ parts: tagged("<inactive xmlns='urn:xmpp:csi:0'/>") });
  await somebody.next();
  await romeo.send('<presence><show>away</show></presence>');
  somebody.say("<presence xmlns='jabber:client'/>");
  await stage.settle();
  await romeo.send('<presence><show>dnd</show></presence>');
  await stage.settle();
  assert.doesNotMatch(somebody.rest.join(''), /dnd/);
  await romeo.send(message('wake'));
  await stage.settle();
  assert.match(somebody.rest.join(''), /<show>dnd<.*<body>wake</);
});
