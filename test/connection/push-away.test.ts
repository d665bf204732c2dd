/** XEP-0357 at a connection node: when routers hear that a client which can be woken does not hear, and for how long it is kept. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { presetTerms } from '../../lib/runtime/session-terms.ts';
import type { DeliverReply } from '../../lib/runtime/wire.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { usual } from './fake-router.ts';
import { connected, type Fixture, NS_SM, signIn, startFixture, until } from './fixture.ts';
import { a, resume } from './managed-session.ts';
import type { RawClient } from './raw-client.ts';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
  fixture.router.answer = (step) => {
    const told = usual(step);
    const text = step.items.map(({ body }) => body).join('');
    if (text.includes('<enable ')) return { ...told, push: true };
    return text.includes('<disable ') ? { ...told, push: false } : told;
  };
});
after(() => fixture[Symbol.asyncDispose]());

const register = `<iq type='get' id='push'><enable xmlns='urn:xmpp:push:0'/></iq>`;
const unregister = `<iq type='get' id='push'><disable xmlns='urn:xmpp:push:0'/></iq>`;
const message = (id: string) => `<message from='romeo@b.example/o' id='${id}'><body>hi</body></message>`;

interface Phone {
  readonly client: RawClient;
  readonly user: string;
  readonly sid: string;
  readonly previd: string;
  /** How long it can be resumed, as it was told, seconds. */
  readonly max: number;
  deliver(xml: string): Promise<readonly string[]>;
  /** What routers were told, in order. */
  unheard(): string[];
  lose(): Promise<void>;
}

let phones = 0;

async function phone({ hasPush = true, isEarly = false, max = '' } = {}): Promise<Phone> {
  const user = `phone${++phones}`;
  const client = await connected(fixture.node, user);
  const say = async (xml: string) => {
    client.send(xml);
    await client.read(/<iq [^>]*id='push'/);
  };
  if (hasPush && isEarly) await say(register);
  client.send(`<enable xmlns='${NS_SM}' resume='true' ${max}/>`);
  const enabled = await client.read(/<enabled [^>]*id='([^']+)'[^>]* max='(\d+)'\/>/);
  if (hasPush && !isEarly) await say(register);
  const { sid } = fixture.router.steps.findLast(({ request }) => request.session.startsWith(`${user}@`))!.request;
  if (hasPush && !isEarly) client.send(a(1));
  const { node } = fixture;
  const deliver = async (xml: string) => {
    const reply = await fixture.router.ask<DeliverReply>(node.subject, { kind: 'deliver', items: [{ sids: [sid] }] }, xml);
    assert.deepEqual(reply.missing, []);
    return reply.away ?? [];
  };
  const unheard = () =>
    fixture.router.steps
      .filter(({ request }) => request.sid === sid)
      .flatMap(({ items }) =>
        items.filter(({ item }) => item.kind === 'unheard').map(({ body }) => / id='([^']*)'/.exec(body)![1]!),
      );
  const lose = async () => {
    const { parked } = node.stats;
    client.destroy();
    await until(() => node.stats.parked === parked + 1, 'a parked session');
  };
  return { client, user, sid, previd: enabled[1]!, max: Number(enabled[2]), deliver, unheard, lose };
}

