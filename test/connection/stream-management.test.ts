/** XEP-0198 1.6, section by section, as a client sees it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { limits } from '../../lib/limits.ts';
import { usual } from './fake-router.ts';
import { bind, connected, enable, type Fixture, NS_SM, signIn, startFixture, until } from './fixture.ts';
import type { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());
afterEach(async () => {
  fixture.router.answer = () => undefined;
  await until(() => fixture.node.stats.streams === 0, 'the end of all streams of the test');
});

const ping = (id: string): string => `<iq type='get' id='${id}'><x xmlns='y'/></iq>`;
const r = `<r xmlns='${NS_SM}'/>`;
const a = (h: number): string => `<a xmlns='${NS_SM}' h='${h}'/>`;
const resume = (previd: string, h: number): string => `<resume xmlns='${NS_SM}' previd='${previd}' h='${h}'/>`;
const unexpected = /<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'\/><\/failed>/;
const notFound = /<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'\/><\/failed>/;

/** The session's id, as routers know it. */
function sidOf(user: string): string {
  return fixture.router.steps.findLast(({ request }) => request.session.startsWith(`${user}@`))!.request.sid;
}

async function managed(user: string, resource?: string): Promise<{ client: RawClient; previd: string; sid: string }> {
  const client = await connected(fixture.node, user, resource);
  const previd = await enable(client);
  return { client, previd, sid: sidOf(user) };
}

async function lose(client: RawClient): Promise<void> {
  const { parked } = fixture.node.stats;
  client.destroy();
  await until(() => fixture.node.stats.parked === parked + 1, 'a parked session');
}

function deliver(sid: string, id: string, archiveId?: string): Promise<readonly string[]> {
  return fixture.router.deliver(fixture.node.subject, sid, `<message from='x@y' id='${id}'/>`, archiveId);
}

function ended(sid: string): boolean {
  return fixture.router.steps.some(({ request, items }) => request.sid === sid && items.some(({ item }) => item.k === 'end'));
}

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

  test('twice is refused', async () => {
    const { client } = await managed('twice');
    client.send(`<enable xmlns='${NS_SM}'/>`);
    await client.read(unexpected);
    client.destroy();
  });

  test('says how long a lost session is kept: what the client asks for, at most our own bound', async () => {
    for (const [asked, said] of [
      ["max='60'", 60],
      ["max='99999'", limits.resumeTimeoutMs / 1000],
      ['', limits.resumeTimeoutMs / 1000],
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
    const { client } = await managed('counter');
    client.send(r);
    await client.read(/<a xmlns='urn:xmpp:sm:3' h='0'\/>/);
    client.send(`<message/><presence to='a@b'/>${ping('1')}<active xmlns='urn:xmpp:csi:0'/>${r}`);
    await client.read(/id='1'.*<a xmlns='urn:xmpp:sm:3' h='3'\/>/);
    client.destroy();
  });

  test('what no router has answered is not acknowledged, but <r/> is answered after a while', async () => {
    const { client, sid } = await managed('slow');
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
    await fixture.clock.advance(limits.batchTimeoutMs - 1);
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
    const { client, sid } = await managed('givenup');
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
    const { client, sid } = await managed('asked');
    for (let n = 1; n < limits.ackRequestStanzas; n++) await deliver(sid, `n${n}`);
    await client.read(new RegExp(`id='n${limits.ackRequestStanzas - 1}'/>$`));
    await deliver(sid, 'last');
    await client.read(/id='last'\/><r xmlns='urn:xmpp:sm:3'\/>$/);
    client.send(a(limits.ackRequestStanzas));
    client.send(ping('sync'));
    await client.read(/id='sync'\/>$/);
    await fixture.clock.advance(limits.ackRequestMs);
    await client.read(/^<r xmlns='urn:xmpp:sm:3'\/>$/);
    client.destroy();
  });

  test('acknowledged archive entries move the cursor, at most each cursorFlushMs', async () => {
    const { client, sid } = await managed('cursor');
    for (const id of ['aaa1', 'aaa2', 'aaa3']) await deliver(sid, id, id);
    await deliver(sid, 'none');
    client.send(`${a(2)}${a(4)}${ping('sync')}`);
    await client.read(/id='sync'/);
    const told = () => fixture.router.steps.filter(({ request }) => request.sid === sid).flatMap(({ items }) => items);
    await fixture.clock.advance(limits.cursorFlushMs);
    await until(() => told().some(({ item }) => item.k === 'delivered'), 'the cursor');
    const ids = told().flatMap(({ item }) => (item.k === 'delivered' ? item.ids : []));
    assert.deepEqual(ids, ['aaa1', 'aaa2', 'aaa3']);
    client.destroy();
  });

  test('an entry that comes twice is given once', async () => {
    const { client, sid } = await managed('double');
    await deliver(sid, 'once', 'bbb1');
    await deliver(sid, 'once', 'bbb1');
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
    ['h that is no number', `<a xmlns='${NS_SM}' h='-1'/>`, /<bad-format /],
    ['no h', `<a xmlns='${NS_SM}'/>`, /<bad-format /],
    ['an element of ours', `<enabled xmlns='${NS_SM}'/>`, /<unsupported-stanza-type /],
  ] as const) {
    test(`${what} ends the stream and the session`, async () => {
      const { client, sid } = await managed('wrong');
      client.send(sent);
      assert.match(await client.closed(), error);
      await until(() => ended(sid), 'the end of the session');
    });
  }
});

