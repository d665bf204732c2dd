/**
 * A fresh service: the printed link opens the console in Debian's Chromium, a second domain is made there and an invite to it, and whoever
 * comes by its QR code, with a client or on its page, talks there within two minutes. The pages are looked at on a wide and a narrow screen.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import qr from 'jsqr';
import type { Browser, Locator, Page } from 'playwright-core';
import { removeFolder, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { freePorts } from '../support/free-ports.ts';
import { launchBrowser } from './converse-page.ts';
import { runScript } from './python-script.ts';
import { violations } from './violations.ts';

/** Where pictures go, to be looked at; without it none are made. */
const pictures = process.env.SKYLARK_PICTURES;
const limitMs = 120_000;
const second = 'verona.example';
const folder = temporaryFolder();
let browser: Browser;
let service: ChildProcess | undefined;
const problems: string[] = [];

before(async () => {
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await stop();
  removeFolder(folder);
});

const main = new URL('../../services/main.ts', import.meta.url).pathname;

/** Starts as a person does, and waits for the link that it prints. */
function start(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [main, 'start', ...args, '--data', folder], { stdio: ['ignore', 'pipe', 'ignore'] });
  service = child;
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      const link = /^Console: +(\S+)/m.exec(said)?.[1];
      if (link !== undefined) resolve(link);
    });
    child.once('exit', () => reject(new Error(`it ended and said: ${said}`)));
  });
}

async function stop(): Promise<void> {
  if (service === undefined || service.exitCode !== null) return;
  const ended = once(service, 'exit');
  service.kill('SIGTERM');
  await ended;
}

async function newPage(): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' })).newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(`${page.url()}: ${message.text()}`));
  return page;
}

/** What a camera reads that is held before the screen. */
async function scanned(code: Locator): Promise<string> {
  const url = `data:image/png;base64,${(await code.screenshot()).toString('base64')}`;
  const blank = await (await browser.newContext()).newPage();
  const { data, width, height } = await blank.evaluate<{ data: string; width: number; height: number }>(`(async () => {
    const image = new Image();
    image.src = ${JSON.stringify(url)};
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data, width, height } = context.getImageData(0, 0, image.width, image.height);
    return { data: Array.from(data, (byte) => String.fromCharCode(byte)).join(''), width, height };
  })()`);
  await blank.context().close();
  const read = qr.default(new Uint8ClampedArray(Buffer.from(data, 'latin1')), width, height);
  assert.ok(read, 'the code can be read');
  return read.data;
}

async function lookAt(page: Page, name: string): Promise<void> {
  for (const [width, colorScheme] of [
    [1280, 'light'],
    [400, 'light'],
    [400, 'dark'],
  ] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width, `${name} fits the screen`);
    assert.deepEqual(await violations(page), [], `${name} ${width} ${colorScheme}`);
    if (pictures === undefined) continue;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 900 });
}

test('from the first start to a client that has come by the QR code of an invite to a second domain', async () => {
  const begun = performance.now();
  const [c2s, c2sTls, http] = (await freePorts(3)) as [number, number, number];
  const ports = [`--c2s-port=${c2s}`, `--c2s-tls-port=${c2sTls}`, `--http-port=${http}`];
  const link = await start([...ports, '--https-port=0', '--s2s-port=0', '--component-port=0']);
  const origin = `http://localhost:${http}`;
  await skylark(['user', 'add', 'juliet@localhost', '--password=capulet', '--data', folder]);
  const page = await newPage();
  await page.goto(link);
  await page.click('button.primary');
  await page.waitForSelector('.tiles');
  await page.goto(`${origin}/console/tenants`);
  await page.fill('#tenant-add-domain', second);
  await page.click('form[action="/console/do/tenant-add"] button');
  await page.goto(`${origin}/console/tenants/${second}`);
  await page.selectOption('#tenant-set-invites', 'members');
  await page.fill('#tenant-set-brandName', 'Verona');
  await page.fill('#tenant-set-brandColour', '#b3261e');
  await page.click('form[action="/console/do/tenant-set"] button');
  const invite = async () => {
    await page.goto(`${origin}/console/tenants/${second}/invites`);
    await page.click('form[action="/console/do/invite-create"] button');
    return scanned(page.locator('svg.qr'));
  };
  const inBrowser = await invite();
  const inClient = await invite();
  assert.match(inClient, new RegExp(`^${origin}/invite/${second}/[0-9a-f]{32}$`));

  const visitor = await newPage();
  await visitor.goto(inClient);
  const uri = await scanned(visitor.locator('svg.qr'));
  assert.match(uri, new RegExp(`^xmpp:${second}\\?register;preauth=[0-9a-f]{32}$`));
  await visitor.goto(inBrowser);
  await visitor.fill('#username', 'Benvolio');
  await visitor.fill('#password', 'chosen in the browser');
  await visitor.fill('#again', 'chosen in the browser');
  await visitor.click('main form button');
  assert.equal(await visitor.textContent('#address'), `benvolio@${second}`);
  await runScript('./slixmpp/invited.py', [c2s, c2sTls, second, uri, 'localhost', 'benvolio'], 12);
  const tookMs = performance.now() - begun;
  assert.ok(tookMs < limitMs, `it took ${Math.round(tookMs)} ms`);

  await lookAt(visitor, 'invite-welcome');
  await page.goto(`${origin}/console/tenants/${second}/invites`);
  await lookAt(page, 'console-invites');
  const fresh = await invite();
  await lookAt(page, 'console-invite-made');
  await visitor.goto(fresh);
  await lookAt(visitor, 'invite');
  await visitor.fill('#username', 'Mercutio');
  await visitor.fill('#password', 'one');
  await visitor.fill('#again', 'another');
  await visitor.click('main form button');
  await visitor.waitForSelector('[role=alert]');
  await lookAt(visitor, 'invite-differ');
  await visitor.goto(`${fresh}?lang=zh`);
  await lookAt(visitor, 'invite-zh');
  const { out } = await skylark(['user', 'reset', `benvolio@${second}`, `--web-url=${origin}`, '--data', folder]);
  await visitor.goto(out.split('\n')[0]!);
  await lookAt(visitor, 'reset');
  // Chromium notes each answer of an error: those that are meant are looked for here.
  const meant = problems.splice(0);
  assert.ok(
    meant.every((problem) => /status of 400/.test(problem)),
    meant.join('\n'),
  );
  await visitor.goto(`${origin}/invite/${second}/${'0'.repeat(32)}`);
  await lookAt(visitor, 'invite-invalid');
});
