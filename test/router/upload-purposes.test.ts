/** XEP-0363 §5: what a file is for decides how long it is kept, and what it is counted towards. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { endOf, fileKeyFor, hasExpired, isKept } from '../../lib/runtime/file-keys.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { parseElement } from '../../lib/xmpp/element.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const NS = 'urn:xmpp:http:upload:0';
const day = 24 * 60 * 60 * 1_000;
let stage: RouterStage;
let clock: ReturnType<typeof steppedClock>;
/** The first day of a month that has not begun: rows that expire then are still there. */
const start = new Date();
const firstMs = Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1);
let juliet: BatchActor;

beforeEach(async () => {
  const steps = steppedClock();
  clock = { ...steps, now: () => firstMs + steps.monotonic() };
  stage = await openRouter({ wrap: (parts) => ({ ...parts, clock: DeploymentClock.of(clock) }) });
  juliet = await stage.join('juliet@a.example/balcony');
});
afterEach(() => stage.close());

async function ask(size: number, purpose = '', actor = juliet, host = 'upload.a.example') {
  const child = purpose && `<${purpose} xmlns='urn:xmpp:http:upload:purpose:0'/>`;
  const request = `<request xmlns='${NS}' filename='rose.png' size='${size}' content-type='image/png'>${child}</request>`;
  await actor.send(`<iq type='get' id='u' to='${host}'>${request}</iq>`);
  const iq = parseElement(await actor.next());
  const error = iq.getChild('error')?.children[0] as { name: string } | undefined;
  return { error: error?.name, key: iq.getChild('slot', NS)?.getChild('get')?.attrs.url?.split('/files/')[1] ?? '', iq };
}

const before = (ms: number) => `ephemeral expire-before='${new Date(ms).toISOString()}'`;

test('XEP-0363 §5: no purpose is that of a message, and each purpose stands in the key', async () => {
  for (const purpose of ['', 'message']) assert.match((await ask(1, purpose)).key, /^a\.example\/[\w-]{32}\/rose\.png$/);
  for (const purpose of ['profile', 'permanent']) {
    const { key } = await ask(1, purpose);
    assert.ok(isKept(key), key);
    assert.equal(hasExpired(key, Number.MAX_SAFE_INTEGER), false);
  }
  const endMs = clock.now() + day;
  const { key } = await ask(1, before(endMs));
  assert.equal(endOf(key), endMs);
  assert.deepEqual([hasExpired(key, endMs - 1), hasExpired(key, endMs), isKept(key)], [false, true, false]);
});

test('XEP-0363 §5: what is not a purpose is refused, with nothing counted', async () => {
  for (const [purpose, error] of [
    ['stories', 'feature-not-implemented'],
    ['ephemeral', 'bad-request'],
    [`ephemeral expire-before='tomorrow'`, 'bad-request'],
    [before(firstMs - 1), 'bad-request'],
    [`x:profile xmlns:x='urn:xmpp:http:upload:purpose:0'/><permanent`, 'bad-request'],
  ] as const) {
    assert.equal((await ask(1, purpose)).error, error, purpose);
  }
});

test('XEP-0363 §5.2: files for profiles are smaller, and have a bound of their own that does not come back with the month', async () => {
  const most = routerLimits.uploadProfileBytesMax;
  const tooLarge = await ask(most + 1, 'profile');
  assert.equal(tooLarge.error, 'not-acceptable');
  assert.match(`${tooLarge.iq}`, new RegExp(`<max-file-size>${most}<`));
  for (let bytes = 0; bytes < routerLimits.uploadProfileTotalMax; bytes += most)
    assert.equal((await ask(most, 'profile')).error, undefined);
  assert.equal((await ask(1, 'profile')).error, 'resource-constraint');
  clock.advance(40 * day);
  assert.equal((await ask(1, 'profile')).error, 'resource-constraint');
  assert.equal((await ask(1)).error, undefined, 'messages have another bound');
  const romeo = await stage.join('romeo@b.example/orchard');
  assert.equal((await ask(most, 'profile', romeo, 'upload.b.example')).error, undefined);
});

const mebibyte = 1024 * 1024;
const large = runtimeLimits.fileMegabytesMax * mebibyte;

/** Uses up the month. */
async function fill(purpose: string): Promise<void> {
  while ((await ask(large, purpose)).error === undefined);
}

test('the bytes of an ephemeral file come back when it has ended, once, and not those of others', async () => {
  await fill(before(clock.now() + day));
  assert.equal((await ask(large)).error, 'resource-constraint');
  clock.advance(day - 1_000);
  assert.equal((await ask(large)).error, 'resource-constraint');
  clock.advance(2_000);
  assert.equal((await ask(large)).error, undefined);
  await fill('');
  clock.advance(day);
  assert.equal((await ask(large)).error, 'resource-constraint', 'what is kept is counted to the end of the month');
  clock.advance(31 * day);
  assert.equal((await ask(large)).error, undefined);
});

test('the bytes of a message’s file come back when the tenant does not keep it any more', async () => {
  await stage.dependencies.tenants.setPolicy('a.example', { retentionDays: 3 });
  clock.advance(2_000);
  await fill('');
  clock.advance(2 * day);
  assert.equal((await ask(large)).error, 'resource-constraint');
  clock.advance(day + 1_000);
  assert.equal((await ask(large)).error, undefined);
});

test('the tenant’s policy says how large files are, and how much of them an account may upload; each tenant’s says it of its own', async () => {
  const set = async (policy: object) => {
    await stage.dependencies.tenants.setPolicy('a.example', policy);
    clock.advance(2_000);
  };
  await set({ fileMegabytes: 10, uploadMegabytes: 25, keptMegabytes: 0 });
  const tooLarge = await ask(10 * mebibyte + 1);
  assert.equal(tooLarge.error, 'not-acceptable');
  assert.match(`${tooLarge.iq}`, new RegExp(`<max-file-size>${10 * mebibyte}<`));
  await juliet.send(`<iq type='get' id='i' to='upload.a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  assert.ok((await juliet.next()).includes(`<value>${10 * mebibyte}</value>`), 'clients are told before they ask for a slot');
  for (const error of [undefined, undefined, 'resource-constraint']) assert.equal((await ask(10 * mebibyte)).error, error);
  assert.match(`${(await ask(10 * mebibyte)).iq}`, new RegExp(`an account uploads at most ${25 * mebibyte} bytes a month`));
  assert.equal((await ask(1, 'permanent')).error, 'resource-constraint');
  const romeo = await stage.join('romeo@b.example/orchard');
  assert.equal((await ask(large, '', romeo, 'upload.b.example')).error, undefined);
  assert.equal((await ask(1, 'permanent', romeo, 'upload.b.example')).error, undefined);
  await set({ uploadMegabytes: 30 });
  for (const error of [undefined, 'resource-constraint']) assert.equal((await ask(10 * mebibyte)).error, error);
});

test('a file name cannot pass for a purpose', () => {
  const key = fileKeyFor({ domain: 'a.example', random: 'x'.repeat(32), name: 'until.1.keep.png', purpose: 'message' });
  assert.deepEqual([isKept(key), endOf(key)], [false, undefined]);
});
