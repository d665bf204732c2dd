/** What an account may have kept in a day, and what goes on when the disk is nearly full. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { folderBlobs } from '../../lib/adapters/folder-blobs.ts';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { addAccount } from '../../services/router/accounts/add-account.ts';
import { Shares } from '../../services/router/core/shares.ts';
import { registerBeforeAuth } from '../../services/router/features/xep0077-registration.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { saslStep } from '../../services/router/sasl/exchange.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const refused = /type=["']error["'].*<error type=["']wait["']><resource-constraint /;
const chat = (body: string, to = 'romeo@b.example') => `<message to='${to}' type='chat'><body>${body}</body></message>`;

async function rowOf(stage: RouterStage, jid: string): Promise<{ day: string; bytes: number } | undefined> {
  const [local, domain] = [jid.slice(0, jid.indexOf('.')), jid.slice(jid.indexOf('.') + 1)];
  const row = await stage.dependencies.store.get(
    { table: 'live', partition: `${domain}/a/${local}`, sort: 'sentBytes/' },
    { consistent: true },
  );
  return row && JSON.parse(row.value);
}

test('what an account has sent today is bounded, by a row that is written by the mebibyte', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const nurse = await stage.appear('nurse@a.example/room');
  const body = 'x'.repeat(200_000);
  for (let n = 0; n < 5; n++) await juliet.send(chat(body, 'nurse@a.example'));
  assert.equal(await rowOf(stage, 'juliet.a.example'), undefined, 'less than a mebibyte is kept in memory');
  await juliet.send(chat(body, 'nurse@a.example'));
  let row: Awaited<ReturnType<typeof rowOf>>;
  for (let tries = 0; tries < 100 && row === undefined; tries++) {
    await pause(10);
    row = await rowOf(stage, 'juliet.a.example');
  }
  assert.ok(row !== undefined && row.bytes > routerLimits.keptBytesStep);
  // Another router, or this one before it was started anew, has counted nearly all of it.
  const value = JSON.stringify({ ...row, bytes: routerLimits.keptBytesPerDayMax - 100 });
  await stage.dependencies.store.put({ table: 'live', partition: 'a.example/a/juliet', sort: 'sentBytes/', value });
  for (let n = 0; n < 6; n++) await juliet.send(chat(body, 'nurse@a.example'));
  await pause(100);
  juliet.inbox.length = 0;
  await juliet.send(chat('one more', 'nurse@a.example'));
  assert.match(juliet.inbox.join(''), refused);
  nurse.inbox.length = 0;
  await nurse.send(chat('hello', 'juliet@a.example'));
  assert.ok(
    juliet.inbox.some((xml) => xml.includes('hello')),
    'others go on',
  );
});

/** A stage whose store says that the disk is nearly full while `isShort` is set. */
async function shortStage(t: TestContext): Promise<{ stage: RouterStage; disk: { isShort: boolean } }> {
  const disk = { isShort: false };
  const wrap = (dependencies: EmbeddedDependencies): EmbeddedDependencies => ({
    ...dependencies,
    store: new Proxy(dependencies.store, {
      get(target, name) {
        const value: unknown = name === 'isShort' ? disk.isShort : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  });
  const stage = await openRouter({ wrap });
  t.after(() => stage.close());
  return { stage, disk };
}

test('when the disk is nearly full, what would be kept is refused at once, and all else goes on', async (t) => {
  const { stage, disk } = await shortStage(t);
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@b.example/orchard');
  disk.isShort = true;
  for (const stanza of [
    chat('hello'),
    chat('hello', 'romeo@b.example/orchard'),
    `<message to='room@conference.a.example' type='groupchat'><body>hello</body></message>`,
    `<message to='romeo@b.example'><body>hello</body><no-store xmlns='urn:xmpp:hints'/></message>`,
  ]) {
    await juliet.send(stanza);
    assert.match(await juliet.next(), refused);
  }
  assert.deepEqual(romeo.inbox, []);
  await juliet.send(
    `<message to='romeo@b.example/orchard' type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  );
  assert.match(await romeo.next(), /<active /);
  const again = await stage.appear('juliet@a.example/garden');
  await again.send(`<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`);
  assert.match(again.inbox.join(''), /type='result'/);
  disk.isShort = false;
  await juliet.send(chat('hello again'));
  assert.match(await romeo.next(), /hello again/);
});

test('the store refuses what fills it and writes what lets people in, while the disk is nearly full', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-space-'));
  const clock = new ManualClock();
  let freeBytes = Number.POSITIVE_INFINITY;
  const space = () => ({ freeBytes, totalBytes: 1024 ** 4 });
  const store = await openSqliteStore(folder, { clock, space });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const at = (table: 'core' | 'archive' | 'live', sort: string) => ({ table, partition: 'a.example/a/juliet', sort }) as const;
  await store.put({ ...at('archive', 'm/1'), value: 'x' });
  assert.equal(store.isShort, false);
  freeBytes = adapterLimits.diskReserveBytes - 1;
  await clock.advance(adapterLimits.diskLookMs);
  assert.equal(store.isShort, true);
  await assert.rejects(store.put({ ...at('archive', 'm/2'), value: 'x' }), Unavailable);
  await assert.rejects(
    store.batchPut([
      { ...at('live', 's/'), value: 'x' },
      { ...at('archive', 'm/2'), value: 'x' },
    ]),
    Unavailable,
  );
  await assert.rejects(store.put({ ...at('core', 'vcard/'), value: 'x'.repeat(100_000) }), Unavailable);
  await store.put({ ...at('core', 'cursor/'), value: 'x' });
  await store.put({ ...at('live', 'sessions/'), value: 'x'.repeat(100_000) });
  await store.add(at('core', 'rosterVersion/'), 1);
  assert.equal(await store.delete(at('archive', 'm/1')), true);
  freeBytes = adapterLimits.diskReserveBytes;
  await clock.advance(adapterLimits.diskLookMs);
  await store.put({ ...at('archive', 'm/2'), value: 'x' });
});

for (const [what, freeBytes, totalBytes, isShort] of [
  ['of a large disk 256 MiB are kept', 256 * 1024 ** 2 - 1, 1024 ** 4, true],
  ['and no more', 256 * 1024 ** 2, 1024 ** 4, false],
  ['of a small one a twentieth', 50 * 1024 ** 2, 1024 ** 3, true],
  ['and no more', 60 * 1024 ** 2, 1024 ** 3, false],
] as const) {
  test(`files: ${what}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'skylark-space-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const options = { folder, baseUrl: () => 'https://files.example/', secret: Buffer.alloc(32), clock: new ManualClock() };
    const blobs = await folderBlobs({ ...options, space: () => ({ freeBytes, totalBytes }) });
    async function* body() {
      yield Buffer.of(1);
    }
    const putting = blobs.put('a.example/x/y', { type: 'image/png', sizeBytes: 1 }, body());
    if (isShort) await assert.rejects(putting, Unavailable);
    else await putting;
  });
}

test('whoever has a password signs in, and nobody registers', async (t) => {
  const { stage, disk } = await shortStage(t);
  const { dependencies } = stage;
  const tenant = (await dependencies.tenants.find('a.example'))!;
  assert.equal(await addAccount(dependencies, tenant, 'tybalt', 'cat'), 'added');
  disk.isShort = true;
  const data = Buffer.from('\0tybalt\0cat').toString('base64');
  const auth = Stanza.parse(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${data}</auth>`);
  assert.equal(
    (await saslStep(dependencies, tenant, undefined, auth, { secure: true, binding: {}, address: '192.0.2.1' })).local,
    'tybalt',
  );
  const open = await dependencies.tenants.add('c.example', { registration: 'open', retentionDays: 0 });
  const fields = '<username>paris</username><password>x</password>';
  const register = Stanza.parse(`<iq type='set' id='r'><query xmlns='jabber:iq:register'>${fields}</query></iq>`);
  assert.match(await registerBeforeAuth(dependencies, open, register, { address: '192.0.2.1' }), refused);
  disk.isShort = false;
  assert.match(await registerBeforeAuth(dependencies, open, register, { address: '192.0.2.1' }), /type='result'/);
});

test('an account that asks for pages of its archive without end is slowed, and others are not', async (t) => {
  const clock = steppedClock();
  const stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, shares: new Shares(clock) }) });
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@b.example/orchard');
  const query = `<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max></set></query></iq>`;
  for (let n = 0; n < routerLimits.archiveQueriesBurst; n++) await juliet.send(query);
  assert.ok(juliet.inbox.every((xml) => !refused.test(xml)));
  juliet.inbox.length = 0;
  await juliet.send(query);
  assert.match(juliet.inbox.join(''), refused);
  await romeo.send(query);
  assert.match(romeo.inbox.join(''), /type='result'/);
  juliet.inbox.length = 0;
  clock.advance(1_000);
  await juliet.send(query);
  assert.match(juliet.inbox.join(''), /type='result'/);
});
