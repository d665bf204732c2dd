/** The handler of files when things go wrong (slow clients, too many at once, a full medium), and how files expire. */
import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderBlobs } from '../../lib/adapters/folder-blobs.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { fileKeepMs, fileKeyFor } from '../../lib/runtime/file-keys.ts';
import { uploadedBytes, uploads } from '../../services/web/files.ts';
import { webLimits } from '../../services/web/limits.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { FilesServer } from '../support/files-server.ts';
import { grown } from '../support/grown.ts';

const farMs = Date.UTC(2199, 0);

async function setUp(t: TestContext, clock: Clock = systemClock) {
  const folder = await mkdtemp(join(tmpdir(), 'skylark-files-'));
  const server = await FilesServer.start(clock);
  const blobs = await folderBlobs({ folder, baseUrl: () => server.url, secret: Buffer.alloc(32, 7), clock });
  server.serve(blobs);
  t.after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  const files = async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  };
  const slot = async (key: string, sizeBytes = 4) => (await blobs.slot(key, { type: 'image/png', sizeBytes }, farMs)).putUrl;
  return { folder, blobs, files, slot };
}

/** A PUT that has sent its head and `first`, and sends no more by itself. */
class Hanging {
  readonly socket: Socket;
  answer = '';
  readonly closed: Promise<void>;

  constructor(url: string, sizeBytes: number, first: Uint8Array = Buffer.alloc(0), address = '') {
    const { hostname, port, pathname, search, host } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port) });
    this.socket.write(
      `PUT ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: image/png\r\ncontent-length: ${sizeBytes}\r\nx-test-address: ${address}\r\n\r\n`,
    );
    this.socket.write(first);
    this.socket.on('data', (data) => {
      this.answer += data;
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }
}

async function until(isTrue: () => Promise<boolean> | boolean): Promise<void> {
  for (let waited = 0; !(await isTrue()); waited += 5) {
    assert.ok(waited < 5_000, 'it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function put(url: string, body: Uint8Array, address = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'image/png', 'content-length': `${body.length}`, 'x-test-address': address };
    const sent = request(url, { method: 'PUT', headers, agent: false });
    sent.once('error', reject);
    sent.once('response', (response) => resolve(response.resume().statusCode!));
    sent.end(body);
  });
}

test('an upload that falls silent is broken off, leaves nothing, and may be tried again', async (t) => {
  const clock = new ManualClock();
  const { files, slot } = await setUp(t, clock);
  const url = await slot('a');
  const hanging = new Hanging(url, 4, Buffer.of(1));
  await until(async () => (await files()) === 1); // the draft
  await clock.advance(webLimits.uploadIdleMs - 1);
  assert.equal(hanging.answer, '');
  await clock.advance(1);
  await hanging.closed;
  assert.match(hanging.answer, /^HTTP\/1\.1 408 /);
  assert.equal(await files(), 0);
  assert.equal(await put(url, Buffer.of(1, 2, 3, 4)), 201);
});

test('uploads are counted by what became of them, and the bytes of those that were stored', async (t) => {
  const { slot } = await setUp(t);
  const bytes = Buffer.of(1, 2, 3, 4);
  let results: Record<string, number> = {};
  const stored = await grown(uploadedBytes, async () => {
    results = await grown(uploads, async () => {
      const url = await slot('a.example/one/a.png');
      assert.equal(await put(url, bytes), 201);
      assert.equal(await put(url, bytes), 409);
      assert.equal(await put(await slot('b.example/two/b.png'), Buffer.of(1)), 400);
      assert.equal(await put(`${url.slice(0, -1)}x`, bytes), 403); // a forged slot is nobody's
    });
  });
  assert.deepEqual(results, { stored: 1, refused: 2 });
  assert.deepEqual(stored, { '': 4 });
});

test('a file that the medium does not take counts as failed', async (t) => {
  const { slot, blobs } = await setUp(t);
  const url = await slot('a.example/one/a.png');
  blobs.put = () => Promise.reject(new Unavailable('the disk is full'));
  assert.deepEqual(await grown(uploads, async () => assert.equal(await put(url, Buffer.of(1, 2, 3, 4)), 503)), { failed: 1 });
});

test('an upload that trickles is broken off when it is slower than the slowest tolerated network', async (t) => {
  const clock = new ManualClock();
  const { files, slot } = await setUp(t, clock);
  const sizeBytes = 10 * webLimits.uploadBytesPerSecondMin;
  const hanging = new Hanging(await slot('a', sizeBytes), sizeBytes, Buffer.of(1));
  await until(async () => (await files()) === 1);
  for (let waited = 0; waited <= webLimits.uploadIdleMs + 10_000; waited += 8_000) {
    hanging.socket.write(Buffer.of(1));
    await new Promise((resolve) => setTimeout(resolve, 20)); // for the byte to arrive
    await clock.advance(8_000);
  }
  await hanging.closed;
  assert.match(hanging.answer, /^HTTP\/1\.1 408 /);
  assert.equal(await files(), 0);
});

