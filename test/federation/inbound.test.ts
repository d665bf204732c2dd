/** Streams that other servers open to us, and what the hostile among them try: XEP-0220, XEP-0178, XEP-0344, XEP-0198, XEP-0478. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TcpClient } from '../support/tcp-client.ts';
import { bodyOf, type Deployment, Ground } from './deployments.ts';
import { FakePeer, NS_SM } from './fake-peer.ts';
import { endsWith, proven } from './two-tenants.ts';

let ground: Ground;
let skylark: Deployment;
/** Proves its domain by its certificate. */
let certified: FakePeer;
/** Proves it by dialback alone. */
let dialling: FakePeer;
let juliet: TcpClient;

before(async () => {
  ground = await Ground.open();
  skylark = await ground.deploy({ domains: ['a.example', 'b.example'] });
  certified = await FakePeer.start(ground, { domain: 'certified.example', isCertified: true });
  dialling = await FakePeer.start(ground, { domain: 'dialling.example' });
  juliet = await skylark.join('juliet@a.example/balcony');
});

after(() => ground[Symbol.asyncDispose]());

const message = (from: string, to = 'juliet@a.example', body = 'hello') =>
  `<message from='${from}' to='${to}' type='chat'><body>${body}</body></message>`;

test('XEP-0220: a key that the authoritative server knows proves the domain, and stanzas arrive', async () => {
  const stream = await proven(skylark, dialling);
  const question = `<db:verify from='a.example' to='dialling.example' id='${stream.id}'>a key</db:verify>`;
  assert.ok(dialling.asked.includes(question), dialling.asked.join('\n'));
  stream.send(message('nurse@dialling.example/x', 'juliet@a.example', 'by dialback'));
  assert.equal(bodyOf((await juliet.next('message')).xml), 'by dialback');
});

test('XEP-0220 §2.2: a key that the authoritative server does not know is invalid, and the stream ends', async () => {
  dialling.isVouching = false;
  const stream = await dialling.dial(skylark, 'a.example');
  await stream.open();
  assert.match(await stream.prove(), /type='invalid'/);
  assert.equal(await stream.next(), '</stream:stream>');
  dialling.isVouching = true;
});

test('XEP-0220 §2.5: a domain without a server, and a host that is not here, are errors', async () => {
  const stream = await dialling.dial(skylark, 'a.example');
  await stream.open();
  stream.send(`<db:result from='nowhere.example' to='a.example'>key</db:result>`);
  assert.match(await stream.next(), /type='error'.*remote-server-not-found/);
  stream.send(`<db:result from='dialling.example' to='elsewhere.example'>key</db:result>`);
  assert.match(await stream.next(), /type='error'.*item-not-found/);
});

test('XEP-0220 §2.1.3, XEP-0185: we vouch for our own keys, and for no others', async () => {
  juliet.send(message('', 'nurse@dialling.example').replace(` from=''`, ''));
  await dialling.until(() => dialling.asked.some((xml) => xml.startsWith('<db:result')), 'a key of ours');
  const said = dialling.asked.find((xml) => xml.startsWith('<db:result'))!;
  const key = /<db:result[^>]*>([^<]+)</.exec(said)![1]!;
  const stream = await dialling.dial(skylark, 'a.example');
  await stream.open();
  const ask = (id: string, text: string, to = 'a.example') => {
    stream.send(`<db:verify from='dialling.example' to='${to}' id='${id}'>${text}</db:verify>`);
    return stream.next();
  };
  assert.match(await ask(`fake-${dialling.streams}`, key), /type='valid'/);
  assert.match(await ask('fake-9999', key), /type='invalid'/);
  assert.match(await ask(`fake-${dialling.streams}`, 'another'), /type='invalid'/);
  assert.match(await ask(`fake-${dialling.streams}`, key, 'b.example'), /type='invalid'/);
  assert.match(await ask('x', key, 'elsewhere.example'), /type='error'.*item-not-found/);
});

test('XEP-0178: a certificate proves the domain, and an identity that is not the stream’s is refused', async () => {
  const stream = await certified.dial(skylark, 'a.example');
  assert.match(await stream.open(), /<mechanism>EXTERNAL<\/mechanism>/);
  const foreign = Buffer.from('a.example').toString('base64');
  assert.match(await stream.authenticate(foreign), /<failure .*<invalid-authzid/);
  assert.match(await stream.authenticate(), /<success/);
  assert.match(await stream.open(), /urn:xmpp:sm:3/);
  stream.send(message('nurse@certified.example/x', 'juliet@a.example', 'by certificate'));
  assert.equal(bodyOf((await juliet.next('message')).xml), 'by certificate');
});

test('XEP-0178: EXTERNAL is neither offered nor taken without a certificate that proves the domain', async () => {
  for (const [peer, options] of [
    [dialling, {}],
    [certified, { hasCertificate: false }],
    [certified, { from: 'other.example' }],
  ] as const) {
    const stream = await peer.dial(skylark, 'a.example', options);
    assert.doesNotMatch(await stream.open(), /EXTERNAL/);
    assert.match(await stream.authenticate(), /<failure .*<not-authorized/);
  }
});

test('XEP-0344 §2.4: with a good certificate a key needs no call back', async () => {
  const asked = certified.asked.length;
  await proven(skylark, certified);
  assert.equal(certified.asked.length, asked);
});

