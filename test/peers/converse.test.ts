/** Converse.js, as the service itself serves it, in Debian's Chromium: two browsers talk. Leaves a screenshot. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { Skylark } from '../support/skylark.ts';

const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
const quietFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let skylark: Skylark;
let browser: Browser;
const problems: string[] = [];

before(async () => {
  mkdirSync(shots, { recursive: true });
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: quietFlags });
});

after(async () => {
  await browser?.close();
  await skylark.stop();
});

async function signIn(jid: string, password: string): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 } })).newPage();
  page.on('pageerror', (error) => problems.push(`${jid}: ${error.message}`));
  page.on('requestfailed', (request) => problems.push(`${jid}: ${request.url()} ${request.failure()?.errorText}`));
  await page.goto(`http://localhost:${skylark.ports.http}/`);
  await page.fill('input[name=jid]', jid);
  await page.fill('input[name=password]', password);
  await page.screenshot({ path: `${shots}sign-in.png` });
  await page.getByText('Log in', { exact: true }).click();
  await page.waitForSelector('#converse-roster', { timeout: 30_000 });
  await page.screenshot({ path: `${shots}signed-in.png` });
  return page;
}

test('two browsers sign in at / and talk', async () => {
  const juliet = await signIn('juliet@localhost', 'capulet');
  const romeo = await signIn('romeo@localhost', 'montague');
  await openChat(juliet, 'romeo@localhost');
  await openChat(romeo, 'juliet@localhost');
  await say(juliet, 'Wherefore art thou, Romeo?');
  await romeo.waitForSelector('text=Wherefore art thou', { timeout: 20_000 });
  await say(romeo, 'Call me but love.');
  await juliet.waitForSelector('text=Call me but love', { timeout: 20_000 });
  await juliet.screenshot({ path: `${shots}web-client.png` });
  assert.deepEqual(problems, []);
});

async function openChat(page: Page, jid: string): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#converse/chat?jid=${jid}`);
  await page.waitForSelector('.chat-textarea', { timeout: 20_000 });
}

async function say(page: Page, text: string): Promise<void> {
  await page.fill('.chat-textarea', text);
  await page.press('.chat-textarea', 'Enter');
}
