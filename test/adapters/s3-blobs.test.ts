import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type S3Blobs, s3Blobs } from '../../lib/adapters/s3-blobs.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { blobsContract, readAll } from '../contracts/blobs.contract.ts';
import { localSigner, S3Endpoint } from '../support/s3-endpoint.ts';

const bucket = 'skylark-files';
const farMs = Date.UTC(2199, 0);

function open(endpoint: S3Endpoint, change: Partial<Parameters<typeof s3Blobs>[0]> = {}): S3Blobs {
  const { region, ...credentials } = localSigner;
  const { url, filesUrl } = endpoint;
  return s3Blobs({ endpoint: url, region, bucket, filesUrl, credentials, clock: systemClock, ...change });
}

blobsContract('S3', async () => {
  const endpoint = await S3Endpoint.start(bucket);
  const blobs = open(endpoint);
  return {
    blobs,
    async close() {
      blobs.close();
      await endpoint.close();
    },
  };
});

async function setUp(t: TestContext, change: Partial<Parameters<typeof s3Blobs>[0]> = {}) {
  const endpoint = await S3Endpoint.start(bucket);
  const blobs = open(endpoint, change);
  t.after(async () => {
    blobs.close();
    await endpoint.close();
  });
  return { endpoint, blobs };
}

const png = { type: 'image/png', sizeBytes: 3 };
const body = Buffer.of(1, 2, 3);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function put(url: string, headers: Readonly<Record<string, string | string[]>>, bytes: Uint8Array = body): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'PUT', headers: { 'content-length': `${bytes.length}`, ...headers }, agent: false });
    sent.once('error', reject);
    sent.once('response', async (response) => {
      const text = (await readAll(response)).toString();
      resolve(`${response.statusCode} ${/<Code>(\w+)/.exec(text)?.[1] ?? ''}`.trim());
    });
    sent.end(bytes);
  });
}

const asPng = { 'content-type': 'image/png' };

test('a slot’s URL requires nothing that an XMPP client cannot send: no checksums, no headers except length and type', async (t) => {
  const { blobs } = await setUp(t);
  const { putUrl, headers } = await blobs.slot('a.example/x/photo.png', png, farMs);
  assert.deepEqual(headers, {});
  assert.equal(new URL(putUrl).searchParams.get('X-Amz-SignedHeaders'), 'content-length;content-type;host');
  assert.doesNotMatch(putUrl, /checksum|crc32/i);
});

test('a slot lasts as long as requested, and never longer than S3 allows', async (t) => {
  const nowMs = Date.now();
  const { blobs } = await setUp(t, { clock: { ...systemClock, now: () => nowMs } });
  for (const [askedMs, seconds] of [
    [300_000, 300],
    [1_500, 1],
    [30 * 24 * 60 * 60 * 1000, 604_800],
  ] as const) {
    const { putUrl } = await blobs.slot('a', png, nowMs + askedMs);
    assert.equal(new URL(putUrl).searchParams.get('X-Amz-Expires'), `${seconds}`);
  }
});

