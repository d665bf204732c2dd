/** Converse.js over BOSH (XEP-0206), in Debian's Chromium, and a page of another origin. Leaves screenshots. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { Skylark } from '../support/skylark.ts';
import { fadeMs, launchBrowser, logIn, open, openChat, say } from './converse-page.ts';

const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
let skylark: Skylark;
let browser: Browser;
const problems: string[] = [];

before(async () => {
  mkdirSync(shots, { recursive: true });
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
  skylark.command('tenant', 'add', 'other.example');
  skylark.addUser('romeo@other.example', 'somebody');
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await skylark.stop();
});

/** Converse's first page, which knows BOSH alone. @param seen methods of requests to BOSH; a WebSocket is named too */
async function visit(jid: string, bosh: string, seen: string[]): Promise<Page> {
  return open(browser, `http://localhost:${skylark.ports.http}/`, jid, problems, async (opened) => {
    opened.on('request', (request) => void (request.url() === bosh && seen.push(request.method())));
    opened.on('websocket', () => void seen.push('a WebSocket'));
    await opened.route('**/client.js', async (route) => {
      const script = await (await route.fetch()).text();
      const body = script.replace(
        'converse.initialize(settings);',
        `delete settings.websocket_url;\nsettings.bosh_service_url = ${JSON.stringify(bosh)};\nconverse.initialize(settings);`,
      );
      assert.notEqual(body, script);
      await route.fulfill({ contentType: 'text/javascript', body });
    });
  });
}

async function signIn(jid: string, password: string, bosh: string, seen: string[]): Promise<Page> {
  const page = await visit(jid, bosh, seen);
  await logIn(page, jid, password);
  return page;
}

test('two browsers sign in over BOSH and talk', async () => {
  const bosh = `http://localhost:${skylark.ports.http}/http-bind`;
  const seen: string[] = [];
  const juliet = await signIn('juliet@localhost', 'capulet', bosh, seen);
  const romeo = await signIn('romeo@localhost', 'montague', bosh, seen);
  await openChat(juliet, 'romeo@localhost');
  await openChat(romeo, 'juliet@localhost');
  await say(juliet, 'Wherefore art thou, Romeo?');
  await romeo.waitForSelector('text=Wherefore art thou', { timeout: 20_000 });
  await say(romeo, 'Call me but love.');
  await juliet.waitForSelector('text=Call me but love', { timeout: 20_000 });
  await juliet.screenshot({ path: `${shots}bosh.png` });
  assert.deepEqual([...new Set(seen)], ['POST']);
  assert.ok(seen.length > 10, `${seen.length}`);
  assert.deepEqual(problems, []);
});

test('a person of another tenant does the same, and a message between them arrives', async () => {
  const bosh = `http://localhost:${skylark.ports.http}/http-bind`;
  const juliet = await signIn('juliet@localhost', 'capulet', bosh, []);
  const other = await signIn('romeo@other.example', 'somebody', bosh, []);
  await openChat(juliet, 'romeo@other.example');
  await openChat(other, 'juliet@localhost');
  await say(juliet, 'Good morrow, cousin.');
  await other.waitForSelector('text=Good morrow', { timeout: 20_000 });
  await other.screenshot({ path: `${shots}bosh-other.png` });
  assert.deepEqual(problems, []);
});

test('a newcomer makes an account in the form (XEP-0077), and is one whom others write to', async () => {
  const bosh = `http://localhost:${skylark.ports.http}/http-bind`;
  const seen: string[] = [];
  const juliet = await signIn('juliet@localhost', 'capulet', bosh, []);
  const paris = await visit('paris', bosh, seen);
  await paris.getByText('Create an account').click();
  await paris.fill('input[name=username]', 'paris');
  await paris.fill('input[name=password]', 'county');
  await paris.waitForTimeout(fadeMs);
  await paris.click('input[value=Register]');
  await paris.waitForSelector('#converse-roster');
  await openChat(juliet, 'paris@localhost');
  await openChat(paris, 'juliet@localhost');
  await say(juliet, 'Come, gentle night.');
  await paris.waitForSelector('text=Come, gentle night');
  assert.deepEqual([...new Set(seen)], ['POST']);
  assert.deepEqual(problems, []);
});

test('a page of another origin begins a session', async () => {
  const other = createServer((_request, response) => void response.end('a page'));
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
  const url = `http://localhost:${skylark.ports.http}/http-bind`;
  const page = await open(browser, `http://127.0.0.1:${(other.address() as AddressInfo).port}/`, 'a page', problems);
  const body = "<body xmlns='http://jabber.org/protocol/httpbind' rid='9' to='localhost' ver='1.6' wait='5' hold='1'/>";
  const init = JSON.stringify({ method: 'POST', headers: { 'content-type': 'text/xml; charset=utf-8' }, body });
  const answer = await page.evaluate<string>(`fetch(${JSON.stringify(url)}, ${init}).then((answer) => answer.text())`);
  assert.match(answer, /^<body [^>]*sid='/);
  assert.deepEqual(problems, []);
  other.closeAllConnections();
  other.close();
});
