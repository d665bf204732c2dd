/**
 * The console in Debian's Chromium, in front of the real program: each page on a wide and a narrow screen, light and dark, without
 * violations that axe-core finds, without errors of the page, and without a sideways scroll; and a way through it by the keyboard alone.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { pages } from '../../services/console/pages/pages.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from '../cli/skylark-command.ts';
import { dns, makePem } from '../support/pem.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { launchBrowser } from './converse-page.ts';
import { violations } from './violations.ts';

/** Where pictures go, to be looked at; without it none are made. */
const pictures = process.env.SKYLARK_PICTURES;
const folder = temporaryFolder();
const base = '/console/tenants/example.org';
/** What stands in the paths of pages. */
const parameters: Readonly<Record<string, string>> = {
  domain: 'example.org',
  local: 'juliet',
  room: 'hall',
  operation: 'tenant-remove',
};
/** What a page is asked for, where it shows little without. */
const queries: Readonly<Record<string, string>> = {
  '/tenants/:domain/dns': '?target=xmpp.example.net',
  '/do/:operation': '?domain=example.org',
};
/** The console's own list, so that no page is left out. @throws where a parameter has no value here */
const paths = pages.map(({ path }) => {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => {
    assert.ok(parameters[name], `a value for :${name}`);
    return parameters[name];
  });
  return `/console${filled === '/' ? '' : filled}${queries[path] ?? ''}`;
});

let service: Service;
let browser: Browser;
let origin: string;
let juliet: TcpClient;
const problems: string[] = [];

const command = (...args: string[]) => skylark([...args, '--data', folder]);

before(async () => {
  service = await Service.start(['start', '--data', folder, ...anyPorts]);
  origin = `http://localhost:${service.addresses.http!.port}`;
  await command('tenant', 'add', 'example.org');
  for (const name of ['juliet', 'romeo']) await command('user', 'add', `${name}@example.org`, '--password=secret');
  await command('user', 'role', 'juliet@example.org', 'admin');
  await command('user', 'add', 'nurse@example.org', '--password=secret');
  await command('user', 'role', 'nurse@example.org', 'support', '--content');
  await command('user', 'role', 'romeo@example.org', 'operator');
  await command('key', 'add', 'billing', '--tenant=example.org');
  await command('announcement', 'send', 'example.org', 'We are back.', '--subject', 'Tonight');
  await command('motd', 'set', 'example.org', 'Be kind');
  await command('group', 'set', 'example.org', 'Verona', 'juliet Juliet Capulet', 'romeo');
  await command('webhook', 'add', 'example.org', 'https://app.example.org/skylark');
  const { cert, key } = await makePem('example.org', { names: dns('example.org', 'conference.example.org') });
  const [certFile, keyFile] = [join(folder, 'example.org.pem'), join(folder, 'example.org.key')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const given = await command('certificate', 'add', 'example.org', '--cert', certFile, '--key', keyFile);
  assert.equal(given.code, 0, given.err);
  juliet = await TcpClient.signIn(service.addresses.c2sTls!.port, 'juliet@example.org/balcony', 'secret');
  juliet.send("<presence to='hall@conference.example.org/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
  await juliet.next((element) => element.xml.includes('code="110"'));
  const text = `<text>${'He shouts &lt;b&gt;day and night&lt;/b&gt;. '.repeat(4)}</text>`;
  const report = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:abuse'>${text}</report>`;
  const item = `<item jid='somebody.with.a.long.name@another.example'>${report}</item>`;
  await juliet.ask('block', `<iq type='set' id='block'><block xmlns='urn:xmpp:blocking'>${item}</block></iq>`);
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  await juliet?.close();
  await service?.stop();
  removeFolder(folder);
});

async function enter(locale = 'en'): Promise<Page> {
  const { out } = await command('console', `--web-url=${origin}`);
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale });
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(`${page.url()}: ${message.text()}`));
  await page.goto(out.split('\n')[0]!);
  await page.click('button.primary');
  await page.waitForSelector('.tiles');
  return page;
}

/** As somebody with a role over the tenant. */
async function enterAs(jid: string): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 860 } })).newPage();
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(`${origin}/console`);
  await page.fill('#jid', jid);
  await page.fill('#password', 'secret');
  await page.click('button.primary');
  await page.waitForSelector('.tiles');
  return page;
}