test('XEP-0220 §2.7: a stream carries what it has proved, one pair after the other', async () => {
  const stream = await proven(skylark, dialling);
  stream.send(`<db:result from='dialling.example' to='b.example'>key</db:result>`);
  assert.match(await stream.next(), /type='valid'/);
  stream.send(message('nurse@dialling.example', 'nobody@b.example'));
  await dialling.until(() => dialling.received.some((xml) => /from=["']nobody@b.example/.test(xml)), 'an error from b.example');
});

test('XEP-0198: `h` counts what was taken here, and only behind proof', async () => {
  const early = await dialling.dial(skylark, 'a.example');
  await early.open();
  early.send(`<enable xmlns='${NS_SM}'/>`);
  assert.match(await early.next(), /<failed /);
  const stream = await proven(skylark, dialling);
  stream.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
  assert.equal(await stream.next(), `<enabled xmlns='${NS_SM}'/>`);
  for (const body of ['1', '2', '3']) stream.send(message('nurse@dialling.example/x', 'juliet@a.example', body));
  stream.send(`<r xmlns='${NS_SM}'/>`);
  assert.equal(await stream.next(), `<a xmlns='${NS_SM}' h='3'/>`);
  for (const body of ['1', '2', '3']) assert.equal(bodyOf((await juliet.next('message')).xml), body);
});

test('RFC 6120 §4.4: our closing tag comes behind everything that came before theirs', async () => {
  const stream = await proven(skylark, dialling);
  stream.send(`${message('nurse@dialling.example/x', 'juliet@a.example', 'last words')}</stream:stream>`);
  assert.equal(await stream.next(), '</stream:stream>');
  assert.equal(bodyOf((await juliet.next('message')).xml), 'last words');
});

test('XEP-0478: what a stream bears is announced', async () => {
  const stream = await dialling.dial(skylark, 'a.example');
  assert.match(await stream.open(), /<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>\d+<\/max-bytes><idle-seconds>\d+/);
});

describe('a stream is closed for', () => {
  for (const [what, xml, condition] of [
    ['a stanza before proof', message('nurse@dialling.example'), 'not-authorized'],
    ['a key for one of our own domains', `<db:result from='b.example' to='a.example'>key</db:result>`, 'invalid-from'],
    ['an answer that was not asked for', `<db:result from='dialling.example' to='a.example' type='valid'/>`, 'not-authorized'],
    [
      'a verdict that was not asked for',
      `<db:verify from='dialling.example' to='a.example' id='x' type='valid'/>`,
      'not-authorized',
    ],
    ['a key without addresses', `<db:result>key</db:result>`, 'improper-addressing'],
    ['an acknowledgement request before proof', `<r xmlns='${NS_SM}'/>`, 'not-authorized'],
    ['an element that nobody knows', `<x xmlns='urn:x'/>`, 'unsupported-stanza-type'],
    [
      'more than is allowed before proof',
      `<message from='a' to='b'><body>${'x'.repeat(20_000)}</body></message>`,
      'policy-violation',
    ],
  ] as const) {
    test(`${what}: ${condition}`, async () => {
      const stream = await dialling.dial(skylark, 'a.example');
      await stream.open();
      stream.send(xml);
      await endsWith(stream, condition);
    });
  }

  for (const [what, xml, condition] of [
    ['a stanza from another domain', message('nurse@other.example'), 'invalid-from'],
    ['a stanza from one of our domains', message('romeo@a.example'), 'invalid-from'],
    ['a stanza to another domain of ours', message('nurse@dialling.example', 'romeo@b.example'), 'host-unknown'],
    ['a stanza to a domain that is not here', message('nurse@dialling.example', 'x@third.example'), 'host-unknown'],
    ['a stanza without `to`', `<message from='nurse@dialling.example'/>`, 'improper-addressing'],
    ['a stanza without `from`', `<message to='juliet@a.example'/>`, 'improper-addressing'],
    ['an address that is none', message('@@', 'juliet@a.example'), 'improper-addressing'],
    ['a document type', `<!DOCTYPE x [<!ENTITY a 'a'>]>`, 'restricted-xml'],
  ] as const) {
    test(`${what}: ${condition}`, async () => {
      const stream = await proven(skylark, dialling);
      stream.send(xml);
      await endsWith(stream, condition);
    });
  }

  for (const [what, header, condition] of [
    ['a host that is not here', `from='dialling.example' to='elsewhere.example' version='1.0'`, 'host-unknown'],
    ['no host', `from='dialling.example' version='1.0'`, 'improper-addressing'],
    ['one of our domains as its own', `from='b.example' to='a.example' version='1.0'`, 'invalid-from'],
    ['a version before 1.0', `from='dialling.example' to='a.example'`, 'unsupported-version'],
  ] as const) {
    test(`a header with ${what}: ${condition}`, async () => {
      const stream = await dialling.dial(skylark, 'a.example');
      assert.match(await stream.open(header), new RegExp(`<${condition} `));
    });
  }
});

test('nobody of another tenant has heard any of it', async () => {
  const romeo = await skylark.join('romeo@b.example/orchard');
  assert.deepEqual(
    romeo.received.filter(({ name }) => name === 'message'),
    [],
  );
});