describe('§5 resumption', () => {
  test('a lost session is parked; the client gets what it has not, what came meanwhile, and goes on', async () => {
    const { client, previd, sid } = await managed('juliet');
    client.send(`${ping('1')}${ping('2')}`);
    await client.read(/id='2'/);
    await deliver(sid, 'seen', 'ccc1');
    await client.read(/id='seen'/);
    await deliver(sid, 'unseen', 'ccc2');
    await client.read(/id='unseen'/);
    await lose(client);
    assert.deepEqual(await deliver(sid, 'meanwhile', 'ccc3'), []);
    const again = await signIn(fixture.node, 'juliet');
    again.send(resume(previd, 3));
    const [text] = await again.read(/<resumed .*<r xmlns='urn:xmpp:sm:3'\/>/);
    assert.equal(
      text,
      `<resumed xmlns='${NS_SM}' previd='${previd}' h='2'/><message from='x@y' id='unseen'/><message from='x@y' id='meanwhile'/>${r}`,
    );
    again.send(`${a(5)}${ping('3')}${r}`);
    await again.read(/id='3'\/>.*h='3'\/>/);
    assert.ok(!ended(sid));
    again.destroy();
  });

  test('can be done again and again with the same id', async () => {
    const { client, previd } = await managed('again');
    await lose(client);
    for (let round = 0; round < 3; round++) {
      const next = await signIn(fixture.node, 'again');
      next.send(resume(previd, 0));
      await next.read(/<resumed /);
      await lose(next);
    }
  });

  test('while the old socket is open takes the session from it with conflict', async () => {
    const { client, previd, sid } = await managed('open');
    const again = await signIn(fixture.node, 'open');
    again.send(resume(previd, 0));
    await again.read(/<resumed /);
    assert.match(await client.closed(), /<conflict .*<\/stream:stream>$/);
    await deliver(sid, 'here');
    await again.read(/id='here'/);
    assert.ok(!ended(sid));
    again.destroy();
  });

  test('waits for the batch under way, so that h is true and nothing is handled twice', async () => {
    const { client, previd, sid } = await managed('underway');
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let isThere = false;
    fixture.router.answer = async ({ request, items }) => {
      if (request.sid === sid && items.some(({ body }) => body.includes('gated'))) {
        isThere = true;
        await gate;
      }
      return undefined;
    };
    client.send("<message id='gated'/>");
    await until(() => isThere, 'the batch');
    client.send("<message id='resent'/>");
    await new Promise<void>((resolve) => void setTimeout(resolve, 20));
    await lose(client);
    const again = await signIn(fixture.node, 'underway');
    again.send(resume(previd, 0));
    await new Promise<void>((resolve) => void setTimeout(resolve, 20));
    assert.equal(again.text, '');
    open();
    await again.read(/<resumed [^>]*h='1'\/>/);
    again.send(`<message id='resent'/>${ping('sync')}`);
    await again.read(/id='sync'/);
    assert.equal(fixture.router.stanzas.filter((xml) => xml.includes('resent')).length, 1);
    again.destroy();
  });

  test('is refused for a wrong secret, another account, another id, and after bind', async () => {
    const { client, previd } = await managed('victim');
    const [node, sid, token] = Buffer.from(previd, 'base64url').toString().split('/') as [string, string, string];
    const forge = (...parts: string[]): string => Buffer.from(parts.join('/')).toString('base64url');
    const wrongToken = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A');
    const thief = await signIn(fixture.node, 'thief');
    for (const id of [previd, forge(node, sid, wrongToken), forge(node, sid, ''), forge(node, 'nosuch', token), 'x', '&amp;']) {
      thief.send(resume(id, 0));
      await thief.read(notFound);
    }
    const owner = await signIn(fixture.node, 'victim');
    owner.send(resume(forge(node, sid, wrongToken), 0));
    await owner.read(notFound);
    await bind(owner, 'other');
    owner.send(resume(previd, 0));
    await owner.read(unexpected);
    client.send(r);
    await client.read(/h='0'/);
    for (const one of [client, thief, owner]) one.destroy();
  });

  test('a refused client may bind on the same stream', async () => {
    const client = await signIn(fixture.node, 'refused');
    client.send(resume('bm9uZQ', 0));
    await client.read(notFound);
    await bind(client);
    await enable(client);
    client.destroy();
  });

  test('with a count that is too high ends the new stream and leaves the session as it is', async () => {
    const { client, previd } = await managed('toohigh');
    const again = await signIn(fixture.node, 'toohigh');
    again.send(resume(previd, 5));
    assert.match(await again.closed(), /<handled-count-too-high /);
    client.send(r);
    await client.read(/h='0'/);
    client.destroy();
  });

  test('comes too late after the time is over: the end is told, and the count on request', async () => {
    const { client, previd, sid } = await managed('late');
    client.send(ping('1'));
    await client.read(/id='1'/);
    await deliver(sid, 'acked', 'ddd1');
    await client.read(/id='acked'/);
    client.send(`${a(2)}${ping('2')}`);
    await client.read(/id='2'/);
    await lose(client);
    await fixture.clock.advance(limits.resumeTimeoutMs);
    await until(() => ended(sid), 'the end');
    const own = fixture.router.steps
      .filter(({ request }) => request.sid === sid)
      .flatMap(({ items }) => items.map(({ item }) => item));
    assert.deepEqual(
      own.slice(-2).map((item) => (item.k === 'delivered' ? item.ids : item.k)),
      [['ddd1'], 'end'],
    );
    const again = await signIn(fixture.node, 'late');
    again.send(resume(previd, 2));
    await again.read(/<failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found /);
    again.destroy();
  });

  test('is over when the client closes its stream in order', async () => {
    const { client, sid } = await managed('orderly');
    client.send('</stream:stream>');
    await client.closed();
    await until(() => ended(sid), 'the end');
    assert.deepEqual(await deliver(sid, 'nobody'), [sid]);
  });

  test('is over when a router closes the session, which ends without a word to routers', async () => {
    const { client, sid } = await managed('replaced');
    await fixture.router.ask(fixture.node.subject, { kind: 'close', sid, condition: 'conflict', text: 'replaced' });
    assert.match(await client.closed(), /<conflict [^>]*\/><text [^>]*>replaced<\/text>/);
    assert.deepEqual(await deliver(sid, 'nobody'), [sid]);
    assert.ok(!ended(sid));
  });
});

