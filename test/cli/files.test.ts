/** Where files are kept and found, as the command line says. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import pino from 'pino';
import { folderBlobs } from '../../lib/adapters/folder-blobs.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { checkFileFlags, openFilesFolder, presetFilesUrl, sweepFiles } from '../../services/cli/compose/files-part.ts';
import { UsageError } from '../../services/cli/core/report.ts';
import { programLimits } from '../../services/cli/limits.ts';
import { removeFolder, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));

const none = { s3: undefined, filesBucket: undefined, filesFolder: undefined, filesUrl: undefined };
const url = 'https://files.example/';

test('what is missing to keep and find files is named, and nothing else', () => {
  for (const [given, error] of [
    [{ s3: 'aws', filesUrl: url }, /^--files-bucket is needed/],
    [{ s3: 'aws', filesBucket: 'b' }, /^--files-url is needed/],
    [{ filesBucket: 'b', filesUrl: url }, /^--s3 is needed/],
    [{ filesFolder: 'f' }, /^--files-url is needed/],
    [{ s3: 'aws', filesBucket: 'b', filesFolder: 'f', filesUrl: url }, /exclude each other/],
  ] as const) {
    assert.throws(
      () => checkFileFlags({ ...none, ...given }),
      (thrown: Error) => thrown instanceof UsageError && error.test(thrown.message),
      `${error}`,
    );
  }
  for (const given of [
    {},
    { filesUrl: url },
    { filesFolder: 'f', filesUrl: url },
    { s3: 'aws', filesBucket: 'b', filesUrl: url },
  ]) {
    checkFileFlags({ ...none, ...given });
  }
});

test('a cluster says so before it starts anything', async () => {
  const { err, out, code } = await skylark(['cluster', '--data', join(folder, 'cluster'), '--s3', 'http://127.0.0.1:9']);
  assert.deepEqual([out, code], ['', 2]);
  assert.match(err, /^skylark: --files-bucket is needed: .*\n$/);
});

test('clients are sent to TLS, but for those of this machine when nobody would trust it', () => {
  const web = { domain: 'example.org', bind: '127.0.0.1', isSelfSigned: true, httpPort: 5280, httpsPort: 443 };
  for (const [change, expected] of [
    [{}, 'http://localhost:5280/files/'],
    [{ isSelfSigned: false }, 'https://example.org/files/'],
    [{ bind: '0.0.0.0' }, 'https://example.org/files/'],
    [{ bind: '::', httpsPort: 5443 }, 'https://example.org:5443/files/'],
  ] as const) {
    assert.equal(presetFilesUrl({ ...web, ...change }), expected);
  }
});

test('processes that start at once sign with the same secret, and so does the next start', async () => {
  const store = await openSqliteStore(join(folder, 'store'), { clock: systemClock });
  try {
    const open = () => openFilesFolder(join(folder, 'files'), () => 'https://files.example', { store, clock: systemClock });
    const parts = await Promise.all(Array.from({ length: 5 }, open));
    parts.push(await open());
    for (const { blobs } of parts) {
      const { putUrl } = await blobs.slot('a.example/x/y', { type: 'a/b', sizeBytes: 1 }, Date.UTC(2199, 0));
      assert.ok(putUrl.startsWith('https://files.example/a.example/x/y?'), putUrl);
      for (const other of parts) assert.ok(other.blobs.verifySlot(putUrl));
    }
  } finally {
    await store.close();
  }
});

test('a minute after the start files past their tenant’s retention go', async (t) => {
  const store = await openSqliteStore(join(folder, 'sweep'), { clock: systemClock });
  const tenants = new Tenants(store, systemClock);
  await tenants.add('short.example', { registration: 'closed', retentionDays: 0, fileRetentionDays: 7 });
  await tenants.add('as.messages.example', { registration: 'closed', retentionDays: 7 });
  await tenants.add('long.example', { registration: 'closed', retentionDays: 7, fileRetentionDays: 0 });
  let nowMs = Date.now();
  const clock = { ...systemClock, now: () => nowMs };
  const blobs = await folderBlobs({ folder: join(folder, 'old'), baseUrl: () => url, secret: Buffer.alloc(32), clock });
  const one = async function* () {
    yield Uint8Array.of(1);
  };
  for (const domain of ['short.example', 'as.messages.example', 'long.example', 'gone.example']) {
    await blobs.put(`${domain}/x/y`, { type: 'a/b', sizeBytes: 1 }, one());
  }
  nowMs += 8 * 24 * 60 * 60 * 1000;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const done = Promise.withResolvers<void>();
  const log = pino({ level: 'silent' });
  t.mock.method(log, 'info', () => done.resolve());
  const sweep = sweepFiles(blobs, store, log);
  t.mock.timers.tick(programLimits.uploadFirstSweepMs);
  await done.promise;
  t.mock.timers.reset();
  sweep.stop();
  assert.equal(await blobs.get('short.example/x/y'), undefined);
  assert.equal(await blobs.get('as.messages.example/x/y'), undefined);
  assert.ok(await blobs.get('long.example/x/y'));
  assert.ok(await blobs.get('gone.example/x/y'), 'whose tenant is not known here is nobody’s to delete');
  await store.close();
});
