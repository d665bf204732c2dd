/** Streams that open within a moment are told what a router has told one of them; SASL's success brings the features behind it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { usual } from './fake-router.ts';
import { type Fixture, header, openStream, plainAuth, signIn, startFixture } from './fixture.ts';
import { RawClient } from './raw-client.ts';

const keepMs = 250;
const featuresPattern = /<stream:features>(.*)<\/stream:features>/;

let fixture: Fixture;
beforeEach(async () => {
  fixture = await startFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

async function open(options: { maxVersion?: 'TLSv1.2'; text?: string } = {}): Promise<string> {
  const { text = header, ...tls } = options;
  const client = RawClient.tls(fixture.node.addresses.c2sTls!.port, tls);
  client.send(text);
  const [, features] = await client.read(featuresPattern);
  client.destroy();
  return features!;
}

const asked = () => fixture.router.items('open').length;

describe('what a router says of a domain', () => {
  beforeEach(() => {
    fixture.router.answer = (step) =>
      step.items[0]?.item.kind === 'open' ? { ...usual(step), keepMs, session: 'opened' } : undefined;
  });

  test('is said to all streams of the moment, which go on with the same session', async () => {
    const first = await open();
    for (let time = 0; time < 5; time++) assert.equal(await open(), first);
    assert.equal(asked(), 1);
    const client = await openStream(fixture.node);
    client.send(plainAuth('juliet'));
    await client.read(/<success/);
    assert.equal(asked(), 1);
    assert.equal(fixture.router.steps.at(-1)!.request.session, 'opened');
    client.destroy();
  });

  test('is asked again when the moment is over', async () => {
    await open();
    await fixture.clock.advance(keepMs - 1);
    await open();
    assert.equal(asked(), 1);
    await fixture.clock.advance(1);
    await open();
    assert.equal(asked(), 2);
  });

  test('is asked under another TLS, and without TLS', async () => {
    await open();
    await open({ maxVersion: 'TLSv1.2' });
    assert.equal(asked(), 2);
    const plain = RawClient.plain(fixture.node.addresses.c2s!.port);
    plain.send(header);
    await plain.read(featuresPattern);
    plain.destroy();
    assert.equal(asked(), 3);
    assert.deepEqual(
      fixture.router.items('open').map(({ item }) => [item.secure, Object.keys(item.binding).length]),
      [
        [true, 2],
        [true, 1],
        [false, 0],
      ],
    );
  });

  test('is not kept when it refuses, nor told to other domains', async () => {
    await open();
    for (let time = 0; time < 2; time++) {
      const client = RawClient.tls(fixture.node.addresses.c2sTls!.port);
      client.send(header.replace('example.org', 'example.net'));
      await client.read(/<host-unknown/);
      client.destroy();
    }
    assert.equal(asked(), 3);
  });
});

test('a router that does not say for how long is asked each time', async () => {
  for (let time = 0; time < 3; time++) await open();
  assert.equal(asked(), 3);
});

describe('behind SASL', () => {
  test('the features that came with the success are shown, and nobody is asked', async () => {
    fixture.router.answer = (step) =>
      step.items[0]?.item.kind === 'sasl'
        ? { ...usual(step), features: "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><x/>" }
        : undefined;
    const client = await openStream(fixture.node);
    client.send(plainAuth('juliet'));
    await client.read(/<success[^>]*>/);
    client.send(header);
    const [, features] = await client.read(featuresPattern);
    assert.ok(features!.startsWith("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><x/><sm xmlns='urn:xmpp:sm:3'/>"), features);
    assert.equal(asked(), 1);
    client.destroy();
  });

  test('a router that does not tell them is asked', async () => {
    (await signIn(fixture.node)).destroy();
    assert.equal(asked(), 2);
  });
});
