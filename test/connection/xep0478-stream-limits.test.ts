/** XEP-0478: what is announced before and behind SASL is what is done, to the byte and to the second. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import { bind, type Fixture, header, plainAuth, signIn, startFixture } from './fixture.ts';
import { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());

interface Announced {
  readonly maxBytes: number;
  readonly idleSeconds: number;
}

async function read(client: RawClient): Promise<Announced> {
  const [, features] = await client.read(/<stream:features>(.*)<\/stream:features>/);
  const found = [
    ...features!.matchAll(
      /<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>(\d+)<\/max-bytes><idle-seconds>(\d+)<\/idle-seconds><\/limits>/g,
    ),
  ];
  assert.equal(found.length, 1, features);
  return { maxBytes: Number(found[0]![1]), idleSeconds: Number(found[0]![2]) };
}

async function opened(): Promise<{ client: RawClient; announced: Announced }> {
  const client = RawClient.tls(fixture.node.addresses.c2sTls!.port);
  client.send(header);
  return { client, announced: await read(client) };
}

async function signedIn(): Promise<{ client: RawClient; announced: Announced }> {
  const { client } = await opened();
  client.send(plainAuth('juliet'));
  await client.read(/<success[^>]*>/);
  client.send(header);
  return { client, announced: await read(client) };
}

const filled = (start: string, end: string, bytes: number): string =>
  start + 'A'.repeat(bytes - Buffer.byteLength(start) - Buffer.byteLength(end)) + end;

test('nothing is announced before STARTTLS', async () => {
  const client = RawClient.plain(fixture.node.addresses.c2s!.port);
  client.send(header);
  const [, features] = await client.read(/<stream:features>(.*)<\/stream:features>/);
  assert.doesNotMatch(features!, /limits/);
  client.destroy();
});

test('RFC 6120 §13.12: no less than 10,000 bytes, and more behind SASL', async () => {
  const [before, behind] = [await opened(), await signedIn()];
  assert.ok(before.announced.maxBytes >= 10_000);
  assert.ok(behind.announced.maxBytes > before.announced.maxBytes);
  for (const { client } of [before, behind]) client.destroy();
});

describe('max-bytes', () => {
  test('before SASL an element of so many bytes is answered, and one byte more ends the stream and says why', async () => {
    for (const more of [0, 1]) {
      const { client, announced } = await opened();
      client.send(
        filled("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>", '</auth>', announced.maxBytes + more),
      );
      if (more === 0) await client.read(/<failure /);
      else assert.match(await client.closed(), new RegExp(`<policy-violation .*<text [^>]*>[^<]*${announced.maxBytes}`));
      client.destroy();
    }
  });

  const forms: readonly (readonly [what: string, start: string, end: string])[] = [
    ['a message', "<message id='big' to='romeo@example.org'><body>", '</body></message>'],
    ['presence', "<presence id='big'><status>", '</status></presence>'],
    ['an iq', "<iq id='big' type='set'><data xmlns='urn:xmpp:avatar:data'>", '</data></iq>'],
    ['a message of letters that take two bytes', "<message id='big'><body>éé", '</body></message>'],
  ];
  for (const [what, start, end] of forms) {
    test(`behind SASL ${what} of so many bytes is taken, and one byte more ends the stream and says why`, async () => {
      const { client, announced } = await signedIn();
      await bind(client);
      const whole = filled(start, end, announced.maxBytes);
      client.send(`${whole}<iq type='get' id='p'><x xmlns='y'/></iq>`);
      await client.read(/id='p'/);
      assert.ok(fixture.router.stanzas.includes(whole));
      client.send(filled(start, end, announced.maxBytes + 1));
      assert.match(await client.closed(), new RegExp(`<policy-violation .*<text [^>]*>[^<]*${announced.maxBytes}`));
    });
  }

  test('white space between stanzas does not count', async () => {
    const { client, announced } = await signedIn();
    await bind(client);
    client.send(' '.repeat(2 * announced.maxBytes));
    client.send("<iq type='get' id='q'><x xmlns='y'/></iq>");
    await client.read(/id='q'/);
    client.destroy();
  });
});

describe('idle-seconds', () => {
  test('before SASL that is all the time there is', async () => {
    const { client, announced } = await opened();
    await fixture.clock.advance(announced.idleSeconds * 1_000 - 100);
    assert.equal(client.isClosed, false);
    await fixture.clock.advance(100);
    assert.match(await client.closed(), /<connection-timeout /);
  });

  test('behind SASL the resource may be bound until then', async () => {
    const { client, announced } = await signedIn();
    await fixture.clock.advance(announced.idleSeconds * 1_000 - 100);
    await bind(client);
    client.destroy();
  });

  test('a bound stream is looked at after so long, and not ended for its silence', async () => {
    const { client, announced } = await signedIn();
    await bind(client);
    client.forget();
    await fixture.clock.advance(announced.idleSeconds * 1_000 - 1_000);
    assert.equal(client.text, '');
    await fixture.clock.advance(announced.idleSeconds * 500);
    await client.read(/^ $/);
    await fixture.clock.advance(20 * announced.idleSeconds * 1_000);
    client.send("<iq type='get' id='r'><x xmlns='y'/></iq>");
    await client.read(/id='r'/);
    client.destroy();
  });

  test('is the same as the silence after which white space is sent', async () => {
    assert.equal(connectionLimits.bindTimeoutMs, connectionLimits.keepAliveMs);
    const client = await signIn(fixture.node);
    client.destroy();
  });
});
