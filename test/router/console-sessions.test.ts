/** Sessions of the console: who gets one, what it may do, and when it ends. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { newToken, tokenDigest } from '../../lib/runtime/console-sessions.ts';
import type { ConsoleReply, ConsoleRequest } from '../../lib/runtime/console-wire.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { answerConsole } from '../../services/router/operations/console-sessions.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

let dependencies: EmbeddedDependencies;
/** Runs as the system's does, and can be set forward. */
const clock: typeof systemClock & { aheadMs: number } = {
  ...systemClock,
  aheadMs: 0,
  now: () => systemClock.now() + clock.aheadMs,
  monotonic: () => systemClock.monotonic() + clock.aheadMs,
};
const advance = (ms: number) => {
  clock.aheadMs += ms;
};
beforeEach(async () => {
  clock.aheadMs = 0;
  dependencies = await embeddedDependencies({ clock });
  for (const domain of ['a.example', 'b.example']) await dependencies.tenants.add(domain, {});
  for (const domain of ['a.example', 'b.example']) await done('user-add', { jid: `nurse@${domain}`, password: 'secret' });
  await done('user-role', { jid: 'nurse@a.example', role: 'admin' });
});
afterEach(() => dependencies.close());

const address = '192.0.2.7';
const request = (given: Omit<ConsoleRequest, 'kind' | 'address'>): Promise<ConsoleReply> =>
  answerConsole(dependencies, { kind: 'console', address, ...given });

async function done(operation: string, given: Readonly<Record<string, unknown>>, session?: string) {
  const { ok, error, result } = await ask(operation, given, session);
  assert.equal(ok, true, error);
  return result as Readonly<Record<string, unknown>>;
}

/** @param session whoever asks is in the console; absent: an operator on the machine */
const ask = (operation: string, given: Readonly<Record<string, unknown>>, session?: string) =>
  perform(dependencies, {
    ...{ kind: 'admin', operation, arguments: given },
    ...(session !== undefined && { by: { session, address } }),
  });

async function link(): Promise<string> {
  const { path } = await done('console-link', {});
  return tokenDigest((path as string).slice('/console/enter/'.length));
}

const fresh = () => tokenDigest(newToken(systemClock));

async function byLink(): Promise<string> {
  const session = fresh();
  assert.ok((await request({ verb: 'enter', session, link: await link() })).who);
  return session;
}

async function byPassword(password = 'secret', jid = 'nurse@a.example'): Promise<{ session: string; reply: ConsoleReply }> {
  const session = fresh();
  return { session, reply: await request({ verb: 'enter', session, jid, password }) };
}

describe('a link', () => {
  test('opens one session, for the whole deployment', async () => {
    const used = await link();
    const session = fresh();
    const { who } = await request({ verb: 'enter', session, link: used });
    assert.deepEqual([who?.domain, who?.isProven], [undefined, true]);
    assert.deepEqual(await request({ verb: 'enter', session: fresh(), link: used }), { error: 'link' });
    await done('tenant-add', { domain: 'c.example' }, session);
    const { entries } = await done('audit-list', {});
    const lines = (entries as { by: string; operation: string; address?: string }[]).filter(({ by }) =>
      by.startsWith('console '),
    );
    assert.deepEqual(
      lines.map(({ operation, address }) => [operation, address]),
      [
        ['console-enter', address],
        ['tenant-add', address],
        ['tenant-add', address],
      ],
    );
  });

  test('lets one in of many who try at once', async () => {
    const used = await link();
    const replies = await Promise.all(Array.from({ length: 20 }, () => request({ verb: 'enter', session: fresh(), link: used })));
    assert.equal(replies.filter(({ who }) => who !== undefined).length, 1);
  });

  test('expires', async () => {
    const used = await link();
    advance(runtimeLimits.consoleLinkMs);
    assert.deepEqual(await request({ verb: 'enter', session: fresh(), link: used }), { error: 'link' });
  });

  test('cannot be made through the API or from the console', async () => {
    assert.equal((await ask('console-link', {}, await byLink())).refusal, 'forbidden');
  });
});