/** Plays a CDN before the bucket that adds a header: every request goes to the bucket as it is, but for that. */
async function startUploadsCdn(t: TestContext, endpoint: S3Endpoint): Promise<string> {
  const { host } = new URL(endpoint.url);
  const server = createServer((given, answer) => {
    const headers = { ...given.headers, host, 'if-none-match': '*' };
    const sent = request(`${endpoint.url}${given.url}`, { method: given.method, headers, agent: false }, (found) => {
      answer.writeHead(found.statusCode!, found.headers);
      found.pipe(answer);
    });
    given.pipe(sent);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => void server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('behind a CDN for uploads a slot is used once, by whoever is first, and the bucket itself takes nothing without the header', async (t) => {
  const endpoint = await S3Endpoint.start(bucket);
  const cdn = await startUploadsCdn(t, endpoint);
  const blobs = open(endpoint, { uploadsUrl: cdn });
  t.after(async () => {
    blobs.close();
    await endpoint.close();
  });
  assert.equal(blobs.putOrigin, new URL(cdn).origin);
  for (const key of ['a.example/x/photo of me.png', 'b.example/x/фото.png']) {
    const { putUrl, getUrl, headers } = await blobs.slot(key, png, farMs);
    assert.deepEqual(headers, {}, 'a client sends nothing else than before');
    assert.ok(putUrl.startsWith(cdn), putUrl);
    const direct = putUrl.replace(cdn, `${endpoint.url}/`);
    assert.equal(await put(direct, asPng), '403 SignatureDoesNotMatch');
    assert.equal(await put(direct, { ...asPng, 'if-none-match': '"x"' }), '403 SignatureDoesNotMatch');
    assert.equal(await put(putUrl, { 'content-type': 'text/html' }), '403 SignatureDoesNotMatch');
    assert.equal(await put(putUrl, asPng), '200');
    for (const again of [putUrl, direct])
      assert.equal(await put(again, { ...asPng, 'if-none-match': '*' }, Buffer.of(9, 9, 9)), '412 PreconditionFailed');
    assert.deepEqual(Buffer.from(await (await fetch(getUrl)).arrayBuffer()), body, 'readers see what came first');
    assert.deepEqual(await blobs.delete(key), true);
  }
});

test('S3 refuses what was not signed, and says so', async (t) => {
  const { endpoint, blobs } = await setUp(t);
  const { putUrl } = await blobs.slot('a/b.png', png, farMs);
  const with_ = (name: string, value: string) => {
    const url = new URL(putUrl);
    url.searchParams.set(name, value);
    return url.href;
  };
  for (const [what, url, headers, bytes, expected] of [
    ['another length', putUrl, asPng, Buffer.alloc(4), '403 SignatureDoesNotMatch'],
    ['another type', putUrl, { 'content-type': 'text/html' }, body, '403 SignatureDoesNotMatch'],
    ['no type', putUrl, {}, body, '403 SignatureDoesNotMatch'],
    ['a header of S3', putUrl, { ...asPng, 'x-amz-acl': 'public-read' }, body, '403 AccessDenied'],
    ['another bucket', putUrl.replace(`/${bucket}/`, '/other/'), asPng, body, '403 SignatureDoesNotMatch'],
    ['another key', putUrl.replace('b.png', 'c.png'), asPng, body, '403 SignatureDoesNotMatch'],
    ['a key that is written another way', putUrl.replace('b.png', 'x%2F..%2Fb.png'), asPng, body, '403 SignatureDoesNotMatch'],
    ['a longer life', with_('X-Amz-Expires', '604800').replace('604800', '604799'), asPng, body, '403 SignatureDoesNotMatch'],
    ['more than a week', with_('X-Amz-Expires', '604801'), asPng, body, '400 AuthorizationQueryParametersError'],
    ['fewer signed headers', with_('X-Amz-SignedHeaders', 'host'), asPng, body, '403 SignatureDoesNotMatch'],
    ['no signed host', with_('X-Amz-SignedHeaders', 'content-length'), asPng, body, '403 AccessDenied'],
    ['another action', with_('x-id', 'DeleteObject'), asPng, body, '403 SignatureDoesNotMatch'],
    ['one more parameter', `${putUrl}&acl=`, asPng, body, '403 SignatureDoesNotMatch'],
    ['a type twice', putUrl, { 'content-type': ['image/png', 'text/html'] }, body, '400 InvalidRequest'],
  ] as const) {
    assert.equal(await put(url, headers as Record<string, string | string[]>, bytes), expected, what);
  }
  assert.deepEqual(endpoint.keys, []);
  assert.equal(await put(putUrl, asPng), '200');
  assert.deepEqual(endpoint.keys, ['a/b.png']);
});

test('a put URL does not work for GET or DELETE', async (t) => {
  const { blobs } = await setUp(t);
  const { putUrl } = await blobs.slot('a/b.png', png, farMs);
  assert.equal(await put(putUrl, asPng), '200');
  for (const method of ['GET', 'HEAD', 'DELETE', 'POST']) {
    assert.equal((await fetch(putUrl, { method, headers: asPng })).status, 403, method);
  }
  assert.deepEqual((await blobs.get('a/b.png'))?.info, png);
});

test('a slot signed with other keys, or for another region, is refused', async (t) => {
  const { endpoint } = await setUp(t);
  for (const [change, expected] of [
    [{ credentials: { accessKeyId: 'local', secretAccessKey: 'guessed' } }, '403 SignatureDoesNotMatch'],
    [{ credentials: { accessKeyId: 'other', secretAccessKey: 'local' } }, '403 InvalidAccessKeyId'],
    [{ region: 'us-east-1' }, '400 AuthorizationHeaderMalformed'],
  ] as const) {
    const strange = open(endpoint, change);
    t.after(() => strange.close());
    assert.equal(await put((await strange.slot('a', png, farMs)).putUrl, asPng), expected);
    await assert.rejects(strange.put('a', png, once(body)), Unavailable);
  }
  assert.deepEqual(endpoint.keys, []);
});

test('on AWS slots use the bucket’s own host', async (t) => {
  const { blobs } = await setUp(t, { endpoint: undefined, region: 'eu-central-1' });
  const { putUrl, getUrl } = await blobs.slot('a.example/x/très cool.jpg', png, farMs);
  assert.equal(blobs.putOrigin, `https://${bucket}.s3.eu-central-1.amazonaws.com`);
  assert.ok(putUrl.startsWith(`https://${bucket}.s3.eu-central-1.amazonaws.com/a.example/x/tr%C3%A8s%20cool.jpg?`));
  assert.match(getUrl, /^http:\/\/127\.0\.0\.1:\d+\/a\.example\/x\/tr%C3%A8s%20cool\.jpg$/);
});

test('the bucket’s own host works like its path', async (t) => {
  const { endpoint, blobs } = await setUp(t);
  const { port } = new URL(endpoint.url);
  const { region, ...credentials } = localSigner;
  // the SDK puts the bucket before a host that is a name
  const { S3Client, PutObjectCommand } = await import('@aws-sdk/client-s3');
  const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner');
  const client = new S3Client({
    endpoint: `http://s3.test:${port}`,
    region,
    credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  t.after(() => client.destroy());
  const command = new PutObjectCommand({ Bucket: bucket, Key: 'a b/ä.png', ContentLength: 3, ContentType: 'image/png' });
  const signed = new URL(
    await getSignedUrl(client, command, { signableHeaders: new Set(['host', 'content-length', 'content-type']) }),
  );
  assert.equal(signed.hostname, `${bucket}.s3.test`);
  const { host } = signed;
  signed.hostname = '127.0.0.1';
  assert.equal(await put(signed.href, { ...asPng, host }), '200');
  assert.deepEqual((await blobs.get('a b/ä.png'))?.info, png);
});

test('an outage of S3 is Unavailable, and requests are tried again where that is safe', async (t) => {
  const { endpoint, blobs } = await setUp(t);
  await blobs.put('a', png, once(body));
  for (const fault of [403, 500, 503, 'cut'] as const) {
    endpoint.fault = () => fault;
    await assert.rejects(blobs.put('b', png, once(body)), Unavailable, `put: ${fault}`);
    await assert.rejects(blobs.get('a'), Unavailable, `get: ${fault}`);
    await assert.rejects(blobs.delete('a'), Unavailable, `delete: ${fault}`);
  }
  let faults = 0;
  endpoint.fault = () => (faults++ === 0 ? 503 : undefined);
  assert.deepEqual((await blobs.get('a'))?.info, png);
  assert.equal(faults, 2);
});

test('a bucket that is not there is Unavailable for writers', async (t) => {
  const { blobs } = await setUp(t, { bucket: 'other' });
  await assert.rejects(blobs.put('a', png, once(body)), Unavailable);
});

test('a blob deleted or replaced before its body is read is Unavailable', async (t) => {
  const { blobs } = await setUp(t);
  for (const change of [() => blobs.delete('a'), () => blobs.put('a', png, once(Buffer.of(9, 9, 9)))]) {
    await blobs.put('a', png, once(body));
    const got = await blobs.get('a');
    await change();
    await assert.rejects(readAll(got!.body), Unavailable);
  }
});

test('an endpoint that nobody listens on is Unavailable', async (t) => {
  const { endpoint, blobs } = await setUp(t);
  await endpoint.close();
  await assert.rejects(blobs.get('a'), Unavailable);
  await assert.rejects(blobs.put('a', png, once(body)), Unavailable);
});
