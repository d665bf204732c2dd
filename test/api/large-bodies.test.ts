/**
 * A body of a gigabyte, and one that never ends: the client is told at the bound, and is cut off soon after it. What counts is how much the server
 * has read, since that is what may be held.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { apiLimits } from '../../services/api/limits.ts';
import { webApp } from '../../services/web/app.ts';
import { webLimits } from '../../services/web/limits.ts';
import { startWebServer, type WebServer } from '../../services/web/server.ts';
import { makePem } from '../support/pem.ts';
import { type Ground, openGround } from './ground.ts';

const gigabyte = 1_000_000_000;
/** What may be read beside the body: its head, and what was on the way at each of the two bounds. */
const moreBytes = 2 * 64 * 1024;
const bytesMax = apiLimits.bodyBytesMax + webLimits.unreadBytesMax + moreBytes;
const piece = Buffer.alloc(16 * 1024, 0x20);
const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);

let ground: Ground;
let web: WebServer;
let token: string;
/** On the side of the server, in the order in which they came. */
const sockets: Socket[] = [];

before(async () => {
  ground = await openGround();
  token = await ground.key({ role: 'deployment-owner' });
  const app = webApp({
    ...{ tenants: ground.dependencies.tenants, log: pino({ level: 'silent' }), defaultDomain: 'a.example', api: ground.app },
    clientFolder: join(dirname(fileURLToPath(import.meta.resolve('converse.js')))),
  });
  const { cert, key } = await makePem('a.example');
  const paths = { webSocketPath: '/xmpp-websocket', boshPath: '/http-bind' };
  web = await startWebServer(app, { bind: '127.0.0.1', httpPort: 0, httpsPort: 0, ...paths, tls: { cert, key } });
  for (const server of web.servers)
    for (const event of ['connection', 'secureConnection']) server.on(event, (socket: Socket) => void sockets.push(socket));
});
after(async () => {
  await web.stop();
  await ground.close();
});

type Scheme = 'http' | 'https';

async function dial(scheme: Scheme): Promise<Socket> {
  const { port } = web.addresses[scheme]!;
  const socket =
    scheme === 'http' ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, scheme === 'http' ? 'connect' : 'secureConnect');
  return socket;
}

const headOf = (line: string, ...fields: readonly string[]) =>
  [`${line} HTTP/1.1`, 'Host: a.example', 'Content-Type: application/json', ...fields, '', ''].join('\r\n');

interface Poured {
  readonly answer: string;
  readonly bytesRead: number;
}

/** Sends a body until the server has had enough of it, or has all of it. */
async function pour(scheme: Scheme, head: string, body: Buffer): Promise<Poured> {
  const before = sockets.length;
  const socket = await dial(scheme);
  const got: Buffer[] = [];
  socket.on('data', (data: Buffer) => void got.push(data));
  socket.on('error', () => {}); // it is cut while it is sending
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  socket.write(head);
  for (let sent = 0; sent < gigabyte && !socket.destroyed && socket.writable; sent += piece.length)
    if (!socket.write(body)) await Promise.race([once(socket, 'drain'), closed]).catch(() => {});
  socket.destroy();
  await closed;
  const read = sockets.slice(before).map(({ bytesRead }) => bytesRead);
  assert.ok(read.length > 0, 'the server has seen the connection');
  return { answer: Buffer.concat(got).toString(), bytesRead: Math.max(...read) };
}

for (const scheme of ['http', 'https'] as const) {
  describe(`over ${scheme}`, () => {
    const key = () => `Authorization: Bearer ${token}`;
    const sizes = [
      ['a gigabyte', `Content-Length: ${gigabyte}`, piece],
      ['chunks without an end', 'Transfer-Encoding: chunked', chunk],
    ] as const;
    for (const [what, size, body] of sizes) {
      for (const line of ['POST /api/v1/tenants', 'PUT /api/v1/tenants/a.example/accounts/romeo/password']) {
        test(`${what} as the body of ${line} is refused at the bound`, async () => {
          const { answer, bytesRead } = await pour(scheme, headOf(line, key(), size), body);
          assert.ok(bytesRead > apiLimits.bodyBytesMax && bytesRead <= bytesMax, `${bytesRead} bytes were read`);
          assert.match(answer, /^HTTP\/1\.1 413 /);
          assert.match(answer, /content-type: application\/problem\+json/i);
          assert.match(answer, /"status":413,"detail":"a body has at most 65536 bytes"/);
        });
      }

      for (const [line, status] of [
        ['POST /api/v1/nothing', 404],
        ['PUT /api/v1/tenants', 405],
        ['POST /', 404],
        ['GET /healthz', 200],
        ['DELETE /api/v1/tenants/a.example', 401],
      ] as const) {
        test(`${what} that nobody reads, of ${line}, is not read either`, async () => {
          const { answer, bytesRead } = await pour(scheme, headOf(line, size), body);
          assert.ok(bytesRead <= bytesMax, `${bytesRead} bytes were read`);
          assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
        });
      }

      test(`${what} without a key`, async () => {
        const { answer, bytesRead } = await pour(scheme, headOf('POST /api/v1/tenants', size), body);
        assert.ok(bytesRead <= bytesMax, `${bytesRead} bytes were read`);
        assert.match(answer, /^HTTP\/1\.1 401 /);
      });
    }

    test('a client whose refused body ends keeps its connection', async () => {
      const socket = await dial(scheme);
      const size = 100 * 1024;
      let text = '';
      socket.on('data', (data: Buffer) => {
        text += data.toString();
      });
      for (let count = 1; count <= 2; count++) {
        socket.write(headOf('POST /api/v1/tenants', key(), `Content-Length: ${size}`));
        socket.write(Buffer.alloc(size, 0x20));
        while (text.split('HTTP/1.1 413 ').length <= count) await once(socket, 'data');
      }
      socket.destroy();
    });
  });
}