describe('a parked session', () => {
  test('that overflows lets go of what is in the archive, and reads it when the client is back', async () => {
    const { client, previd, sid } = await managed('flooded');
    client.send(`<presence/>${ping('sync')}`);
    await client.read(/id='sync'/);
    await lose(client);
    await deliver(sid, 'kept');
    for (let n = 0; n < limits.unackedStanzasMax + 10; n++) await deliver(sid, `f${n}`, `eee${String(n).padStart(5, '0')}`);
    await deliver(sid, 'kept-too');
    fixture.router.answer = (step) =>
      step.request.sid === sid && step.items.some(({ item }) => item.k === 'catchUp')
        ? { out: [{ id: 'eee00000', xml: "<message id='f0'/>" }], catchUp: 'skip' }
        : undefined;
    const again = await signIn(fixture.node, 'flooded');
    again.send(resume(previd, 1));
    const [text] = await again.read(/<resumed.*id='f0'\/>/);
    assert.deepEqual(
      [...text.matchAll(/ id='([^']+)'/g)].map(([, id]) => id),
      ['kept', 'kept-too', 'f0'],
    );
    again.destroy();
  });

  test('that overflows with what is in no archive is ended', async () => {
    const { client, sid } = await managed('drowned');
    await lose(client);
    const last = 2 * limits.unackedStanzasMax;
    for (let n = 0; n <= last; n++) await deliver(sid, `d${n}`);
    await until(() => ended(sid), 'the end');
    assert.deepEqual(await deliver(sid, 'nobody'), [sid]);
  });

  test('a client that acknowledges nothing is parked', async () => {
    const { client, sid } = await managed('mute');
    for (let n = 0; n < limits.unackedStanzasMax; n++) await deliver(sid, `u${n}`, `fff${String(n).padStart(5, '0')}`);
    assert.match(await client.closed(), /<resource-constraint /);
    assert.ok(!ended(sid));
    assert.ok(fixture.node.stats.parked > 0);
  });
});