describe('a password', () => {
  test('lets an admin manage the own tenant, and nobody else in, in the same words', async () => {
    const { session, reply } = await byPassword();
    assert.deepEqual([reply.who?.name, reply.who?.domain], ['nurse@a.example', 'a.example']);
    assert.deepEqual((await done('user-list', { domain: 'a.example' }, session)).users, ['nurse@a.example']);
    for (const [password, jid] of [
      ['wrong', 'nurse@a.example'],
      ['secret', 'nurse@b.example'],
      ['secret', 'nobody@a.example'],
      ['secret', 'nurse@c.example'],
      ['secret', 'nurse@a.example/x'],
      ['secret', ''],
      ['', 'nurse@a.example'],
      ['secret\0', 'nurse@a.example'],
    ] as const)
      assert.deepEqual((await byPassword(password, jid)).reply, { error: 'wrong' }, `${jid} ${password}`);
  });

  test('is guessed as slowly as by SASL', async () => {
    const replies: (string | undefined)[] = [];
    for (let at = 0; at < 2 * routerLimits.guessesFree + 2; at++) replies.push((await byPassword('wrong')).reply.error);
    assert.equal(replies[0], 'wrong');
    assert.equal(replies.at(-1), 'busy');
  });

  test('opens no other tenant and nothing of the deployment', async () => {
    const { session } = await byPassword();
    for (const [operation, given] of [
      ['user-list', { domain: 'b.example' }],
      ['user-add', { jid: 'eve@b.example', password: 'x' }],
      ['tenant-list', {}],
      ['tenant-add', { domain: 'c.example' }],
      ['key-list', {}],
      ['status', {}],
      ['audit-list', {}],
      ['peer-list', { domain: 'a.example' }],
    ] as const)
      assert.equal((await ask(operation, given, session)).refusal, 'forbidden', operation);
  });
});

describe('a session ends', () => {
  for (const [what, change] of [
    ['with the role', () => done('user-role', { jid: 'nurse@a.example', role: 'none' })],
    ['with the password', () => done('user-password', { jid: 'nurse@a.example', password: 'secret' })],
    ['with the account', () => done('user-remove', { jid: 'nurse@a.example' })],
    ['when the account is disabled', () => done('user-disable', { jid: 'nurse@a.example' })],
    ['with the tenant', () => done('tenant-remove', { domain: 'a.example', force: true })],
    ['with time', async () => advance(runtimeLimits.consoleSessionMs)],
  ] as const)
    test(what, async () => {
      const { session } = await byPassword();
      assert.ok((await request({ verb: 'look', session })).who);
      await change();
      assert.equal((await request({ verb: 'look', session })).who, undefined);
      assert.equal((await ask('user-list', { domain: 'a.example' }, session)).refusal, 'unknown-key');
    });

  test('when its holder leaves, and no other does', async () => {
    const [one, two] = [(await byPassword()).session, (await byPassword()).session];
    await request({ verb: 'leave', session: one });
    assert.equal((await request({ verb: 'look', session: one })).who, undefined);
    assert.ok((await request({ verb: 'look', session: two })).who);
  });
});

describe('what destroys needs a proof of late', () => {
  test('of an account: its password', async () => {
    const { session } = await byPassword();
    await done('user-add', { jid: 'anna@a.example', password: 'x' });
    advance(runtimeLimits.consoleProofMs);
    await done('user-list', { domain: 'a.example' }, session);
    for (const [operation, given] of [
      ['user-remove', { jid: 'anna@a.example' }],
      ['user-role', { jid: 'anna@a.example', role: 'admin' }],
      ['user-password', { jid: 'anna@a.example', password: 'y' }],
    ] as const)
      assert.equal((await ask(operation, given, session)).refusal, 'unproven', operation);
    assert.deepEqual(await request({ verb: 'prove', session, password: 'wrong' }), { error: 'wrong' });
    assert.deepEqual(await request({ verb: 'prove', session, jid: 'nurse@b.example', password: 'x' }), { error: 'wrong' });
    assert.equal((await ask('user-remove', { jid: 'anna@a.example' }, session)).refusal, 'unproven');
    assert.equal((await request({ verb: 'prove', session, password: 'secret' })).who?.isProven, true);
    await done('user-remove', { jid: 'anna@a.example' }, session);
  });

  test('of whoever came by a link: another link', async () => {
    const session = await byLink();
    advance(runtimeLimits.consoleProofMs);
    assert.equal((await ask('tenant-remove', { domain: 'b.example', force: true }, session)).refusal, 'unproven');
    assert.deepEqual(await request({ verb: 'prove', session, password: 'secret' }), { error: 'link' });
    assert.equal((await request({ verb: 'prove', session, link: await link() })).who?.isProven, true);
    await done('tenant-remove', { domain: 'b.example', force: true }, session);
  });
});

test('the rows hold neither tokens nor passwords', async () => {
  const token = newToken(systemClock);
  await request({ verb: 'enter', session: tokenDigest(token), jid: 'nurse@a.example', password: 'secret' });
  const { path } = await done('console-link', {});
  const rows = await dependencies.store.query({ table: 'live', partition: '#console', limit: 10, consistent: true });
  assert.equal(rows.length, 2);
  const text = JSON.stringify(rows);
  for (const secret of [token, 'secret', (path as string).split('/').at(-1)!]) assert.ok(!text.includes(secret), secret);
});
