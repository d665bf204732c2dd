/**
 * Files from end to end: xmpp.js finds the service and asks for slots, plain HTTP puts and gets.
 *
 * Who is hostile here has an account, and so slots: bodies of another length or type, slow ones, replays, other people's places,
 * paths, pages that would run in the reader's browser.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { type Client, xml } from '@xmpp/client';
import { Skylark } from '../support/skylark.ts';
import { xmppjs } from '../support/xmppjs.ts';

const NS = 'urn:xmpp:http:upload:0';

let skylark: Skylark;
let juliet: Client;
let romeo: Client;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  skylark.command('tenant', 'add', 'other.test');
  for (const jid of ['juliet@localhost', 'romeo@other.test']) skylark.addUser(jid, 'secret');
  juliet = await signIn('localhost', 'juliet');
  romeo = await signIn('other.test', 'romeo');
});

after(async () => {
  await Promise.all([juliet?.stop(), romeo?.stop()]);
  await skylark.stop();
});

async function signIn(domain: string, username: string): Promise<Client> {
  const xmpp = xmppjs({ service: `xmpp://127.0.0.1:${skylark.ports.c2s}`, domain, username, password: 'secret' });
  xmpp.on('error', () => undefined);
  await xmpp.start();
  return xmpp;
}

interface SlotUrls {
  readonly put: string;
  readonly get: string;
}

async function askSlot(who: Client, domain: string, filename: string, size: number, type?: string): Promise<SlotUrls> {
  const asked = xml('request', { xmlns: NS, filename, size: `${size}`, ...(type !== undefined && { 'content-type': type }) });
  const answer = await who.iqCaller.request(xml('iq', { type: 'get', to: `upload.${domain}` }, asked));
  const slot = answer.getChild('slot', NS)!;
  assert.equal(slot.getChild('put')!.getChild('header'), undefined, 'no headers are asked for');
  return { put: slot.getChild('put')!.attrs.url!, get: slot.getChild('get')!.attrs.url! };
}

const put = (url: string, type: string, body: Uint8Array) =>
  fetch(url, { method: 'PUT', headers: { 'content-type': type }, body: body as Uint8Array<ArrayBuffer> });

/** Every header is as the test says. */
function send(url: string, method: string, headers: Readonly<Record<string, string>>, body?: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false });
    sent.once('error', reject);
    sent.once('response', (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    sent.end(body);
  });
}

async function upload(filename: string, type: string, body: Uint8Array): Promise<SlotUrls> {
  const slot = await askSlot(juliet, 'localhost', filename, body.length, type);
  assert.equal((await put(slot.put, type, body)).status, 201);
  return slot;
}

test('a file of some megabytes is found, put and got by whoever has its URL', async () => {
  const items = await juliet.iqCaller.request(
    xml('iq', { type: 'get', to: 'localhost' }, xml('query', { xmlns: 'http://jabber.org/protocol/disco#items' })),
  );
  const jids = items
    .getChild('query')!
    .getChildren('item')
    .map(({ attrs }) => attrs.jid);
  assert.ok(jids.includes('upload.localhost'), `${jids}`);
  const body = randomBytes(5_000_011);
  const { get } = await upload('Das Bild (ä) #1?.png', 'image/png', body);
  const response = await fetch(get);
  assert.equal(response.status, 200);
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  assert.equal(digest(new Uint8Array(await response.arrayBuffer())), digest(body));
  assert.equal(response.headers.get('content-length'), `${body.length}`);
});

test('over HTTPS, too', async () => {
  const { put: url, get } = await askSlot(juliet, 'localhost', 'a.txt', 5, 'text/plain');
  const [to, from] = [new URL(url), new URL(get)];
  for (const each of [to, from]) {
    each.protocol = 'https:';
    each.port = `${skylark.ports.https}`;
  }
  const status = await new Promise((resolve, reject) => {
    const sent = secureRequest(to, { method: 'PUT', headers: { 'content-type': 'text/plain', 'content-length': '5' } });
    sent.once('error', reject);
    sent.once('response', (response) => resolve(response.resume().statusCode));
    sent.end('hello');
  });
  assert.equal(status, 201);
  assert.equal(await (await fetch(from)).text(), 'hello');
});