const screens = [
  [1280, 'light'],
  [1280, 'dark'],
  [400, 'light'],
  [400, 'dark'],
] as const;

/** Looks at a page on each screen. @param prefix of the names of pictures */
async function look(page: Page, path: string, prefix = ''): Promise<void> {
  const name = `${prefix}${path.replace(/^\/console\/?|\?.*/g, '').replaceAll('/', '-') || 'overview'}`;
  for (const [width, colorScheme] of screens) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 860 });
    const answer = await page.goto(`${origin}${path}`);
    assert.equal(answer?.status(), 200, path);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width, `${name} fits the screen`);
    assert.deepEqual(await violations(page), [], `${name} ${width} ${colorScheme}`);
    if (pictures === undefined) continue;
    mkdirSync(pictures, { recursive: true });
    if (name === 'overview') await page.waitForTimeout(5_000);
    await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: width < 500 });
  }
}

describe('each page', () => {
  let page: Page;
  before(async () => {
    page = await enter();
  });

  for (const path of paths)
    test(path, async () => {
      await look(page, path);
      assert.deepEqual(problems, []);
    });

  test('in Chinese', async () => {
    const chinese = await enter('zh-CN');
    await look(chinese, base, 'zh-');
    assert.equal(await chinese.getAttribute('html', 'lang'), 'zh');
    assert.deepEqual(problems, []);
  });

  test('of the way in', async () => {
    const stranger = await (await browser.newContext()).newPage();
    for (const path of ['/console', '/console/enter/x', '/console/nowhere']) {
      await stranger.goto(`${origin}${path}`);
      assert.deepEqual(await violations(stranger), [], path);
    }
  });
});

test('somebody with less rights sees less', async () => {
  const page = await enterAs('nurse@example.org');
  const below = ['', '/accounts', '/accounts/juliet', '/reports', '/rooms/hall'].map((path) => `${base}${path}`);
  for (const path of ['/console', '/console/operations', ...below]) await look(page, path, 'support-');
  await page.goto(`${origin}${base}/accounts/juliet`);
  assert.equal(await page.locator('main button, main a.button').count(), 0, 'an admin is above them');
  assert.deepEqual(problems, []);
});

test('live figures arrive and the curves are drawn', async () => {
  const page = await enter();
  await page.locator('.chart canvas').nth(5).waitFor();
  const first = await page.getAttribute('#live [data-point]', 'data-point');
  await page.locator(`#live [data-point]:not([data-point='${first}'])`).waitFor({ state: 'attached' });
  assert.deepEqual(problems, []);
});

test('an account is found while somebody types, and its session is ended by the keyboard alone', async () => {
  const page = await enter();
  await page.goto(`${origin}${base}/accounts`);
  await page.fill('#q', 'jul');
  await page.locator('#accounts tbody tr').nth(1).waitFor({ state: 'detached' });
  await page.goto(`${origin}${base}/accounts/juliet`);
  const focused = () =>
    page.evaluate<string>("document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''");
  await page.keyboard.press('Tab');
  assert.match(await focused(), /Skip to the content/);
  await page.keyboard.press('Enter');
  for (let tabs = 0; tabs < 40 && !(await focused()).startsWith('End: balcony'); tabs++) await page.keyboard.press('Tab');
  assert.match(await focused(), /^End: balcony/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.notice.good');
  await juliet.closed;
  assert.deepEqual(problems, []);
});

test('a domain that was made in the browser serves an account that was made in the browser', async () => {
  const page = await enter();
  await page.goto(`${origin}/console/tenants`);
  await page.fill('[name=domain]', 'second.example');
  await page.click('main button.primary');
  await page.waitForSelector('.notice.good');
  await page.click('text=second.example');
  await page.click('.tabs >> text=Accounts');
  await page.fill('main [name=jid]', 'anna');
  await page.fill('main [name=password]', 'secret');
  await page.click('main button.primary');
  await page.waitForSelector('text=anna@second.example');
  const anna = await TcpClient.signIn(service.addresses.c2sTls!.port, 'anna@second.example/x', 'secret');
  await anna.close();
  assert.deepEqual(problems, []);
});
