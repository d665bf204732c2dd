/** Keys of dialback (XEP-0220, XEP-0185): any process of a deployment knows the keys of any other, and nobody else's. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Keys } from '../../lib/ports/keys.ts';
import type { Store } from '../../lib/ports/store.ts';
import { erasePartition } from '../../lib/runtime/erase.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { type DialbackAttempt, dialbackKey, isDialbackKey } from '../../lib/s2s/dialback.ts';
import { DialbackSecrets } from '../../lib/s2s/dialback-secrets.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const attempt: DialbackAttempt = { receiving: 'xmpp.example.com', originating: 'a.example', streamId: 'D60000229F' };

test('XEP-0185 §4: the key of the example', () => {
  const key = '37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643';
  const example = { ...attempt, originating: 'example.org' };
  assert.equal(dialbackKey('s3cr3tf0rd14lb4ck', example), key);
  assert.ok(isDialbackKey('s3cr3tf0rd14lb4ck', example, key));
  for (const wrong of [key.slice(1), `${key}0`, key.replace('3', '4'), key.toUpperCase(), ''])
    assert.ok(!isDialbackKey('s3cr3tf0rd14lb4ck', example, wrong), wrong);
});

let folder: string;
let store: Store;
let keys: Keys;
let clock: ManualClock;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dialback-'));
  clock = new ManualClock();
  store = await openSqliteStore(join(folder, 'rows.db'), { clock: systemClock });
  keys = openFileKeys({ path: join(folder, 'one.key'), clock: systemClock });
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const openProcess = (own: Keys = keys) => new DialbackSecrets({ store, keys: own, clock });

test('a key that one process makes is known to all, for this tenant, peer and stream alone', async () => {
  const [one, other] = [openProcess(), openProcess()];
  const key = await one.keyOf(attempt);
  assert.equal(await one.isOurs(attempt, key), true);
  assert.equal(await other.isOurs(attempt, key), true);
  for (const wrong of [{ originating: 'b.example' }, { receiving: 'b.example' }, { streamId: 'D60000229E' }])
    assert.equal(await other.isOurs({ ...attempt, ...wrong }, key), false);
  assert.equal(await other.isOurs(attempt, ''), false);
});

test('processes that make the first key at the same time agree', async () => {
  const processes = Array.from({ length: 4 }, () => openProcess());
  const made = await Promise.all(processes.flatMap((each) => [each.keyOf(attempt), each.keyOf(attempt)]));
  assert.equal(new Set(made).size, 1);
});

test('who only checks keys makes no secret, and finds one that is made afterwards', async () => {
  const checker = openProcess();
  assert.equal(await checker.isOurs(attempt, 'a'.repeat(64)), false);
  assert.equal(
    await Rows.ofFederation(store, 'a.example').get({
      name: 'dialback',
      prefix: 'dialback/',
      owner: 'federation',
      table: 'core',
    }),
    undefined,
  );
  const key = await openProcess().keyOf(attempt);
  await clock.advance(2_000);
  assert.equal(await checker.isOurs(attempt, key), true);
});

test('the row is sealed, and the secret of one tenant does not open as another’s', async () => {
  await openProcess().keyOf(attempt);
  const [row] = await store.query({ table: 'core', partition: 'a.example/f', limit: 9, consistent: true });
  const { sealed } = JSON.parse(row!.value) as { sealed: string };
  await store.put({ table: 'core', partition: 'b.example/f', sort: row!.sort, value: row!.value });
  const ofOther = await openProcess().keyOf({ ...attempt, originating: 'b.example' });
  const secret = (await keys.open(sealed, 'dialback a.example')).toString();
  assert.ok(!isDialbackKey(secret, { ...attempt, originating: 'b.example' }, ofOther));
  await assert.rejects(keys.open(sealed, 'a.example'), /NotOpened/);
});

test('a tenant that was removed and added again has another secret, which processes that knew the old one find', async () => {
  const [one, other] = [openProcess(), openProcess()];
  const before = await one.keyOf(attempt);
  assert.equal(await other.isOurs(attempt, before), true);
  await erasePartition(store, Rows.ofFederation(store, 'a.example'));
  await clock.advance(61_000);
  const after = await one.keyOf(attempt);
  assert.notEqual(after, before);
  assert.equal(await other.isOurs(attempt, after), true);
  await clock.advance(2_000);
  assert.equal(await other.isOurs(attempt, before), false);
});

test('a secret that was sealed with a key that is lost is made anew', async () => {
  const key = await openProcess().keyOf(attempt);
  const lost = openFileKeys({ path: join(folder, 'two.key'), clock: systemClock });
  const made = await openProcess(lost).keyOf(attempt);
  assert.notEqual(made, key);
  assert.equal(await openProcess(lost).isOurs(attempt, made), true);
});
