/** XEP-0198 1.6, section by section, as a client sees it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { bind, connected, type Fixture, NS_SM, signIn, startFixture, until } from './fixture.ts';
import { a, ManagedSessions, ping, r, unexpected } from './managed-session.ts';

let fixture: Fixture;
let sessions: ManagedSessions;
before(async () => {
  fixture = await startFixture();
  sessions = new ManagedSessions(fixture);
});
after(() => fixture[Symbol.asyncDispose]());
afterEach(async () => {
  fixture.router.answer = () => undefined;
  await until(() => fixture.node.stats.streams === 0, 'the end of all streams of the test');
});

describe('§3 enabling', () => {
  test('before bind is refused, and does not cost the stream', async () => {
    const client = await signIn(fixture.node, 'early');
    client.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
    await client.read(unexpected);
    await bind(client);
    client.send(`<enable xmlns='${NS_SM}'/>`);
    await client.read(/<enabled xmlns='urn:xmpp:sm:3'\/>/);
    client.destroy();
  });

  test('twice ends the stream and the session', async () => {
    const { client, sid } = await sessions.start('twice');
    client.send(`<enable xmlns='${NS_SM}'/>`);
    assert.match(await client.closed(), /<policy-violation /);
    await until(() => sessions.hasEnded(sid), 'the end of the session');
  });

  test('says how long a lost session is kept: what the client asks for, at most our own bound', async () => {
    for (const [asked, said] of [
      ["max='60'", 60],
      ["max='99999'", serviceLimits.resumeTimeoutMs / 1000],
      ['', serviceLimits.resumeTimeoutMs / 1000],
    ] as const) {
      const client = await connected(fixture.node, 'max');
      client.send(`<enable xmlns='${NS_SM}' resume='1' ${asked}/>`);
      assert.equal((await client.read(/<enabled [^>]*resume='true' max='(\d+)'/))[1], `${said}`);
      client.destroy();
    }
  });

  test('is needed for <r/> and <a/>', async () => {
    for (const element of [r, a(0)]) {
      const client = await connected(fixture.node, 'without');
      client.send(element);
      assert.match(await client.closed(), /<not-authorized /);
    }
  });
});

describe('§4 acknowledging', () => {
  test('h counts stanzas since <enable/>, answered by a router, and nothing else', async () => {
    const { client } = await sessions.start('counter');
    client.send(r);
    await client.read(/<a xmlns='urn:xmpp:sm:3' h='0'\/>/);
    client.send(`<message/><presence to='a@b'/>${ping('1')}<active xmlns='urn:xmpp:csi:0'/>${r}`);
    await client.read(/id='1'.*<a xmlns='urn:xmpp:sm:3' h='3'\/>/);
    client.destroy();
  });

  test('what no router has answered is not acknowledged, but <r/> is answered after a while', async () => {
    const { client, sid } = await sessions.start('slow');
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let asked = 0;
    fixture.router.answer = async ({ request, items }) => {
      if (request.sid !== sid || !items.some(({ body }) => body.includes('slow-one'))) return undefined;
      if (++asked < 3) return { ok: false };
      await gate;
      return undefined;
    };
    client.send(`<message id='slow-one'/>${r}`);
    await until(() => asked === 1, 'the first try');
    assert.equal(client.text, '');
    await fixture.clock.advance(connectionLimits.batchTimeoutMs - 1);
    assert.equal(asked, 3);
    open();
    await client.read(/<a xmlns='urn:xmpp:sm:3' h='1'\/>/);
    const ids = fixture.router
      .items('stanza')
      .filter(({ body }) => body.includes('slow-one'))
      .map(({ item }) => item.id);
    assert.equal(ids.length, 3);
    assert.equal(new Set(ids).size, 1, 'a batch is repeated with the same ids');
    client.destroy();
  });

  test('a stanza given up is answered with a wait error, and acknowledged only when a later one succeeds', async () => {
    const { client, sid } = await sessions.start('givenup');
    fixture.router.answer = ({ request }) => (request.sid === sid ? 'silence' : undefined);
    client.send(`<message to='a@b' id='lost'/><iq type='result' id='quiet'/><message type='error' id='quiet'/>${ping('asked')}`);
    await until(() => fixture.node.stats.batchesInFlight === 1, 'a batch');
    await fixture.clock.advance(60_000);
    const wait = "<error type='wait'><resource-constraint ";
    await client.read(
      new RegExp(`<message id='lost' from='a@b' type='error'>${wait}.*<iq id='asked' type='error'>${wait}.*</iq>`),
    );
    client.forget();
    client.send(r);
    await client.read(/<a xmlns='urn:xmpp:sm:3' h='0'\/>/);
    fixture.router.answer = () => undefined;
    client.send(`${ping('later')}${r}`);
    const [text] = await client.read(/^.*h='5'\/>/);
    assert.doesNotMatch(text, /quiet/);
    client.destroy();
  });

  test('we ask for acknowledgement after some stanzas, and after some time', async () => {
    const { client, sid } = await sessions.start('asked');
    for (let n = 1; n < connectionLimits.ackRequestStanzas; n++) await sessions.deliver(sid, `n${n}`);
    await client.read(new RegExp(`id='n${connectionLimits.ackRequestStanzas - 1}'/>$`));
    await sessions.deliver(sid, 'last');
    await client.read(/id='last'\/><r xmlns='urn:xmpp:sm:3'\/>$/);
    client.send(a(connectionLimits.ackRequestStanzas));
    client.send(ping('sync'));
    await client.read(/id='sync'\/>$/);
    await fixture.clock.advance(connectionLimits.ackRequestMs);
    await client.read(/^<r xmlns='urn:xmpp:sm:3'\/>$/);
    client.destroy();
  });

  test('acknowledged archive entries move the cursor, at most each cursorFlushMs', async () => {
    const { client, sid } = await sessions.start('cursor');
    for (const id of ['aaa1', 'aaa2', 'aaa3']) await sessions.deliver(sid, id, id);
    await sessions.deliver(sid, 'none');
    client.send(`${a(2)}${a(4)}${ping('sync')}`);
    await client.read(/id='sync'/);
    const told = () => fixture.router.steps.filter(({ request }) => request.sid === sid).flatMap(({ items }) => items);
    await fixture.clock.advance(connectionLimits.cursorFlushMs);
    await until(() => told().some(({ item }) => item.kind === 'delivered'), 'the cursor');
    const ids = told().flatMap(({ item }) => (item.kind === 'delivered' ? [...item.ids, ...(item.aside ?? [])] : []));
    assert.deepEqual(ids, ['aaa1', 'aaa2', 'aaa3']);
    client.destroy();
  });

  test('an entry that comes twice is given once', async () => {
    const { client, sid } = await sessions.start('double');
    await sessions.deliver(sid, 'once', 'bbb1');
    await sessions.deliver(sid, 'once', 'bbb1');
    client.send(ping('sync'));
    const [text] = await client.read(/^.*id='sync'\/>/);
    assert.equal(text.split("id='once'").length, 2);
    client.destroy();
  });
});

describe('§6 errors', () => {
  for (const [what, sent, error] of [
    [
      'h beyond what was sent',
      a(7),
      /<undefined-condition [^>]*\/><handled-count-too-high xmlns='urn:xmpp:sm:3' h='7' send-count='0'\/>/,
    ],
    ['h below what was acknowledged', a(2 ** 32 - 1), /<handled-count-too-high /],
    ['an h that is not a number', `<a xmlns='${NS_SM}' h='-1'/>`, /<bad-format /],
    ['no h', `<a xmlns='${NS_SM}'/>`, /<bad-format /],
    ['an element of ours', `<enabled xmlns='${NS_SM}'/>`, /<unsupported-stanza-type /],
  ] as const) {
    test(`${what} ends the stream and the session`, async () => {
      const { client, sid } = await sessions.start('wrong');
      client.send(sent);
      assert.match(await client.closed(), error);
      await until(() => sessions.hasEnded(sid), 'the end of the session');
    });
  }
});