test('parts are got for players that seek, and nothing when the browser has it already', async () => {
  const { get } = await upload('v.mp4', 'video/mp4', Buffer.from('0123456789'));
  for (const [range, status, text, contentRange] of [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=0-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=10-', 416, 'The file does not have these bytes\n', 'bytes */10'],
    ['bytes=-0', 416, 'The file does not have these bytes\n', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', null],
    ['bytes=0-1,4-5', 200, '0123456789', null],
    ['lines=1-2', 200, '0123456789', null],
    [`bytes=${'9'.repeat(40)}-`, 200, '0123456789', null],
  ] as const) {
    const response = await fetch(get, { headers: { range } });
    assert.equal(response.status, status, range);
    assert.equal(await response.text(), text, range);
    assert.equal(response.headers.get('content-range'), contentRange, range);
  }
  const head = await fetch(get, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), '10');
  assert.equal(await head.text(), '');
  const etag = head.headers.get('etag')!;
  assert.equal((await fetch(get, { headers: { 'if-none-match': etag } })).status, 304);
  assert.equal((await fetch(get, { headers: { range: 'bytes=0-1', 'if-range': etag } })).status, 206);
  assert.equal((await fetch(get, { headers: { range: 'bytes=0-1', 'if-range': '"other"' } })).status, 200);
});

test('a page that was uploaded runs nowhere: an attachment, in a sandbox, of the type it says', async () => {
  const page = '<script>alert(document.cookie)</script>';
  for (const [name, type, served] of [
    ['a.html', 'text/html', 'text/html'],
    ['a.svg', 'image/svg+xml', 'image/svg+xml'],
    ['a.js', 'text/javascript', 'application/octet-stream'],
    ['a.mjs', 'application/x-javascript; charset=utf-8', 'application/octet-stream'],
    ['a.css', 'text/css', 'application/octet-stream'],
  ] as const) {
    const { get } = await upload(name, type, Buffer.from(page));
    const { headers } = await fetch(get);
    assert.equal(headers.get('content-type'), served);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('content-security-policy'), "sandbox; default-src 'none'; frame-ancestors 'none'");
    assert.equal(headers.get('content-disposition'), `attachment; filename*=UTF-8''${name}`);
    assert.equal(headers.get('set-cookie'), null);
  }
});

test('a name that is a header, a path or markup stays a name', async () => {
  const { get } = await upload('../x"; filename=evil.exe\r\nSet-Cookie: a=b', 'image/png', Buffer.of(1));
  const { headers, status } = await fetch(get);
  assert.equal(status, 200);
  assert.equal(headers.get('set-cookie'), null);
  assert.equal(
    headers.get('content-disposition'),
    "attachment; filename*=UTF-8''.._x%22%3B%20filename%3Devil.exe%20Set-Cookie%3A%20a%3Db",
  );
});

test('web clients of any origin may upload: the browser asks first', async () => {
  const { put: url } = await askSlot(juliet, 'localhost', 'a.png', 1, 'image/png');
  const asked = {
    origin: 'https://chat.example',
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'content-type',
  };
  const { status, headers } = await fetch(url, { method: 'OPTIONS', headers: asked });
  assert.equal(status, 204);
  assert.equal(headers.get('access-control-allow-origin'), '*');
  assert.match(headers.get('access-control-allow-methods')!, /PUT/);
  assert.match(headers.get('access-control-allow-headers')!, /Content-Type/);
  assert.equal(headers.get('access-control-allow-credentials'), null);
});

test('only exactly what was asked for is taken, and a refusal does not use the slot up', async () => {
  const { put: url, get } = await askSlot(juliet, 'localhost', 'a.png', 4, 'image/png');
  const body = Buffer.of(1, 2, 3, 4);
  const png = { 'content-type': 'image/png' };
  for (const [what, headers, bytes, status] of [
    ['too short', { ...png, 'content-length': '3' }, body.subarray(1), 400],
    ['too long', { ...png, 'content-length': '5' }, Buffer.concat([body, body.subarray(3)]), 413],
    ['huge', { ...png, 'content-length': '99999999999999' }, Buffer.alloc(0), 413],
    ['negative', { ...png, 'content-length': '-4' }, Buffer.alloc(0), 400],
    ['no number', { ...png, 'content-length': 'NaN' }, Buffer.alloc(0), 400],
    ['of unknown length', { ...png, 'transfer-encoding': 'chunked' }, body, 411],
    ['of two lengths', { ...png, 'content-length': '4', 'transfer-encoding': 'chunked' }, body, 400],
    ['of another type', { 'content-type': 'text/html', 'content-length': '4' }, body, 415],
    ['of no type', { 'content-length': '4' }, body, 415],
    ['a part', { ...png, 'content-length': '4', 'content-range': 'bytes 0-3/8' }, body, 400],
  ] as const) {
    assert.equal(await rawPut(url, headers, bytes), status, what);
    assert.equal((await fetch(get)).status, 404, what);
  }
  assert.equal((await put(url, 'image/png', body)).status, 201);
  assert.equal((await put(url, 'image/png', Buffer.of(9, 9, 9, 9))).status, 409, 'once more');
  assert.deepEqual(Buffer.from(await (await fetch(get)).arrayBuffer()), body);
});

