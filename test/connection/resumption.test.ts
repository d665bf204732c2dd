/** XEP-0198 1.6 §5: resumption here and on another node, and what is kept for a client meanwhile. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { resumptions } from '../../services/connection/features/xep0198-stream-management.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { grown } from '../support/grown.ts';
import { usual } from './fake-router.ts';
import { bind, connected, enable, type Fixture, NS_SM, signIn, startFixture, until } from './fixture.ts';
import { a, ManagedSessions, notFound, ping, r, resume, unexpected } from './managed-session.ts';

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

describe('§5 resumption', () => {
  test('a lost session is parked; the client gets what it has not, what came meanwhile, and goes on', async () => {
    const { client, previd, sid } = await sessions.start('juliet');
    client.send(`${ping('1')}${ping('2')}`);
    await client.read(/id='2'/);
    await sessions.deliver(sid, 'seen', 'ccc1');
    await client.read(/id='seen'/);
    await sessions.deliver(sid, 'unseen', 'ccc2');
    await client.read(/id='unseen'/);
    await sessions.lose(client);
    assert.deepEqual(await sessions.deliver(sid, 'meanwhile', 'ccc3'), []);
    const again = await signIn(fixture.node, 'juliet');
    again.send(resume(previd, 3));
    const [text] = await again.read(/<resumed .*<r xmlns='urn:xmpp:sm:3'\/>/);
    assert.equal(
      text,
      `<resumed xmlns='${NS_SM}' previd='${previd}' h='2'/><message from='x@y' id='unseen'/><message from='x@y' id='meanwhile'/>${r}`,
    );
    again.send(`${a(5)}${ping('3')}${r}`);
    await again.read(/id='3'\/>.*h='3'\/>/);
    assert.ok(!sessions.hasEnded(sid));
    again.destroy();
  });

  test('what becomes of claims is counted, also where no session is found or the client says what cannot be', async () => {
    const { client, previd } = await sessions.start('counted');
    await sessions.lose(client);
    const claim = async (id: string, h: number | string, answer: RegExp) => {
      const next = await signIn(fixture.node, 'counted');
      next.send(resume(id, h as number));
      await next.read(answer);
      next.destroy();
    };
    const results = await grown(resumptions, async () => {
      await claim('made-up', 0, /item-not-found/);
      await claim(previd, 7, /<stream:error>/);
      await claim(previd, 'many', /<stream:error>/);
      await claim(previd, 0, /<resumed /);
    });
    assert.deepEqual(results, { gone: 1, refused: 2, resumed: 1 });
  });

  test('can be done again and again with the same id', async () => {
    const { client, previd } = await sessions.start('again');
    await sessions.lose(client);
    for (let round = 0; round < 3; round++) {
      const next = await signIn(fixture.node, 'again');
      next.send(resume(previd, 0));
      await next.read(/<resumed /);
      await sessions.lose(next);
    }
  });

  test('while the old socket is open takes the session from it with conflict', async () => {
    const { client, previd, sid } = await sessions.start('open');
    const again = await signIn(fixture.node, 'open');
    again.send(resume(previd, 0));
    await again.read(/<resumed /);
    assert.match(await client.closed(), /<conflict .*<\/stream:stream>$/);
    await sessions.deliver(sid, 'here');
    await again.read(/id='here'/);
    assert.ok(!sessions.hasEnded(sid));
    again.destroy();
  });

  test('waits for the batch under way, so that h is true and nothing is handled twice', async () => {
    const { client, previd, sid } = await sessions.start('underway');
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
    await sessions.lose(client);
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
    const { client, previd } = await sessions.start('victim');
    const [node, sid, token] = Buffer.from(previd, 'base64url').toString().split('/') as [string, string, string];
    const forge = (...dependencies: string[]): string => Buffer.from(dependencies.join('/')).toString('base64url');
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
    const { client, previd } = await sessions.start('toohigh');
    const again = await signIn(fixture.node, 'toohigh');
    again.send(resume(previd, 5));
    assert.match(await again.closed(), /<handled-count-too-high /);
    client.send(r);
    await client.read(/h='0'/);
    client.destroy();
  });

  test('comes too late after the time is over: the end is told, and the count on request', async () => {
    const { client, previd, sid } = await sessions.start('late');
    client.send(ping('1'));
    await client.read(/id='1'/);
    await sessions.deliver(sid, 'acked', 'ddd1');
    await client.read(/id='acked'/);
    client.send(`${a(2)}${ping('2')}`);
    await client.read(/id='2'/);
    await sessions.lose(client);
    await fixture.clock.advance(serviceLimits.resumeTimeoutMs);
    await until(() => sessions.hasEnded(sid), 'the end');
    const own = fixture.router.steps
      .filter(({ request }) => request.sid === sid)
      .flatMap(({ items }) => items.map(({ item }) => item));
    assert.deepEqual(
      own.slice(-2).map((item) => (item.kind === 'delivered' ? item.aside : item.kind)),
      [['ddd1'], 'end'], // without presence it got what was sent to it alone
    );
    const again = await signIn(fixture.node, 'late');
    again.send(resume(previd, 2));
    await again.read(/<failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found /);
    again.destroy();
  });

  test('is over when the client closes its stream in order', async () => {
    const { client, sid } = await sessions.start('orderly');
    client.send('</stream:stream>');
    await client.read(/<\/stream:stream>$/);
    client.socket.end();
    await client.closed();
    await until(() => sessions.hasEnded(sid), 'the end');
    assert.deepEqual(await sessions.deliver(sid, 'nobody'), [sid]);
  });

  test('is over when a router closes the session, which ends without a word to routers', async () => {
    const { client, sid } = await sessions.start('replaced');
    await fixture.router.ask(fixture.node.subject, { kind: 'close', sid, condition: 'conflict', text: 'replaced' });
    assert.match(await client.closed(), /<conflict [^>]*\/><text [^>]*>replaced<\/text>/);
    assert.deepEqual(await sessions.deliver(sid, 'nobody'), [sid]);
    assert.ok(!sessions.hasEnded(sid));
  });
});

describe('a parked session', () => {
  test('that overflows lets go of what is in the archive, and reads it when the client is back', async () => {
    const { client, previd, sid } = await sessions.start('flooded');
    client.send(`<presence/>${ping('sync')}`);
    await client.read(/id='sync'/);
    await sessions.lose(client);
    await sessions.deliver(sid, 'kept');
    for (let n = 0; n < connectionLimits.unackedStanzasMax + 10; n++)
      await sessions.deliver(sid, `f${n}`, `eee${String(n).padStart(5, '0')}`);
    await sessions.deliver(sid, 'kept-too');
    fixture.router.answer = (step) =>
      step.request.sid === sid && step.items.some(({ item }) => item.kind === 'catchUp')
        ? { out: [{ id: 'eee00000', xml: "<message id='f0'/>" }], queue: 'open' }
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
    const { client, sid } = await sessions.start('drowned');
    await sessions.lose(client);
    const last = 2 * connectionLimits.unackedStanzasMax;
    for (let n = 0; n <= last; n++) await sessions.deliver(sid, `d${n}`);
    await until(() => sessions.hasEnded(sid), 'the end');
    assert.deepEqual(await sessions.deliver(sid, 'nobody'), [sid]);
  });

  test('a client that acknowledges nothing is parked', async () => {
    const { client, sid } = await sessions.start('mute');
    for (let n = 0; n < connectionLimits.unackedStanzasMax; n++)
      await sessions.deliver(sid, `u${n}`, `fff${String(n).padStart(5, '0')}`);
    assert.match(await client.closed(), /<resource-constraint /);
    assert.ok(!sessions.hasEnded(sid));
    assert.ok(fixture.node.stats.parked > 0);
  });
});

describe('§5 on another node', () => {
  test('the session moves with its counters and stanzas; routers are told, and the archive is read', async () => {
    const other = await fixture.another('c2');
    const { client, previd, sid } = await sessions.start('mover');
    client.send(`<presence/>${ping('1')}`);
    await client.read(/id='1'/);
    await sessions.deliver(sid, 'unseen', 'ggg1');
    await client.read(/id='unseen'/);
    await sessions.lose(client);
    await sessions.deliver(sid, 'meanwhile', 'ggg2');
    fixture.router.answer = (step) =>
      step.items.some(({ item }) => item.kind === 'catchUp')
        ? {
            out: [
              { id: 'ggg2', xml: "<message id='meanwhile'/>" },
              { id: 'ggg3', xml: "<message id='archived'/>" },
            ],
            queue: 'open',
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
      own.slice(0, 2).map(({ items }) => items.map(({ item }) => item.kind)),
      [['moved'], ['catchUp']],
    );
    assert.equal(own[0]!.request.session, 'mover@example.org/balcony');
    assert.deepEqual(await sessions.deliver(sid, 'nobody'), [sid]);
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
    const { client, previd, sid } = await sessions.start('roamer');
    const thief = await signIn(other, 'thief');
    thief.send(resume(previd, 0));
    await thief.read(notFound);
    const again = await signIn(other, 'roamer');
    again.send(resume(previd, 0));
    await again.read(/<resumed /);
    assert.match(await client.closed(), /<conflict /);
    assert.ok(!sessions.hasEnded(sid));
    for (const one of [thief, again]) one.destroy();
  });

  test('leaves behind what is too much for one message and in the archive, and reads it there', async () => {
    const other = await fixture.another('c5');
    const { client, previd, sid } = await sessions.start('heavy');
    client.send(`<presence/>${ping('1')}`);
    await client.read(/id='1'\/>/);
    await sessions.lose(client);
    const body = 'x'.repeat(connectionLimits.handOverBytesMax / 3);
    const xml = (n: number): string => `<message id='w${n}'><body>${body}</body></message>`;
    for (let n = 0; n < 5; n++) await fixture.router.deliver(fixture.node.subject, sid, xml(n), `w${n}`);
    await sessions.deliver(sid, 'not-archived');
    fixture.router.answer = (step) =>
      step.items.some(({ item }) => item.kind === 'catchUp')
        ? { out: [0, 1, 2, 3, 4].map((n) => ({ id: `w${n}`, xml: `<message id='w${n}'/>` })), queue: 'open' }
        : undefined;
    const again = await signIn(other, 'heavy');
    again.send(resume(previd, 1));
    const [text] = await again.read(/<resumed.*id='w4'\/>/);
    const ids = [...text.matchAll(/<message [^>]*id='([^']+)'/g)].map(([, id]) => id);
    assert.deepEqual(ids, ['w0', 'w1', 'not-archived', 'w2', 'w3', 'w4']);
    again.destroy();
  });

  test('is refused, and the session ended, when what is in no archive is too much for one message', async () => {
    const other = await fixture.another('c6');
    const { client, previd, sid } = await sessions.start('tooheavy');
    await sessions.lose(client);
    const body = 'x'.repeat(connectionLimits.handOverBytesMax / 3);
    for (let n = 0; n < 4; n++)
      await fixture.router.deliver(fixture.node.subject, sid, `<message><body>${body}</body></message>`);
    const again = await signIn(other, 'tooheavy');
    again.send(resume(previd, 0));
    await again.read(notFound);
    await until(() => sessions.hasEnded(sid), 'the end');
    again.destroy();
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