describe('a client that can be woken', () => {
  test('is away when its connection is lost, and what it has not acknowledged is told', async () => {
    const { client, sid, deliver, unheard, lose } = await phone();
    assert.deepEqual(await deliver(message('acked')), []);
    await client.read(/id='acked'/);
    client.send(a(2));
    assert.deepEqual(await deliver(`<presence from='romeo@b.example/o' id='p'><status>I subscribe</status></presence>`), []);
    assert.deepEqual(await deliver(message('unacked')), []);
    assert.deepEqual(await deliver(`<presence type='subscribe' from='nurse@b.example' id='asked'/>`), []);
    assert.deepEqual(await deliver(`<presence\n type="subscribe" from='tybalt@b.example' id='also'><status/></presence>`), []);
    await client.read(/id='also'/);
    await lose();
    await until(() => unheard().length === 3, 'what it has not heard');
    assert.deepEqual(unheard(), ['unacked', 'asked', 'also']);
    assert.deepEqual(await deliver(message('later')), [sid]);
    assert.deepEqual(unheard(), ['unacked', 'asked', 'also'], 'the answer to the delivery says it');
  });

  test('is away when it does not answer, until it does', async () => {
    const { client, sid, deliver, unheard } = await phone();
    assert.deepEqual(await deliver(message('one')), []);
    await client.read(/id='one'/);
    await fixture.clock.advance(connectionLimits.ackRequestMs);
    assert.deepEqual(await deliver(message('two')), []);
    assert.deepEqual(unheard(), []);
    await fixture.clock.advance(connectionLimits.silenceMs);
    await until(() => unheard().length === 2, 'what it has not heard');
    assert.deepEqual(await deliver(message('three')), [sid]);
    await fixture.clock.advance(4 * connectionLimits.silenceMs);
    assert.deepEqual(unheard(), ['one', 'two']);
    client.send(`${a(4)}<iq type='get' id='heard'/>`);
    await client.read(/id='heard'/);
    assert.deepEqual(await deliver(message('four')), []);
    client.destroy();
  });

  test('is not away when it comes back from elsewhere while its old connection lives', async () => {
    const { client, user, previd, deliver, unheard } = await phone();
    await deliver(message('one'));
    const back = await signIn(fixture.node, user);
    back.send(resume(previd, 1));
    await back.read(/<resumed .*id='one'/s);
    await client.closed();
    assert.deepEqual(await deliver(message('two')), []);
    assert.deepEqual(unheard(), []);
    back.destroy();
  });

  test('is told of again when no router has answered', async () => {
    const { client, deliver, unheard, lose } = await phone();
    await deliver(message('one'));
    await client.read(/id='one'/);
    const { answer } = fixture.router;
    let isDeaf = true;
    fixture.router.answer = (step) =>
      isDeaf && step.items.some(({ item }) => item.kind === 'unheard') ? 'silence' : answer(step);
    await lose();
    await until(() => unheard().length === 1, 'the first try');
    isDeaf = false;
    await fixture.clock.advance(60_000);
    await until(() => unheard().length >= 2, 'another try');
    fixture.router.answer = answer;
  });

  test('is as any other client when it has ended that', async () => {
    const { client, deliver, unheard, lose } = await phone();
    client.send(unregister);
    await client.read(/<iq [^>]*id='push'/);
    await deliver(message('one'));
    await lose();
    assert.deepEqual(await deliver(message('two')), []);
    assert.deepEqual(unheard(), []);
  });

  test('a client that cannot be woken is never away', async () => {
    const { deliver, unheard, lose } = await phone({ hasPush: false });
    await deliver(message('one'));
    await lose();
    assert.deepEqual(await deliver(message('two')), []);
    assert.deepEqual(unheard(), []);
  });
});

describe('how long its session can be resumed (XEP-0198 §5)', () => {
  test('a client that registers later is kept for as long, and routers hear of it at once', async () => {
    const kept = (sid: string) =>
      fixture.router.steps.flatMap(({ request, items }) =>
        request.sid === sid && items.some(({ item }) => item.kind === 'kept') ? [request.resumeMs] : [],
      );
    const { client, sid } = await phone();
    await until(() => kept(sid).length === 1, 'that the session is kept for longer');
    client.send(unregister);
    await until(() => kept(sid).length === 2, 'that it is not');
    assert.deepEqual(kept(sid), [presetTerms.pushResumeMs, serviceLimits.resumeTimeoutMs]);
    client.destroy();
  });

  const day = presetTerms.pushResumeMs / 1000;
  for (const [what, options, max] of [
    ['it is told so if it has registered before', { isEarly: true }, day],
    ['it wants less', { isEarly: true, max: "max='3600'" }, 3_600],
    ['it wants more', { isEarly: true, max: `max='${10 * day}'` }, day],
    ['it has not registered yet', {}, serviceLimits.resumeTimeoutMs / 1000],
    ['it does not register', { hasPush: false, max: `max='${day}'` }, serviceLimits.resumeTimeoutMs / 1000],
  ] as const) {
    test(`${what}: ${max} s`, async () => {
      const made = await phone(options);
      assert.equal(made.max, max);
      made.client.destroy();
    });
  }
});
