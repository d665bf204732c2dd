/** XEP-0388, at a client's door: what is offered, how an exchange goes, and what a client must not do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { binding, Client } from '../router/sasl-client.ts';
import { base64, type Newcomer } from '../support/stage/newcomer.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const NS = 'urn:xmpp:sasl:2';
const conditions = 'urn:ietf:params:xml:ns:xmpp-sasl';
const agent = `<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Balcony</software></user-agent>`;
const plain = (name = 'juliet', password = 'secret', authzid = '') => base64(`${authzid}\0${name}\0${password}`);
const authenticate = (mechanism: string, initial?: string, inner = '') =>
  `<authenticate xmlns='${NS}' mechanism='${mechanism}'>${
    initial === undefined ? '' : `<initial-response>${initial}</initial-response>`
  }${inner}</authenticate>`;
const failure = (condition: string, text = '{any}') =>
  `<failure xmlns='${NS}'><${condition} xmlns='${conditions}'/>${text === '' ? '' : `<text xml:lang='en'>${text}</text>`}</failure>`;
const success = (data = '', identifier = 'juliet@a.example') =>
  `<success xmlns='${NS}'><authorization-identifier>${identifier}</authorization-identifier>${
    data === '' ? '' : `<additional-data>${data}</additional-data>`
  }</success>`;

let stage: WholeStage;
let addresses = 0;

before(async () => {
  stage = await openStage();
  for (const domain of ['a.example', 'b.example']) await stage.addAccount(`juliet@${domain}`);
  await stage.addAccount('romeo@a.example');
});
after(() => stage.close());

/** Each has an address of its own, so that wrong passwords of one test do not slow down the next. */
async function newcomer(from?: string, bound = {}): Promise<Newcomer> {
  const somebody = stage.newcomer('a.example', { binding: bound, address: `198.51.100.${++addresses}` });
  await somebody.open(from);
  return somebody;
}

async function ended(somebody: Newcomer, condition: string): Promise<void> {
  assertXml(
    await somebody.next(),
    `<stream:error xmlns:stream='http://etherx.jabber.org/streams'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>{any}</text></stream:error>`,
  );
}

const offered = (features: string) => /<authentication .*<\/authentication>/.exec(features)?.[0] ?? '';
const mechanismsOf = (features: string) =>
  [...offered(features).matchAll(/<mechanism>(SCRAM[^<]*|PLAIN)</g)].map(([, name]) => name);

