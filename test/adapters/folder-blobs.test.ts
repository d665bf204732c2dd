import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type FolderBlobs, folderBlobs } from '../../lib/adapters/folder-blobs.ts';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { blobsContract, readAll } from '../contracts/blobs.contract.ts';
import { FilesServer } from '../support/files-server.ts';

const baseUrl = 'https://files.example/upload';
const secret = Buffer.alloc(32, 7);
const farMs = Date.UTC(2199, 0);

blobsContract('folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skylark-blobs-'));
  const server = await FilesServer.start();
  const blobs = await folderBlobs({ folder, baseUrl: () => server.url, secret, clock: systemClock });
  server.serve(blobs);
  return {
    blobs,
    async close() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function setUp(t: TestContext, nowMs = Date.UTC(2030, 0)): Promise<{ blobs: FolderBlobs; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'skylark-blobs-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const blobs = await folderBlobs({ folder, baseUrl: () => baseUrl, secret, clock: { ...systemClock, now: () => nowMs } });
  return { blobs, folder };
}

/** Paths of all files below the folder. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const png = { type: 'image/png', sizeBytes: 3 };
const body = Buffer.of(1, 2, 3);

test('a put URL says what it was made for', async (t) => {
  const { blobs } = await setUp(t);
  const key = fc
    .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('/'))
    .filter((text) => !/\p{Cc}/u.test(text) && text.split('/').every((part) => part !== '' && part !== '.' && part !== '..'));
  const type = fc.constantFrom('image/png', 'text/plain; charset=utf-8', 'application/vnd.a+b', "x/!#$&-^_.+'");
  await fc.assert(
    fc.asyncProperty(key, type, fc.maxSafeNat(), async (anyKey, anyType, sizeBytes) => {
      const { putUrl, getUrl } = await blobs.slot(anyKey, { type: anyType, sizeBytes }, farMs);
      const expected = { key: anyKey, info: { type: anyType, sizeBytes }, expiresAtMs: farMs };
      assert.deepEqual(blobs.verifySlot(putUrl), expected);
      const { pathname, search } = new URL(putUrl);
      assert.deepEqual(blobs.verifySlot(pathname + search), expected, 'a path and query alone, as a handler sees it');
      assert.equal(blobs.keyOf(getUrl), anyKey);
      assert.ok(getUrl.startsWith(`${baseUrl}/`) && putUrl.startsWith(`${getUrl}?`));
    }),
    { numRuns: 300 },
  );
});

test('a token with any character changed is refused', async (t) => {
  const { blobs } = await setUp(t);
  const { putUrl } = await blobs.slot('a/b.png', png, farMs);
  const start = putUrl.indexOf('/upload/') + '/upload/'.length;
  const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_./%';
  const genuine = blobs.verifySlot(putUrl);
  assert.ok(genuine !== undefined);
  let changes = 0;
  for (let at = start; at < putUrl.length; at++) {
    for (const letter of letters) {
      if (letter === putUrl[at]) continue;
      const changed = putUrl.slice(0, at) + letter + putUrl.slice(at + 1);
      const slot = blobs.verifySlot(changed);
      // base64url leaves two bits of the last letter unused; a change of those does not count.
      if (at === putUrl.length - 1 && slot !== undefined) assert.deepEqual(slot, genuine);
      else assert.equal(slot, undefined, changed);
      changes++;
    }
  }
  assert.ok(changes > 5_000);
});

test('a slot that was signed with another secret, or has expired, is refused', async (t) => {
  const { blobs, folder } = await setUp(t, 1_000_000);
  const strange = await folderBlobs({ folder, baseUrl: () => baseUrl, secret: Buffer.alloc(32, 8), clock: systemClock });
  assert.equal(blobs.verifySlot((await strange.slot('a', png, farMs)).putUrl), undefined);
  assert.equal(blobs.verifySlot((await blobs.slot('a', png, 1_000_000)).putUrl), undefined);
  assert.equal(blobs.verifySlot((await blobs.slot('a', png, 1_000_001)).putUrl)?.key, 'a');
});

test('a short secret is refused', async (t) => {
  const { folder } = await setUp(t);
  await assert.rejects(folderBlobs({ folder, baseUrl: () => baseUrl, secret: Buffer.alloc(31), clock: systemClock }), RangeError);
});

test('no URL names anything but a key below the base', async (t) => {
  const { blobs } = await setUp(t);
  for (const url of [
    '',
    '/',
    '/upload',
    '/upload/',
    '/uploads/a',
    '/other/a',
    '/upload/../a',
    '/upload/%2e%2e/a',
    '/upload/a/%2E%2E/%2e%2e/%2e%2e/etc/passwd',
    '/upload/a%2fb',
    '/upload/%2e%2e%2fa',
    '/upload/a//b',
    '/upload/a%00',
    '/upload/a%0a',
    '/upload/%ff',
    '/upload/%',
    '/upload/%ed%a0%80',
    'http://[broken/upload/a',
    `/upload/${'x'.repeat(1_025)}`,
  ]) {
    assert.equal(blobs.keyOf(url), undefined, url);
    assert.equal(blobs.verifySlot(`${url}?slot=1.1.1.1`), undefined, url);
  }
  assert.equal(blobs.keyOf('/upload/a/b%20c?x=1#y'), 'a/b c');
});

test('no file lies outside the folder, and no file name reveals its key', async (t) => {
  const { blobs, folder } = await setUp(t);
  for (const key of ['..\\..\\etc', 'a/..b', '~', '-rf', 'C:', 'x'.repeat(1_024), '.../...'])
    await blobs.put(key, png, once(body));
  const files = await filesOf(folder);
  assert.equal(files.length, 7);
  for (const file of files) assert.match(file.slice(folder.length), /^\/[0-9a-f]{2}\/[0-9a-f]{62}$/);
  assert.equal((await stat(files[0]!)).mode & 0o777, 0o600);
});

test('blobs are there after a restart', async (t) => {
  const { blobs, folder } = await setUp(t);
  await blobs.put('a/b', png, once(body));
  const again = await folderBlobs({ folder, baseUrl: () => baseUrl, secret, clock: systemClock });
  assert.deepEqual(await readAll((await again.get('a/b'))!.body), body);
});

test('a put that fails leaves no file behind', async (t) => {
  const { blobs, folder } = await setUp(t);
  await assert.rejects(blobs.put('a', { ...png, sizeBytes: 2 }, once(body)), RangeError);
  await assert.rejects(blobs.put('a', { ...png, sizeBytes: 4 }, once(body)), RangeError);
  assert.deepEqual(await filesOf(folder), []);
});

test('a full disk is Unavailable, leaves nothing behind, and stops reading the body', async (t) => {
  const { blobs, folder } = await setUp(t);
  const probe = await open(join(folder, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(probe) as typeof probe;
  await probe.close();
  await rm(join(folder, 'probe'));
  let isEnded = false;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield body;
      // Only the operating system is simulated here: from now on there is no space left.
      t.mock.method(prototype, 'writeFile', async () => {
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
          code: 'ENOSPC',
          errno: -28,
          syscall: 'write',
        });
      });
      yield body;
      yield body;
    } finally {
      isEnded = true;
    }
  };
  await assert.rejects(blobs.put('a', { ...png, sizeBytes: 9 }, source()), Unavailable);
  assert.ok(isEnded);
  assert.deepEqual(await filesOf(folder), []);
  t.mock.restoreAll();
  await blobs.put('a', png, once(body));
  assert.deepEqual(await readAll((await blobs.get('a'))!.body), body);
});

test('a folder that went away is Unavailable for writers', async (t) => {
  const { blobs, folder } = await setUp(t);
  await rm(folder, { recursive: true });
  await assert.rejects(blobs.put('a', png, once(body)), Unavailable);
  assert.equal(await blobs.get('a'), undefined);
});

test('a damaged file is Unavailable and never half a blob', async (t) => {
  const { blobs, folder } = await setUp(t);
  await blobs.put('a secret key', png, once(body));
  const [file] = await filesOf(folder);
  const whole = await readFile(file!);
  for (let bytes = 0; bytes < whole.length; bytes++) {
    await truncate(file!, bytes);
    await assert.rejects(
      blobs.get('a secret key'),
      (error) => error instanceof Unavailable && !error.message.includes('secret'),
      `${bytes} of ${whole.length} bytes`,
    );
    await writeFile(file!, whole);
  }
  await writeFile(file!, Buffer.concat([Buffer.of(255, 255, 255, 255), whole]));
  await assert.rejects(blobs.get('a secret key'), Unavailable);
});

test('a blob deleted or replaced before its body is read is Unavailable', async (t) => {
  const { blobs } = await setUp(t);
  for (const change of [() => blobs.delete('a'), () => blobs.put('a', { ...png, sizeBytes: 1 }, once(Buffer.of(9)))]) {
    await blobs.put('a', png, once(body));
    const got = await blobs.get('a');
    await change();
    await assert.rejects(readAll(got!.body), Unavailable);
  }
});

test('a start removes old half-written files of dead processes, and nothing newer', async (t) => {
  const { folder } = await setUp(t);
  const [old, fresh] = [join(folder, 'temporary', 'old'), join(folder, 'temporary', 'fresh')];
  const nowMs = Date.UTC(2030, 0);
  for (const [file, ageMs] of [
    [old, adapterLimits.blobTemporaryMs + 5_000],
    [fresh, adapterLimits.blobTemporaryMs - 5_000],
  ] as const) {
    await writeFile(file, 'half');
    await utimes(file, (nowMs - ageMs) / 1_000, (nowMs - ageMs) / 1_000);
  }
  await folderBlobs({ folder, baseUrl: () => baseUrl, secret, clock: { ...systemClock, now: () => nowMs } });
  assert.deepEqual(await filesOf(folder), [fresh]);
});