describe('§5 on another node', () => {
  test('the session moves with its counters and stanzas; routers are told, and the archive is read', async () => {
    const other = await fixture.another('c2');
    const { client, previd, sid } = await managed('mover');
    client.send(`<presence/>${ping('1')}`);
    await client.read(/id='1'/);
    await deliver(sid, 'unseen', 'ggg1');
    await client.read(/id='unseen'/);
    await lose(client);
    await deliver(sid, 'meanwhile', 'ggg2');
    fixture.router.answer = (step) =>
      step.items.some(({ item }) => item.k === 'catchUp')
        ? {
            out: [
              { id: 'ggg2', xml: "<message id='meanwhile'/>" },
              { id: 'ggg3', xml: "<message id='archived'/>" },
            ],
            catchUp: 'skip',
          }
        : usual(step);
    const again = await signIn(other, 'mover');
    again.send(resume(previd, 1));
    const [text] = await again.read(/<resumed.*id='archived'\/>/);
    assert.match(text, /^<resumed [^>]*h='2'\/>/);
    assert.deepEqual(
      [...text.matchAll(/ id='([^']+)'/g)].map(([, id]) => id),
      ['unseen', 'meanwhile', 'archived'],
    );
    const own = fixture.router.steps.filter(({ request }) => request.sid === sid && request.node === other.subject);
    assert.deepEqual(
      own.slice(0, 2).map(({ items }) => items.map(({ item }) => item.k)),
      [['moved'], ['catchUp']],
    );
    assert.equal(own[0]!.request.session, 'mover@example.org/balcony');
    assert.deepEqual(await deliver(sid, 'nobody'), [sid]);
    assert.deepEqual(await fixture.router.deliver(other.subject, sid, "<message id='arrived'/>"), []);
    again.send(`${ping('2')}${r}`);
    await again.read(/id='arrived'.*id='2'.*h='3'/);
    again.destroy();
    await until(() => other.stats.parked === 1, 'parked there');
    const third = await signIn(other, 'mover');
    third.send(resume(previd, 1));
    await third.read(/<resumed /);
    third.destroy();
  });

  test('takes it from a socket that is still open, but not for another account', async () => {
    const other = await fixture.another('c3');
    const { client, previd, sid } = await managed('roamer');
    const thief = await signIn(other, 'thief');
    thief.send(resume(previd, 0));
    await thief.read(notFound);
    const again = await signIn(other, 'roamer');
    again.send(resume(previd, 0));
    await again.read(/<resumed /);
    assert.match(await client.closed(), /<conflict /);
    assert.ok(!ended(sid));
    for (const one of [thief, again]) one.destroy();
  });

  test('is refused when the node is gone', async () => {
    const other = await fixture.another('c4');
    const client = await connected(other, 'orphan');
    const previd = await enable(client);
    await fixture.stopNode(other);
    const again = await signIn(fixture.node, 'orphan');
    again.send(resume(previd, 0));
    await again.read(notFound);
    again.destroy();
  });
});
