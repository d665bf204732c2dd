/**
 * A call (XEP-0167) and a file (XEP-0234) between two browsers with stanza, at two tenants: set up by Jingle (XEP-0166, XEP-0176), through Debian's
 * coturn alone, whose address and password each has from its own tenant (XEP-0215).
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { Skylark } from '../support/skylark.ts';
import { launchBrowser, open } from './converse-page.ts';
import { Coturn } from './coturn-server.ts';

const secret = 'a rose by any other name';
const folder = mkdtempSync(join(tmpdir(), 'skylark-jingle-'));
const mediaFlags = [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--allow-loopback-in-peer-connection',
];
const problems: string[] = [];
let coturn: Coturn;
let skylark: Skylark;
let browser: Browser;
let pages: Server;

before(async () => {
  coturn = await Coturn.start(folder, secret);
  skylark = await Skylark.start();
  skylark.command('tenant', 'add', 'other.example');
  const server = `turn:127.0.0.1:${coturn.port}?transport=udp`;
  for (const domain of ['localhost', 'other.example'])
    await skylark.policy(domain, '--call-servers', server, '--turn-secret', secret);
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@other.example', 'montague');
  const entry = new URL('jingle/page.js', import.meta.url).pathname;
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, define: { global: 'window' } });
  const html = `<link rel='icon' href='data:,'><script>${outputFiles[0]!.text.replaceAll('</script', '<\\/script')}</script>`;
  pages = createServer((_request, response) => void response.setHeader('content-type', 'text/html').end(html));
  await once(pages.listen(0, 'localhost'), 'listening');
  browser = await launchBrowser(mediaFlags);
});

after(async () => {
  await browser?.close();
  pages?.closeAllConnections();
  pages?.close();
  await skylark?.stop();
  coturn?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Person {
  readonly page: Page;
  readonly jid: string;
}

const tell = <Answer>(page: Page, name: string, ...args: readonly unknown[]): Promise<Answer> =>
  page.evaluate<Answer>(`person.${name}(${args.map((one) => JSON.stringify(one)).join(', ')})`);

async function signIn(jid: string, password: string): Promise<Person> {
  const page = await open(browser, `http://localhost:${(pages.address() as AddressInfo).port}/`, jid, problems);
  const websocket = `ws://localhost:${skylark.ports.http}/xmpp-websocket`;
  type Found = { readonly jid: string; readonly servers: readonly { readonly urls: string[]; readonly username?: string }[] };
  const { jid: full, servers } = await tell<Found>(page, 'signIn', jid, password, websocket);
  assert.deepEqual(
    servers.map(({ urls }) => urls),
    [[`turn:127.0.0.1:${coturn.port}?transport=udp`]],
  );
  assert.ok(servers[0]!.username);
  return { page, jid: full };
}

test('a call is set up, heard through the relay by both, and ended; a file comes whole', async () => {
  const juliet = await signIn('juliet@localhost', 'capulet');
  const romeo = await signIn('romeo@other.example', 'montague');
  const answered = tell<string>(romeo.page, 'answer');
  await tell(juliet.page, 'call', romeo.jid);
  assert.equal(await answered, 'audio');
  for (const { page } of [juliet, romeo]) assert.deepEqual(await tell(page, 'listen'), ['relay', 'relay']);
  const over = tell<string>(romeo.page, 'hangUp', false);
  await tell(juliet.page, 'hangUp', true);
  assert.equal(await over, 'ended');

  const text = 'Shall I compare thee to a summer’s day?\n'.repeat(2_000);
  const taken = tell<{ text: string; name: string }>(romeo.page, 'takeFile');
  await tell(juliet.page, 'sendFile', romeo.jid, text);
  const file = await taken;
  assert.equal(file.name, 'sonnet.txt');
  assert.ok(file.text === text);
  assert.deepEqual(problems, []);
});