test('the same slot twice at once takes one of them', async (t) => {
  const { files, slot } = await setUp(t);
  const url = await slot('a');
  const first = new Hanging(url, 4, Buffer.of(1));
  await until(async () => (await files()) === 1);
  assert.equal(await put(url, Buffer.of(9, 9, 9, 9)), 409);
  first.socket.write(Buffer.of(2, 3, 4));
  await until(() => first.answer !== '');
  assert.match(first.answer, /^HTTP\/1\.1 201 /);
  first.socket.destroy();
});

test('uploads beyond the bound are asked to come again', async (t) => {
  const { files, slot } = await setUp(t);
  const hanging: Hanging[] = [];
  for (let count = 0; count < webLimits.uploadsAtOnceMax; count++) {
    hanging.push(new Hanging(await slot(`h/${count}`), 4, Buffer.of(1)));
  }
  await until(async () => (await files()) === webLimits.uploadsAtOnceMax);
  const url = await slot('one/more');
  assert.equal(await put(url, Buffer.of(1, 2, 3, 4)), 503);
  hanging[0]!.socket.destroy();
  let status = 503;
  await until(async () => {
    status = await put(url, Buffer.of(1, 2, 3, 4));
    return status !== 503;
  });
  assert.equal(status, 201);
  for (const { socket } of hanging) socket.destroy();
  await until(async () => (await files()) === 1);
});

test('an account that holds its uploads open does not keep others from uploading', async (t) => {
  const { files, slot, blobs } = await setUp(t);
  const slotOf = async (key: string, share: string) =>
    (await blobs.slot(key, { type: 'image/png', sizeBytes: 4 }, Date.UTC(2199, 0), share)).putUrl;
  const hanging: Hanging[] = [];
  for (let count = 0; count < webLimits.uploadsPerAccountMax; count++) {
    hanging.push(new Hanging(await slotOf(`a.example/${count}/x`, 'greedy'), 4, Buffer.of(1)));
  }
  await until(async () => (await files()) === webLimits.uploadsPerAccountMax);
  const more = await slotOf('a.example/more/x', 'greedy');
  assert.equal(await put(more, Buffer.of(1, 2, 3, 4)), 429);
  assert.equal(await put(await slotOf('a.example/other/x', 'modest'), Buffer.of(1, 2, 3, 4)), 201);
  assert.equal(await put(await slot('b.example/other/x'), Buffer.of(1, 2, 3, 4)), 201);
  hanging[0]!.socket.destroy();
  await until(async () => (await put(more, Buffer.of(1, 2, 3, 4))) === 201);
  for (const { socket } of hanging) socket.destroy();
});

test('nor does one tenant, with as many accounts as it likes', async (t) => {
  const { files, blobs } = await setUp(t);
  const slotOf = async (key: string, share: string) =>
    (await blobs.slot(key, { type: 'image/png', sizeBytes: 4 }, Date.UTC(2199, 0), share)).putUrl;
  const hanging: Hanging[] = [];
  for (let count = 0; count < webLimits.uploadsPerTenantMax; count++) {
    hanging.push(new Hanging(await slotOf(`a.example/${count}/x`, `account${count}`), 4, Buffer.of(1)));
  }
  await until(async () => (await files()) === webLimits.uploadsPerTenantMax);
  assert.equal(await put(await slotOf('a.example/more/x', 'one-more'), Buffer.of(1, 2, 3, 4)), 429);
  assert.equal(await put(await slotOf('b.example/other/x', 'elsewhere'), Buffer.of(1, 2, 3, 4)), 201);
  for (const { socket } of hanging) socket.destroy();
});

test('nor does one address, with slots of many accounts', async (t) => {
  const { files, blobs } = await setUp(t);
  const slotOf = async (n: number | string) =>
    (await blobs.slot(`a.example/${n}/x`, { type: 'image/png', sizeBytes: 4 }, Date.UTC(2199, 0), `account${n}`)).putUrl;
  const hanging: Hanging[] = [];
  for (let count = 0; count < webLimits.uploadsPerNetworkMax; count++) {
    hanging.push(new Hanging(await slotOf(count), 4, Buffer.of(1), '2001:db8::1'));
  }
  await until(async () => (await files()) === webLimits.uploadsPerNetworkMax);
  assert.equal(await put(await slotOf('more'), Buffer.of(1, 2, 3, 4), '2001:db8::2'), 429);
  assert.equal(await put(await slotOf('other'), Buffer.of(1, 2, 3, 4), '2001:db8:0:1::1'), 201);
  for (const { socket } of hanging) socket.destroy();
});

