/** Documents from hosts that strangers name: only from where we may connect to, only from who proves who he is, and only small ones. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Roots } from '../../lib/s2s/roots.ts';
import { GuardedHttps } from '../../services/federation/finding/guarded-https.ts';
import { address, finderWith, hurried, NameServer } from './finding-ground.ts';
import { identityOf, make } from './proof-certificates.ts';

let dns: NameServer;
let server: Server;
let port: number;
let roots: Roots;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

before(async () => {
  const root = await make('CN=Root', { ca: -1 });
  const leaf = await make('CN=a.example', { by: root, dns: ['a.example'] });
  roots = new Roots([new X509Certificate(root.der)]);
  server = createServer(await identityOf(leaf), (request, response) => answer(request, response));
  await once(server.listen(0, '127.0.0.9'), 'listening');
  port = (server.address() as AddressInfo).port;
  dns = await NameServer.start(['a.example', 'b.example'].map((name) => address(name, '127.0.0.9')));
});

after(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await dns[Symbol.asyncDispose]();
});

/** @returns the document, or the error as its name and message */
async function get(url: string, networks: readonly string[] = ['127.0.0.0/8'], clock = systemClock): Promise<string> {
  const finder = finderWith({ server: dns, networks });
  const https = new GuardedHttps({ finder, roots, clock });
  return https.get(new URL(url), 1_000).catch((error: Error) => `${error.name}: ${error.message}`);
}

test('a document of a host that proves its name is got, and of another is not', async () => {
  answer = ({ url, headers }, response) => response.end(`${headers.host} ${url}`);
  assert.equal(await get(`https://a.example:${port}/x?y`), `a.example:${port} /x?y`);
  assert.match(await get(`https://b.example:${port}/x`), /^Unreachable: .*did not prove who it is: .*not for b\.example/);
  assert.match(await get('https://gone.example/x'), /^NoSuchDomain: /);
});

test('the guard looks where the request goes', async () => {
  answer = () => assert.fail('nobody may come here');
  assert.match(await get(`https://a.example:${port}/x`, []), /^Forbidden: .*loopback/);
  assert.match(await get(`https://a.example:80/x`, []), /^Forbidden: .*port 80/);
  for (const url of [
    'https://127.0.0.9/x',
    'https://0x7f.9/x',
    'https://[::1]/x',
    'http://a.example/x',
    'https://me:pw@a.example/x',
  ])
    assert.match(await get(url), /^Unreachable: .*is not taken/, url);
});

test('redirects are not followed, and what is too large, too slow or broken off is not taken', async () => {
  const url = `https://a.example:${port}/x`;
  answer = (_, response) => response.writeHead(302, { location: `https://a.example:${port}/y` }).end();
  assert.match(await get(url), /answered with status 302/);
  answer = (_, response) => response.end('x'.repeat(5_000));
  assert.match(await get(url), /sent more than 1000 bytes/);
  answer = (_, response) => response.writeHead(200, { 'x-long': 'x'.repeat(10_000) }).end();
  assert.match(await get(url), /did not answer as HTTP wants it/);
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': '500' }).write('half', () => response.destroy());
  };
  assert.match(await get(url), /ended in the middle of a document/);
  answer = (_, response) => void response.write('for ever'); // and no end
  assert.match(await get(url, undefined, hurried), /^Unreachable: a\.example:\d+ is too slow/);
});
