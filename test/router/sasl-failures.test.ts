/** Attempts to sign in that break the rules of RFC 5802, RFC 4616 or RFC 6120 §6. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { base64, bound, Client, conditionOf, dataOf, ns, openServer, unbound } from './sasl-client.ts';

const { dependencies, step, auth, respond } = await openServer();

after(() => dependencies.close());

/** What a node says of a channel before a client has chosen to bind to it. */
const named = { secure: true, binding: { 'tls-exporter': '', 'tls-server-end-point': '' } };

describe('an attempt that breaks the rules fails', () => {
  for (const [what, mechanism, message, condition, context] of [
    ['no GS2 header', 'SCRAM-SHA-1', 'n=juliet,r=abc', 'malformed-request'],
    ['an empty initial response', 'SCRAM-SHA-1', '', 'malformed-request'],
    ['an unknown flag', 'SCRAM-SHA-1', 'x,,n=juliet,r=abc', 'malformed-request'],
    ['an empty binding type', 'SCRAM-SHA-1-PLUS', 'p=,,n=juliet,r=abc', 'malformed-request', bound],
    ['an empty authzid', 'SCRAM-SHA-1', 'n,a=,n=juliet,r=abc', 'malformed-request'],
    ['a mandatory extension', 'SCRAM-SHA-1', 'n,,m=ext,n=juliet,r=abc', 'malformed-request'],
    ['a mandatory extension behind', 'SCRAM-SHA-1', 'n,,n=juliet,r=abc,m=ext', 'malformed-request'],
    ['no nonce', 'SCRAM-SHA-1', 'n,,n=juliet', 'malformed-request'],
    ['an empty nonce', 'SCRAM-SHA-1', 'n,,n=juliet,r=', 'malformed-request'],
    ['a nonce with a space', 'SCRAM-SHA-1', 'n,,n=juliet,r=a b', 'malformed-request'],
    ['nonce before name', 'SCRAM-SHA-1', 'n,,r=abc,n=juliet', 'malformed-request'],
    ['an empty name', 'SCRAM-SHA-1', 'n,,n=,r=abc', 'malformed-request'],
    ['a wrong escape', 'SCRAM-SHA-1', 'n,,n=jul=iet,r=abc', 'malformed-request'],
    ['another wrong escape', 'SCRAM-SHA-1', 'n,,n=jul=2Diet,r=abc', 'malformed-request'],
    ['a NUL', 'SCRAM-SHA-1', 'n,,n=jul\0iet,r=abc', 'malformed-request'],
    ['a broken extension', 'SCRAM-SHA-1', 'n,,n=juliet,r=abc,xy', 'malformed-request'],
    ['bytes that are not UTF-8', 'SCRAM-SHA-1', Buffer.from([0x6e, 0x2c, 0x2c, 0x6e, 0x3d, 0xff]), 'malformed-request'],
    ['a name that is not a localpart', 'SCRAM-SHA-1', 'n,,n=juliet@example.org,r=abc', 'not-authorized'],
    ['flag y where channels can be bound', 'SCRAM-SHA-1', 'y,,n=juliet,r=abc', 'not-authorized', bound],
    ['flag y where the types of binding are known alone', 'SCRAM-SHA-1', 'y,,n=juliet,r=abc', 'not-authorized', named],
    ['a binding without its data', 'SCRAM-SHA-1-PLUS', 'p=tls-exporter,,n=juliet,r=abc', 'malformed-request', named],
    ['flag p without -PLUS', 'SCRAM-SHA-1', 'p=tls-exporter,,n=juliet,r=abc', 'malformed-request', bound],
    ['flag n with -PLUS', 'SCRAM-SHA-1-PLUS', 'n,,n=juliet,r=abc', 'malformed-request', bound],
    ['flag y with -PLUS', 'SCRAM-SHA-1-PLUS', 'y,,n=juliet,r=abc', 'malformed-request', bound],
    ['a binding type that was not offered', 'SCRAM-SHA-1-PLUS', 'p=tls-unique,,n=juliet,r=abc', 'malformed-request', bound],
    ['a binding type of Object', 'SCRAM-SHA-1-PLUS', 'p=constructor,,n=juliet,r=abc', 'malformed-request', bound],
    ['-PLUS that was not offered', 'SCRAM-SHA-1-PLUS', 'p=tls-exporter,,n=juliet,r=abc', 'invalid-mechanism'],
    ['an unknown mechanism', 'SCRAM-SHA-512', 'n,,n=juliet,r=abc', 'invalid-mechanism'],
    ['a mechanism in small letters', 'plain', '\0juliet\0pencil', 'invalid-mechanism'],
    ['SCRAM without TLS', 'SCRAM-SHA-1', 'n,,n=juliet,r=abc', 'encryption-required', { secure: false, binding: {} }],
    ['PLAIN without TLS', 'PLAIN', '\0juliet\0pencil', 'encryption-required', { secure: false, binding: {} }],
    ['PLAIN with one NUL', 'PLAIN', 'juliet\0pencil', 'malformed-request'],
    ['PLAIN with three NULs', 'PLAIN', '\0juliet\0pencil\0', 'malformed-request'],
    ['PLAIN without a name', 'PLAIN', '\0\0pencil', 'malformed-request'],
    ['PLAIN without a password', 'PLAIN', '\0juliet\0', 'malformed-request'],
  ] as const) {
    test(`${what}: ${condition}`, async () => {
      assert.equal(conditionOf(await (message === '' ? authText(mechanism, '=') : auth(mechanism, message, context))), condition);
    });
  }

  const authText = (mechanism: string, text: string) =>
    step(`<auth xmlns='${ns}' mechanism='${mechanism}'>${text}</auth>`, unbound);

  for (const text of ['====', '==', 'biws=', 'bi ws', 'biw', 'biws\n', 'AA==AAAA', 'AB==', '-_-_', '&#61;AAA']) {
    test(`data '${JSON.stringify(text)}': incorrect-encoding`, async () => {
      assert.equal(conditionOf(await authText('PLAIN', text)), 'incorrect-encoding');
    });
  }

  test('auth without a mechanism: invalid-mechanism', async () => {
    assert.equal(conditionOf(await step(`<auth xmlns='${ns}'/>`, unbound)), 'invalid-mechanism');
  });
  test('abort: aborted', async () => {
    const { state } = await auth('SCRAM-SHA-1', 'n,,n=juliet,r=abc');
    assert.equal(conditionOf(await step(`<abort xmlns='${ns}'/>`, unbound, state)), 'aborted');
  });
  for (const [what, element] of [
    ['a response before auth', `<response xmlns='${ns}'>biws</response>`],
    ['another element', `<challenge xmlns='${ns}'/>`],
    ['another namespace', "<auth xmlns='urn:example' mechanism='PLAIN'/>"],
    ['a child', `<auth xmlns='${ns}' mechanism='PLAIN'><x/></auth>`],
  ] as const) {
    test(`${what}: malformed-request`, async () => {
      assert.equal(conditionOf(await step(element, unbound)), 'malformed-request');
    });
  }

  for (const [what, forge, condition] of [
    ['another nonce', (final: string) => final.replace(/,r=./, ',r=~'), 'not-authorized'],
    ['a nonce cut short', (final: string) => final.replace(/,r=([^,]+).,p/, ',r=$1,p'), 'not-authorized'],
    ['another GS2 header', (final: string) => final.replace('c=biws', `c=${base64('y,,')}`), 'not-authorized'],
    ['channel binding data out of nowhere', (final: string) => final.replace('c=biws', `c=${base64('n,,x')}`), 'not-authorized'],
    ['a short proof', (final: string) => final.replace(/p=.*/, 'p=AAAA'), 'not-authorized'],
    ['a proof of zeros', (final: string) => final.replace(/p=.*/, `p=${base64(Buffer.alloc(20))}`), 'not-authorized'],
    ['an extension put in behind the proof was made', (final: string) => final.replace(',p=', ',x=y,p='), 'not-authorized'],
    ['no proof', (final: string) => final.replace(/,p=.*/, ''), 'malformed-request'],
    ['an empty proof', (final: string) => final.replace(/,p=.*/, ',p='), 'malformed-request'],
    ['a proof that is not base64', (final: string) => final.replace(/,p=.*/, ',p=A'), 'malformed-request'],
    ['a mandatory extension', (final: string) => final.replace(',p=', ',m=y,p='), 'malformed-request'],
    ['something behind the proof', (final: string) => `${final},x=y`, 'malformed-request'],
    ['the first message again', () => 'n,,n=juliet,r=abc', 'malformed-request'],
    ['nothing', () => '', 'malformed-request'],
  ] as const) {
    test(`a final message with ${what}: ${condition}`, async () => {
      const client = new Client('SCRAM-SHA-1', 'juliet', 'pencil');
      const first = await auth('SCRAM-SHA-1', client.first);
      assert.equal(conditionOf(await respond(first.state, forge(client.final(dataOf(first, 'challenge'))))), condition);
    });
  }

  test('a proof over another nonce is none', async () => {
    const client = new Client('SCRAM-SHA-1', 'juliet', 'pencil');
    const first = await auth('SCRAM-SHA-1', client.first);
    assert.equal(conditionOf(await respond(first.state, client.final(dataOf(first, 'challenge'), 'x'))), 'not-authorized');
  });
  test('only an initial response is written = when it is empty', async () => {
    const { state } = await auth('PLAIN');
    assert.equal(conditionOf(await step(`<response xmlns='${ns}'>=</response>`, unbound, state)), 'incorrect-encoding');
    assert.equal(conditionOf(await step(`<response xmlns='${ns}'/>`, unbound, state)), 'malformed-request');
  });
  test('a proof cannot be used again', async () => {
    const client = new Client('SCRAM-SHA-1', 'juliet', 'pencil');
    const first = await auth('SCRAM-SHA-1', client.first);
    const final = client.final(dataOf(first, 'challenge'));
    assert.equal((await respond(first.state, final)).local, 'juliet');
    const again = await auth('SCRAM-SHA-1', client.first);
    assert.equal(conditionOf(await respond(again.state, final)), 'not-authorized');
  });
});