test('a full disk is a 503 that says so, leaves no partial file, and passes', async (t) => {
  const { folder, files, slot, blobs } = await setUp(t);
  const probe = await open(join(folder, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(probe) as typeof probe;
  await probe.close();
  await rm(join(folder, 'probe'));
  const url = await slot('a');
  // only the operating system is simulated here
  t.mock.method(prototype, 'writeFile', async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', errno: -28, syscall: 'write' });
  });
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': 'image/png' }, body: Uint8Array.of(1, 2, 3, 4) });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '60');
  assert.equal(response.headers.get('access-control-allow-origin'), '*', 'a web client can read it');
  assert.match(await response.text(), /try again later/);
  assert.equal(await files(), 0);
  t.mock.restoreAll();
  assert.equal(await put(url, Buffer.of(1, 2, 3, 4)), 201);
  assert.deepEqual((await blobs.get('a'))?.info, { type: 'image/png', sizeBytes: 4 });
});

test('files past their tenant’s retention go, others stay, and a damaged one is kept for an operator', async (t) => {
  let nowMs = Date.now();
  const { blobs, files, folder } = await setUp(t, { ...systemClock, now: () => nowMs });
  const info = { type: 'image/png', sizeBytes: 1 };
  const one = async function* () {
    yield Uint8Array.of(1);
  };
  for (const key of ['a.example/x/1', 'a.example/x/2', 'b.example/x/1', 'c.example/x/1']) await blobs.put(key, info, one());
  const dayMs = 24 * 60 * 60 * 1000;
  const keep = async (key: string) => {
    return key.startsWith('a.example/') ? 30 * dayMs : key.startsWith('b.example/') ? 60 * dayMs : undefined;
  };
  nowMs += 29 * dayMs;
  assert.equal(await blobs.expire(keep), 0);
  nowMs += 2 * dayMs;
  assert.equal(await blobs.expire(keep), 2);
  assert.equal(await blobs.get('a.example/x/1'), undefined);
  assert.ok(await blobs.get('b.example/x/1'));
  nowMs += 1_000 * dayMs;
  assert.equal(await blobs.expire(keep), 1);
  assert.ok(await blobs.get('c.example/x/1'));
  const [left] = (await readdir(folder, { recursive: true })).filter((name) => /^..\/.{62}$/.test(name));
  const handle = await open(join(folder, left!), 'r+');
  await handle.truncate(3);
  await handle.close();
  assert.equal(await blobs.expire(async () => 0), 0);
  assert.equal(await files(), 1);
});

/** A key cannot contain line feeds (`safeName` of the upload service takes them out). */
for (const name of [
  'б1.jpg',
  'Привет, мир.png',
  '🌹 of Romeo 👩‍👩‍👧.png',
  `it's "quoted".png`,
  '日本語の写真.JPG',
  '100% sure %0d%0a.png',
  'a;b=c;filename=evil.exe',
  'é'.repeat(127),
  'ascii.png',
]) {
  test(`all headers are ASCII for a file named ${JSON.stringify(name.slice(0, 30))}`, async (t) => {
    const { blobs } = await setUp(t);
    const { putUrl, getUrl } = await blobs.slot(`a.example/r/${name}`, { type: 'image/png', sizeBytes: 4 }, farMs);
    const body = Buffer.from('four');
    const ask = (url: string, method: string) =>
      fetch(url, { method, headers: { 'content-type': 'image/png' }, ...(method === 'PUT' && { body }) });
    const made = await ask(putUrl, 'PUT');
    assert.equal(made.status, 201);
    assert.equal(made.headers.get('location'), new URL(getUrl).pathname);
    assert.equal((await ask(putUrl, 'PUT')).status, 409);
    for (const method of ['GET', 'HEAD']) {
      const got = await ask(getUrl, method);
      assert.equal(got.status, 200);
      const [, encoded] = /^attachment; filename\*=UTF-8''([\w!#$&+.^`|~%-]+)$/.exec(got.headers.get('content-disposition')!)!;
      assert.equal(decodeURIComponent(encoded!), name);
      for (const value of got.headers.values()) assert.match(value, /^[ -~]*$/);
      assert.equal(await got.text(), method === 'GET' ? 'four' : '');
    }
  });
}

test('XEP-0363 §5.3: a file is not given after its end, nor kept by caches for longer, and the sweep takes it; what is kept stays', async (t) => {
  const now = { ms: systemClock.now() + 1_000 };
  const clock = { ...systemClock, now: () => now.ms };
  const { blobs, files, slot } = await setUp(t, clock);
  const place = { domain: 'a.example', random: 'x'.repeat(32), name: 'rose.png' } as const;
  const story = fileKeyFor({ ...place, purpose: 'ephemeral', untilMs: now.ms + 60_000 });
  const avatar = fileKeyFor({ ...place, purpose: 'profile' });
  for (const key of [story, avatar]) assert.equal(await put(await slot(key), Buffer.from('rose')), 201);
  const get = async (key: string) => fetch((await blobs.slot(key, { type: 'image/png', sizeBytes: 4 }, farMs)).getUrl);
  const first = await get(story);
  assert.deepEqual([first.status, first.headers.get('cache-control')], [200, 'public, max-age=60, immutable']);
  assert.match((await get(avatar)).headers.get('cache-control')!, /max-age=86400/);
  now.ms += 60_000;
  assert.equal((await get(story)).status, 404);
  assert.equal((await get(avatar)).status, 200);
  assert.equal(await files(), 2);
  await blobs.expire(async (key) => fileKeepMs(key, now.ms, 30));
  assert.equal(await files(), 1);
  assert.equal((await get(avatar)).status, 200);
});
