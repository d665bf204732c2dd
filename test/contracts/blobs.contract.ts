/** What every adapter of the Blobs port must do. The URLs of slots are followed over HTTP, as XMPP clients do. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { Blobs } from '../../lib/ports/blobs.ts';

interface BlobsMedium {
  readonly blobs: Blobs;
  close(): Promise<void>;
}

const png = (sizeBytes: number): { type: string; sizeBytes: number } => ({ type: 'image/png', sizeBytes });
const farMs = Date.UTC(2199, 0);

export function blobsContract(name: string, open: () => Promise<BlobsMedium>, options: { skip?: string | false } = {}): void {
  describe(`${name}: the Blobs contract`, { skip: options.skip ?? false, timeout: 60_000 }, () => {
    let medium: BlobsMedium;
    let blobs: Blobs;
    let count = 0;
    const newKey = (): string => `tenant.example/${++count}/photo.png`;
    before(async () => {
      medium = await open();
      blobs = medium.blobs;
    });
    after(() => medium?.close());

    for (const [what, bytes] of [
      ['no bytes', new Uint8Array(0)],
      ['every byte', Uint8Array.from({ length: 256 }, (_, index) => index)],
      ['3 MiB and a bit', Uint8Array.from({ length: 3 * 1024 * 1024 + 17 }, (_, index) => index % 251)],
    ] as const) {
      test(`${what} come back as they were put`, async () => {
        const key = newKey();
        await blobs.put(key, png(bytes.length), chunks(bytes, 100_000));
        const got = await blobs.get(key);
        assert.deepEqual(got?.info, png(bytes.length));
        assert.ok(Buffer.from(bytes).equals(await readAll(got!.body)));
      });
    }

    test('what was never put is not there', async () => {
      assert.equal(await blobs.get(newKey()), undefined);
      assert.equal(await blobs.delete(newKey()), false);
    });

    test('what was deleted is not there', async () => {
      const key = newKey();
      await blobs.put(key, png(3), chunks(Uint8Array.of(1, 2, 3)));
      await blobs.delete(key);
      assert.equal(await blobs.get(key), undefined);
    });

    test('all blobs of a tenant are deleted together, and none of another tenant', async () => {
      const mine = Array.from({ length: 105 }, (_, index) => `gone.example/${index}/ä b%2f.png`);
      const others = [
        'gone.example.org/1/a',
        'stay.example/gone.example/a',
        'gone.exampl/a',
        'x.gone.example/1/a',
        'gone.example',
      ];
      for (const key of [...mine, ...others]) await blobs.put(key, png(1), chunks(Uint8Array.of(1)));
      let pages = 0;
      const onPage = async () => void pages++;
      assert.equal(await blobs.deleteAll('gone.example', onPage), mine.length);
      assert.ok(pages > 1, `${pages} pages`);
      for (const key of mine) assert.equal(await blobs.get(key), undefined, key);
      for (const key of others) assert.ok(await blobs.get(key), key);
      assert.equal(await blobs.deleteAll('gone.example'), 0);
      assert.equal(await blobs.deleteAll('never.example'), 0);
    });

    test('deleting all blobs of a tenant can be stopped and repeated', async () => {
      for (let index = 0; index < 3; index++) await blobs.put(`twice.example/${index}/a`, png(1), chunks(Uint8Array.of(1)));
      const stop = async () => {
        throw new Error('somebody else does it');
      };
      await assert.rejects(blobs.deleteAll('twice.example', stop), /somebody else/);
      assert.equal(await blobs.deleteAll('twice.example'), 3);
    });

    test('a second put replaces the first, its type too', async () => {
      const key = newKey();
      await blobs.put(key, png(3), chunks(Uint8Array.of(1, 2, 3)));
      await blobs.put(key, { type: 'text/plain; charset=utf-8', sizeBytes: 1 }, chunks(Uint8Array.of(9)));
      const got = await blobs.get(key);
      assert.deepEqual(got?.info, { type: 'text/plain; charset=utf-8', sizeBytes: 1 });
      assert.deepEqual(await readAll(got!.body), Buffer.of(9));
    });

    for (const [what, sizeBytes] of [
      ['shorter', 4],
      ['longer', 2],
    ] as const) {
      test(`a body ${what} than announced leaves nothing, and keeps the previous blob`, async () => {
        const [fresh, old] = [newKey(), newKey()];
        await blobs.put(old, png(1), chunks(Uint8Array.of(7)));
        for (const key of [fresh, old]) {
          await assert.rejects(blobs.put(key, png(sizeBytes), chunks(Uint8Array.of(1, 2, 3), 1)), RangeError);
        }
        assert.equal(await blobs.get(fresh), undefined);
        assert.deepEqual(await readAll((await blobs.get(old))!.body), Buffer.of(7));
      });
    }

    test('a body that breaks off leaves nothing, and its error goes through', async () => {
      const key = newKey();
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield Uint8Array.of(1, 2);
        throw new Error('the client went away');
      };
      await assert.rejects(blobs.put(key, png(3), broken()), /the client went away/);
      assert.equal(await blobs.get(key), undefined);
    });

    test('a body is not read further than its announced size', async () => {
      let pulled = 0;
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        for (;;) {
          pulled++;
          yield new Uint8Array(1_000);
        }
      };
      await assert.rejects(blobs.put(newKey(), png(5_000), endless()), RangeError);
      assert.ok(pulled < 200, `${pulled} chunks were read`);
    });

    test('keys are told apart whatever is in them', async () => {
      const keys = [
        'a',
        'A',
        'a.b',
        'a b',
        'a%20b',
        'a%2fb',
        'a/b',
        'a\\b',
        'ä',
        'a\u0308',
        'a?b',
        'a#b',
        'CON',
        `${'x'.repeat(1_000)}/y`,
        '💬',
      ];
      for (const [index, key] of keys.entries()) await blobs.put(key, png(1), chunks(Uint8Array.of(index)));
      for (const [index, key] of keys.entries()) {
        assert.deepEqual(await readAll((await blobs.get(key))!.body), Buffer.of(index), key);
      }
    });

    test('a text that cannot be the path of a URL is refused as a key', async () => {
      for (const key of [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        '../a',
        'a/../b',
        'a/./b',
        'a\0b',
        'a\nb',
        '\ud800',
        'x'.repeat(1_025),
      ]) {
        await assert.rejects(blobs.put(key, png(1), chunks(Uint8Array.of(1))), TypeError, JSON.stringify(key));
        await assert.rejects(blobs.slot(key, png(1), farMs), TypeError, JSON.stringify(key));
        assert.equal(await blobs.get(key), undefined);
        assert.equal(await blobs.delete(key), false);
      }
    });

    test('an invalid media type or size is refused', async () => {
      for (const type of ['', 'png', 'image/', '/png', 'image/png\r\nset-cookie: x', 'image/ä', `image/${'x'.repeat(300)}`]) {
        await assert.rejects(blobs.slot(newKey(), { type, sizeBytes: 1 }, farMs), TypeError, JSON.stringify(type));
      }
      for (const sizeBytes of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await assert.rejects(blobs.slot(newKey(), png(sizeBytes), farMs), RangeError);
      }
    });

    test('many puts and gets at once do not mix', async () => {
      const all = Array.from({ length: 20 }, (_, index) => ({
        key: newKey(),
        bytes: new Uint8Array(50_000 + index).fill(index),
      }));
      await Promise.all(all.map(({ key, bytes }) => blobs.put(key, png(bytes.length), chunks(bytes, 7_000))));
      await Promise.all(
        all.map(async ({ key, bytes }) => assert.ok(Buffer.from(bytes).equals(await readAll((await blobs.get(key))!.body)))),
      );
    });

    test('puts of one key at once leave one of them, whole', async () => {
      const key = newKey();
      const puts = Array.from({ length: 10 }, (_, index) => new Uint8Array(20_000 + index).fill(index));
      await Promise.all(puts.map((bytes) => blobs.put(key, png(bytes.length), chunks(bytes, 3_000))));
      const got = await readAll((await blobs.get(key))!.body);
      assert.ok(puts.some((bytes) => Buffer.from(bytes).equals(got)));
    });

    test('a body may be left unread, or half-read', async () => {
      const key = newKey();
      await blobs.put(key, png(500_000), chunks(new Uint8Array(500_000)));
      await blobs.get(key);
      for await (const chunk of (await blobs.get(key))!.body) {
        assert.ok(chunk.length > 0);
        break;
      }
      await blobs.delete(key);
      assert.equal(await blobs.get(key), undefined);
    });

    test('a slot takes exactly what it was made for, and its other URL returns it', async () => {
      const key = 'tenant.example/random/Ein Bild (ä) #1?.png';
      const body = Uint8Array.of(1, 2, 3, 4);
      const slot = await blobs.slot(key, png(4), farMs);
      assert.equal(await download(slot.getUrl), undefined);
      for (const [what, wrong] of [
        ['a shorter body', Uint8Array.of(1, 2, 3)],
        ['a longer body', Uint8Array.of(1, 2, 3, 4, 5)],
        ['no body', Uint8Array.of()],
      ] as const) {
        const refused = await upload(slot, 'image/png', wrong);
        assert.ok(refused >= 400 && refused < 500, `${what} got ${refused}`);
        assert.equal(await download(slot.getUrl), undefined, what);
      }
      const taken = await upload(slot, 'image/png', body);
      assert.ok(taken >= 200 && taken < 300, `the body got ${taken}`);
      assert.deepEqual(await download(slot.getUrl), { type: 'image/png', body: Buffer.from(body) });
      const got = await blobs.get(key);
      assert.deepEqual(got?.info, png(4));
    });

    test('a slot refuses another type, another path, a changed token, and a late request', async () => {
      const body = Uint8Array.of(1);
      const { putUrl, headers } = await blobs.slot('a/one', png(1), farMs);
      const changed = [...new URL(putUrl).searchParams].map(([name, value]) => {
        const url = new URL(putUrl);
        url.searchParams.set(name, value.slice(0, -2) + (value.endsWith('11') ? '22' : '11'));
        return [`another ${name}`, url.href, 'image/png'] as const;
      });
      const other = await blobs.slot('a/two', png(1), farMs);
      const late = await blobs.slot('a/late', png(1), Date.UTC(2001, 0));
      const swapped = new URL(putUrl);
      swapped.pathname = new URL(other.putUrl).pathname;
      const bare = new URL(putUrl);
      bare.search = '';
      for (const [what, url, type] of [
        ['another type', putUrl, 'text/html'],
        ['another path', swapped.href, 'image/png'],
        ['no type', putUrl, undefined],
        ...changed,
        ['no token', bare.href, 'image/png'],
        ['too late', late.putUrl, 'image/png'],
      ] as const) {
        const status = await upload({ putUrl: url, headers }, type, body);
        assert.ok(status >= 400 && status < 500, `${what} got ${status}`);
      }
      for (const key of ['a/one', 'a/two', 'a/late']) assert.equal(await blobs.get(key), undefined);
      assert.ok((await upload({ putUrl, headers }, 'image/png', body)) < 300, 'all of this has not used it up');
    });

    test('a slot refuses a body without a length, and one that breaks off', async () => {
      const slot = await blobs.slot('a/chunked', png(300_000), farMs);
      const half = new Uint8Array(150_000);
      assert.ok((await send(slot, { 'content-type': 'image/png', 'transfer-encoding': 'chunked' }, [half, half])) >= 400);
      assert.equal(await blobs.get('a/chunked'), undefined);
      await assert.rejects(send(slot, { 'content-type': 'image/png', 'content-length': '300000' }, [half], { breaksOff: true }));
      assert.equal(await blobs.get('a/chunked'), undefined);
      assert.ok((await send(slot, { 'content-type': 'image/png', 'content-length': '300000' }, [half, half])) < 300);
    });

    test('a part of a blob is read without the rest', async () => {
      const key = newKey();
      const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => index % 253);
      await blobs.put(key, png(bytes.length), chunks(bytes));
      for (const [first, last] of [
        [0, 0],
        [0, 199_999],
        [70_000, 140_000],
        [199_999, 199_999],
      ] as const) {
        const got = await blobs.get(key, { first, last });
        assert.deepEqual(got?.info, png(bytes.length));
        assert.ok((await readAll(got!.body)).equals(bytes.subarray(first, last + 1)), `${first} to ${last}`);
      }
      for (const [first, last] of [
        [0, 200_000],
        [2, 1],
        [-1, 1],
        [0.5, 1],
        [Number.NaN, 1],
      ] as const) {
        await assert.rejects(blobs.get(key, { first, last }), RangeError, `${first} to ${last}`);
      }
      assert.equal(await blobs.get(newKey(), { first: 0, last: 0 }), undefined);
    });
  });
}

type PutSlot = Pick<Awaited<ReturnType<Blobs['slot']>>, 'putUrl' | 'headers'>;

/** @returns the HTTP status */
function upload(slot: PutSlot, type: string | undefined, body: Uint8Array): Promise<number> {
  return send(slot, { ...(type !== undefined && { 'content-type': type }), 'content-length': `${body.length}` }, [body]);
}

/** One PUT with exactly these headers; a library would add its own. @returns the HTTP status */
function send(
  { putUrl, headers }: PutSlot,
  own: Readonly<Record<string, string>>,
  parts: readonly Uint8Array[],
  { breaksOff = false } = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const put = request(putUrl, { method: 'PUT', headers: { ...headers, ...own }, agent: false });
    put.once('error', reject);
    put.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    for (const part of parts) put.write(part);
    if (breaksOff) setImmediate(() => put.destroy(new Error('the client went away')));
    else put.end();
  });
}

async function download(url: string): Promise<{ type: string; body: Buffer } | undefined> {
  const response = await fetch(url);
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status === 200) return { type: response.headers.get('content-type') ?? '', body };
  assert.equal(response.status, 404);
  return undefined;
}

async function* chunks(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}