test('§2.1: it is offered beside SASL of RFC 6120, with what can be done inline', async () => {
  const features = await stage.newcomer().open();
  assert.match(features, /<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>/);
  assert.match(offered(features), /<inline><sm xmlns='urn:xmpp:sm:3'\/>.*<bind xmlns='urn:xmpp:bind:0'>/);
  assert.deepEqual(mechanismsOf(features), ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN']);
});

test('§2.1: what is offered follows the account in `from`; a name without an account looks like any other', async () => {
  const keys = await stage.dependencies.store.query({
    table: 'core',
    partition: 'a.example/a/juliet',
    limit: 10,
    consistent: true,
  });
  const { scram } = JSON.parse(`${keys.find(({ sort }) => sort === 'account/')!.value}`) as { scram: Record<string, object> };
  await stage.register('imported@a.example', { 'SHA-1': scram['SHA-1'] } as never);
  const usual = ['SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'];
  for (const [from, names] of [
    ['juliet@a.example', usual],
    ['juliet@a.example/balcony', usual],
    ['nobody@a.example', usual],
    ['imported@a.example', ['SCRAM-SHA-1', 'PLAIN']],
  ] as const) {
    assert.deepEqual(mechanismsOf(await stage.newcomer().open(from)), names, from);
  }
});

test('§2.1: `from` of another domain is refused (RFC 6120 §4.9.3.9)', async () => {
  const somebody = stage.newcomer();
  somebody.say("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='a.example' from='juliet@b.example' version='1.0'/>");
  await somebody.next();
  await ended(somebody, 'invalid-from');
});

test('§2.6.1: success names the account, features follow, and the stream does not open again', async () => {
  const juliet = await newcomer('juliet@a.example');
  await juliet.isTold(authenticate('PLAIN', plain(), agent), success());
  assert.match(
    await juliet.next(),
    /^<stream:features .*<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'\/>.*<sm xmlns='urn:xmpp:sm:3'\/>/,
  );
  await juliet.isTold(
    `<iq xmlns='jabber:client' type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>`,
    `<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@a.example/x</jid></bind></iq>`,
  );
});

for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-512-PLUS'] as const) {
  test(`§2.5: ${mechanism}, with the server's proof in <additional-data/>`, async () => {
    const juliet = await newcomer('juliet@a.example', binding);
    const isPlus = mechanism.endsWith('PLUS');
    const options = isPlus ? { header: 'p=tls-exporter,,', bindingData: binding['tls-exporter']! } : {};
    const client = new Client(mechanism, 'juliet', 'secret', options);
    const challenge = await juliet.asks(authenticate(mechanism, base64(client.first)));
    const data = /^<challenge xmlns='urn:xmpp:sasl:2'>([^<]+)<\/challenge>$/.exec(challenge)![1]!;
    const answer = await juliet.asks(
      `<response xmlns='${NS}'>${base64(client.final(Buffer.from(data, 'base64').toString()))}</response>`,
    );
    const proof = /<additional-data>([^<]+)</.exec(answer)![1]!;
    client.checkServer(Buffer.from(proof, 'base64').toString());
    assertXml(answer, success(proof));
  });
}

test('§2.2: an exchange without an initial response begins with an empty challenge', async () => {
  const juliet = await newcomer();
  await juliet.isTold(authenticate('PLAIN'), `<challenge xmlns='${NS}'/>`);
  await juliet.isTold(`<response xmlns='${NS}'>${plain()}</response>`, success());
});

test('§2.1: a prefix, white space around the data, and a child of tomorrow do no harm inside', async () => {
  const juliet = await newcomer('juliet@a.example');
  const inner = `<s:initial-response xmlns:s='${NS}'>\n ${plain()} </s:initial-response><x xmlns='urn:example'/>`;
  await juliet.isTold(`<authenticate xmlns='${NS}' mechanism='PLAIN'>${inner}</authenticate>`, success());
});

for (const [what, element, condition] of [
  ['a mechanism that was not offered', authenticate('SCRAM-SHA3-512', base64('n,,n=juliet,r=abc')), 'invalid-mechanism'],
  [
    '-PLUS where nothing can be bound',
    authenticate('SCRAM-SHA-256-PLUS', base64('p=tls-exporter,,n=juliet,r=a')),
    'invalid-mechanism',
  ],
  ['a token where a mechanism for it was not offered', authenticate('HT-SHA-256-EXPR', base64('juliet\0')), 'invalid-mechanism'],
  ['no mechanism', `<authenticate xmlns='${NS}'/>`, 'invalid-mechanism'],
  [
    'an authorization identity that is not `from`',
    authenticate('PLAIN', plain('juliet', 'secret', 'romeo@a.example')),
    'invalid-authzid',
  ],
  ['another name than `from`', authenticate('PLAIN', plain('romeo')), 'not-authorized'],
  ['another name than `from`, in SCRAM', authenticate('SCRAM-SHA-1', base64('n,,n=romeo,r=abc')), 'not-authorized'],
  ['a wrong password', authenticate('PLAIN', plain('juliet', 'wrong')), 'not-authorized'],
  ['data that are not base64', authenticate('PLAIN', '***'), 'incorrect-encoding'],
  ['`=` for empty data, which RFC 6120 has', authenticate('PLAIN', '='), 'incorrect-encoding'],
  ['an id that is not a UUID', authenticate('PLAIN', plain(), "<user-agent id='me'/>"), 'malformed-request'],
  ['two binds', authenticate('PLAIN', plain(), "<bind xmlns='urn:xmpp:bind:0'/>".repeat(2)), 'malformed-request'],
  ['two resumptions', authenticate('PLAIN', plain(), "<resume xmlns='urn:xmpp:sm:3'/>".repeat(2)), 'malformed-request'],
] as const) {
  test(`§2.6.2: ${what} fails with ${condition}, and another attempt may follow`, async () => {
    const juliet = await newcomer('juliet@a.example');
    const answer = await juliet.asks(element);
    assertXml(answer, failure(condition, answer.includes('<text') ? '{any}' : ''));
    await juliet.isTold(authenticate('PLAIN', plain()), success());
  });
}