/** Bytes as no library would send them. @returns the status; 400 also when the connection ends at once */
function rawPut(url: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<number> {
  const { hostname, port, pathname, search, host } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      const lines = Object.entries({ host, connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`PUT ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`);
      const isChunked = 'transfer-encoding' in headers;
      socket.write(isChunked ? `${body.length.toString(16)}\r\n${Buffer.from(body).toString('latin1')}\r\n0\r\n\r\n` : body);
    });
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 400)));
  });
}

test('a slot without a type takes a body without one', async () => {
  const { put: url, get } = await askSlot(juliet, 'localhost', 'data', 2);
  assert.equal(await send(url, 'PUT', { 'content-length': '2' }, Buffer.of(1, 2)), 201);
  assert.equal((await fetch(get)).headers.get('content-type'), 'application/octet-stream');
});

test('a slot is good for its own place alone', async () => {
  const one = await askSlot(juliet, 'localhost', 'a.png', 1, 'image/png');
  const other = await askSlot(romeo, 'other.test', 'a.png', 1, 'image/png');
  const token = new URL(one.put).search;
  for (const url of [
    `${other.get}${token}`,
    `${one.get}`,
    `${one.get}?slot=`,
    `${one.put}x`,
    one.put.replace(/[^/]+(?=\?)/, 'b.png'),
    `${one.get}/..${token}`,
    `${one.get.replace('/localhost/', '/other.test/')}${token}`,
  ]) {
    assert.equal((await put(url, 'image/png', Buffer.of(1))).status, 403, url);
  }
  assert.equal((await fetch(other.get)).status, 404);
});

test('no path gives anything but a file, nor tells what is there', async () => {
  const { get } = await upload('a.png', 'image/png', Buffer.of(1));
  const { port } = new URL(get);
  for (const path of [
    '/files/',
    '/files/localhost/',
    '/files/..%2f..%2fetc%2fpasswd',
    '/files/%2e%2e/%2e%2e/etc/passwd',
    '/files/localhost/%2e%2e/skylark.db',
    '/files/temporary/',
    '/files/%00',
    '/files/%ff',
    '/files/%',
    `/files/${'x'.repeat(3_000)}`,
  ]) {
    assert.equal(await rawGet(Number(port), path), 404, path);
  }
  assert.equal((await fetch(get, { method: 'DELETE' })).status, 405);
  assert.equal((await fetch(get, { method: 'POST', body: 'x' })).status, 405);
});

/** `fetch` would tidy the path. */
function rawGet(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, agent: false });
    sent.once('error', reject);
    sent.once('response', (response) => resolve(response.resume().statusCode!));
    sent.end();
  });
}

test('an upload that breaks off leaves nothing, and its slot is good for another try', async () => {
  const { put: url, get } = await askSlot(juliet, 'localhost', 'a.bin', 200_000, 'image/png');
  const { hostname, port, pathname, search, host } = new URL(url);
  const head = `PUT ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: image/png\r\ncontent-length: 200000\r\n\r\n`;
  await new Promise<void>((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(head);
      socket.write(Buffer.alloc(100_000), () => socket.destroy());
    });
    socket.on('close', () => resolve());
  });
  assert.equal((await fetch(get)).status, 404);
  const body = randomBytes(200_000);
  let status = 409; // the server may still be busy with the first
  for (let tries = 0; tries < 50 && status === 409; tries++) status = (await put(url, 'image/png', body)).status;
  assert.equal(status, 201);
  assert.deepEqual(Buffer.from(await (await fetch(get)).arrayBuffer()), body);
});

test('one more byte than is allowed gets no slot', async () => {
  const asked = xml('request', { xmlns: NS, filename: 'a', size: `${100 * 1024 * 1024 + 1}` });
  const request = juliet.iqCaller.request(xml('iq', { type: 'get', to: 'upload.localhost' }, asked));
  await assert.rejects(request, /not-acceptable/);
  const strange = xml('request', { xmlns: NS, filename: 'a', size: '1' });
  await assert.rejects(romeo.iqCaller.request(xml('iq', { type: 'get', to: 'upload.localhost' }, strange)), /forbidden/);
});

test('what was uploaded, and slots that were given, are there after a restart', async () => {
  const { get } = await upload('kept.png', 'image/png', Buffer.of(1, 2, 3));
  const slot = await askSlot(juliet, 'localhost', 'later.png', 1, 'image/png');
  await skylark.kill('SIGKILL');
  await skylark.start();
  assert.equal((await fetch(get)).status, 200);
  assert.equal((await put(slot.put, 'image/png', Buffer.of(1))).status, 201);
});
