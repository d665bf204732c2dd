/** Converse.js, as the service itself serves it, in Debian's Chromium: two browsers talk; one makes its account there. Leaves screenshots. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { Skylark } from '../support/skylark.ts';
import { choose, enter, fadeMs, launchBrowser, logIn, open, openChat, say } from './converse-page.ts';

const shots = new URL('../../.cache/screenshots/', import.meta.url).pathname;
let skylark: Skylark;
let browser: Browser;
const problems: string[] = [];

before(async () => {
  mkdirSync(shots, { recursive: true });
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
  browser = await launchBrowser();
});

after(async () => {
  await browser?.close();
  await skylark.stop();
});

async function signIn(jid: string, password: string): Promise<Page> {
  const page = await open(browser, `http://localhost:${skylark.ports.http}/`, jid, problems);
  await page.screenshot({ path: `${shots}sign-in.png` });
  await logIn(page, jid, password);
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

/** Asked again and again from here: the page's own policy forbids it to poll by `eval`. */
async function isLoaded(page: Page): Promise<void> {
  const loaded = `[...document.querySelectorAll("img[src*='/localhost/'][src*='Balkon']")].some((image) => image.naturalWidth === 1200)`;
  for (let tries = 0; tries < 200; tries++) {
    if (await page.evaluate(loaded)) return;
    await page.waitForTimeout(100);
  }
  assert.fail('the picture was not loaded');
}

/** A picture of 48 × 48 points in one colour, as a browser paints it. */
async function paintLogo(): Promise<string> {
  const page = await browser.newPage({ viewport: { width: 48, height: 48 } });
  await page.setContent("<body style='background: #c8102e'>");
  const logo = `${shots}logo.png`;
  await page.screenshot({ path: logo });
  await page.close();
  return logo;
}

test('the page bears the name, the logo and the colours of the tenant, in the language of the browser', async () => {
  const logo = await paintLogo();
  const look = ['--brand-name', 'House of <b>Capulet</b>', '--brand-colour', '#ffee00', '--brand-background', '#330011'];
  skylark.command('tenant', 'add', 'second.localhost');
  await skylark.policy('second.localhost', ...look, '--brand-logo', `@${logo}`);
  for (const [locale, button] of [
    ['en-GB', 'Log in'],
    ['zh-CN', '登录'],
  ] as const) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, locale });
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(`http://second.localhost:${skylark.ports.http}/`);
    await page.waitForSelector('#converse-login [type=submit]');
    assert.equal(await page.title(), 'House of <b>Capulet</b>');
    assert.equal(await page.innerText('.tenant-brand'), 'House of <b>Capulet</b>');
    assert.equal(await page.evaluate("document.querySelector('.tenant-brand img').naturalWidth"), 48);
    const colourOf = (selector: string) =>
      page.evaluate<string>(`getComputedStyle(document.querySelector('${selector}')).backgroundColor`);
    assert.equal(await colourOf('.tenant-brand'), 'rgb(51, 0, 17)');
    assert.equal(await colourOf('#converse-login [type=submit]'), 'rgb(255, 238, 0)');
    assert.equal((await page.innerText('#converse-login [type=submit]')).trim(), button);
    const seen = await page.locator('a:visible').all();
    const hrefs = await Promise.all(seen.map((link) => link.getAttribute('href')));
    const own = ['/console/tenants/second.localhost/invites', '/console'];
    assert.deepEqual(hrefs, own, 'nothing in sight leads to the vendor');
    await page.setViewportSize({ width: 400, height: 800 });
    await page.waitForSelector(`a[href='${own[0]}']:visible`);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 400);
    await page.setViewportSize({ width: 1200, height: 800 });
    await page.waitForTimeout(fadeMs);
    await page.screenshot({ path: `${shots}brand-${locale}.png` });
    await page.goto(`http://localhost:${skylark.ports.http}/`);
    await page.waitForSelector('.tenant-brand');
    assert.deepEqual([await page.title(), await page.innerText('.tenant-brand')], ['localhost', 'localhost']);
    assert.equal(await page.locator('.tenant-brand img').count(), 0);
    await page.waitForTimeout(fadeMs);
    await page.screenshot({ path: `${shots}plain-${locale}.png` });
    await context.close();
  }
  assert.deepEqual(problems, []);
});

test('a picture that one browser uploads is seen in the other', async () => {
  const juliet = await signIn('juliet@localhost', 'capulet');
  const romeo = await signIn('romeo@localhost', 'montague');
  await openChat(juliet, 'romeo@localhost');
  await openChat(romeo, 'juliet@localhost');
  const shot = await juliet.screenshot();
  await juliet.locator('input.fileupload').last().setInputFiles({ name: 'Balkon (ä).png', mimeType: 'image/png', buffer: shot });
  const picture = romeo.locator("img[src*='/localhost/'][src*='Balkon']").last();
  await picture.waitFor({ timeout: 20_000 });
  await isLoaded(romeo);
  await romeo.screenshot({ path: `${shots}upload.png` });
  const url = (await picture.getAttribute('src'))!;
  assert.ok(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(shot));
  assert.deepEqual(problems, []);
});

test('a newcomer makes an account in the form over HTTPS, finds a contact, and opens a room that it runs', async () => {
  const romeo = await signIn('romeo@localhost', 'montague');
  const paris = await open(browser, `https://localhost:${skylark.ports.https}/`, 'paris', problems);
  await paris.getByText('Create an account').click();
  await paris.fill('input[name=username]', 'paris');
  await paris.fill('input[name=password]', 'county');
  await paris.waitForTimeout(fadeMs);
  await paris.screenshot({ path: `${shots}registration.png` });
  await paris.click('input[value=Register]');
  await paris.waitForSelector('#converse-roster');

  await choose(paris, '#converse-roster', '.add-contact');
  await paris.fill('.modal.show input[name=jid]', 'romeo@localhost');
  await paris.click('.modal.show [type=submit]');
  const request = romeo.locator('li:has(.accept-xmpp-request)', { hasText: 'paris@localhost' });
  await request.locator('converse-dropdown button').click();
  await request.locator('.accept-xmpp-request').click();
  await romeo.locator('.modal.show [type=submit]').click();
  await paris.waitForSelector(".current-xmpp-contact.online [data-jid='romeo@localhost']");

  const room = 'vault@conference.localhost';
  await enter(paris, room, 'paris');
  await say(paris, '/topic The tomb of the Capulets');
  await paris.waitForSelector('text=The tomb of the Capulets');
  await enter(romeo, room, 'romeo');
  await romeo.waitForSelector('text=The tomb of the Capulets');
  await say(romeo, 'Tempt not a desperate man.');
  await paris.waitForSelector('text=Tempt not a desperate man');
  await say(romeo, '/nick montague');
  await paris.waitForSelector('text=montague');
  await paris.screenshot({ path: `${shots}room.png` });
  await say(paris, '/kick montague vile');
  await romeo.waitForSelector('text=You have been kicked from this groupchat');
  await romeo.screenshot({ path: `${shots}kicked.png` });
  assert.deepEqual(problems, []);
});