test('§4.6: <abort/> ends an exchange with a failure, and its reason may be any', async () => {
  const juliet = await newcomer('juliet@a.example');
  await juliet.asks(authenticate('SCRAM-SHA-1', base64('n,,n=juliet,r=abc')));
  await juliet.isTold(`<abort xmlns='${NS}'><text>I am tired</text><x xmlns='urn:example'/></abort>`, failure('aborted', ''));
  await juliet.isTold(authenticate('PLAIN', plain()), success());
});

for (const [what, element, condition] of [
  ['<authenticate/>', authenticate('PLAIN', plain()), 'unsupported-stanza-type'],
  ['<auth/> of RFC 6120', `<auth xmlns='${conditions}' mechanism='PLAIN'>${plain()}</auth>`, 'not-authorized'],
  [
    'a request to register',
    "<iq xmlns='jabber:client' type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
    'not-authorized',
  ],
  ['a message', "<message xmlns='jabber:client' to='romeo@a.example'/>", 'not-authorized'],
] as const) {
  test(`§2.4: ${what} in the middle of an exchange ends the stream`, async () => {
    const juliet = await newcomer('juliet@a.example');
    await juliet.asks(authenticate('SCRAM-SHA-1', base64('n,,n=juliet,r=abc')));
    juliet.say(element);
    await ended(juliet, condition);
  });
}

for (const name of ['response', 'abort', 'next', 'task-data']) {
  test(`§2.4: <${name}/> outside of an exchange ends the stream`, async () => {
    const juliet = await newcomer('juliet@a.example');
    juliet.say(`<${name} xmlns='${NS}'/>`);
    await ended(juliet, 'unsupported-stanza-type');
  });
}

test('§4.9: a second <authenticate/> behind success ends the stream', async () => {
  const juliet = await newcomer('juliet@a.example');
  await juliet.asks(authenticate('PLAIN', plain()));
  await juliet.next();
  juliet.say(authenticate('PLAIN', plain()));
  await ended(juliet, 'unsupported-stanza-type');
});

test('wrong passwords end the stream as they do with RFC 6120', async () => {
  const juliet = await newcomer('juliet@a.example');
  for (let n = 1; n < 5; n++)
    assertXml(await juliet.asks(authenticate('PLAIN', plain('juliet', 'wrong'))), failure('not-authorized', ''));
  await juliet.asks(authenticate('PLAIN', plain('juliet', 'wrong')));
  await ended(juliet, 'policy-violation');
});

test('§3: without TLS nothing is offered, and nothing is taken', async () => {
  const juliet = stage.newcomer('a.example', { isSecure: false });
  assert.equal(offered(await juliet.open('juliet@a.example')), '');
  await juliet.isTold(authenticate('PLAIN', plain()), failure('encryption-required', ''));
});

test('an account of one tenant does not sign in at the other', async () => {
  await stage.addAccount('tybalt@b.example');
  const tybalt = await newcomer();
  assertXml(await tybalt.asks(authenticate('PLAIN', plain('tybalt'))), failure('not-authorized', ''));
});
