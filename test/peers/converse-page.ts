/** Converse.js, as the service itself serves it, in Debian's Chromium. */
import { type Browser, chromium, type Page } from 'playwright-core';

const quietFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const waitMs = 12_000;
/** Dialogs and the first page come slowly into sight. */
export const fadeMs = 700;

/** @param flags of Chromium, beside those that keep it quiet */
export function launchBrowser(flags: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: [...quietFlags, ...flags] });
}

/**
 * @param problems errors of the page and requests that failed are added
 * @param prepare called before the page loads
 */
export async function open(
  browser: Browser,
  url: string,
  who: string,
  problems: string[],
  prepare?: (page: Page) => Promise<void>,
): Promise<Page> {
  // The certificate of a first start is self-signed.
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.setDefaultTimeout(waitMs);
  page.on('pageerror', (error) => problems.push(`${who}: ${error.message}`));
  page.on('requestfailed', (request) => problems.push(`${who}: ${request.url()} ${request.failure()?.errorText}`));
  await prepare?.(page);
  await page.goto(url);
  return page;
}

export async function logIn(page: Page, jid: string, password: string): Promise<void> {
  await page.fill('input[name=jid]', jid);
  await page.fill('input[name=password]', password);
  await page.getByText('Log in', { exact: true }).click();
  await page.waitForSelector('#converse-roster', { timeout: 30_000 });
}

export async function enter(page: Page, room: string, nick: string): Promise<void> {
  await choose(page, '#chatrooms', '.show-add-muc-modal');
  await page.fill('.modal.show input[name=chatroom]', room);
  await page.fill('.modal.show input[name=nickname]', nick);
  await page.click('.modal.show [type=submit]');
  await page.waitForSelector('converse-muc .chat-textarea');
}

/** An item of the menu of a section of the side bar, which opens a dialog. */
export async function choose(page: Page, section: string, item: string): Promise<void> {
  await page.click(`${section} converse-dropdown button`);
  await page.click(`${section} ${item}`);
  await page.waitForSelector('.modal.show form');
  await page.waitForTimeout(fadeMs);
}

export async function openChat(page: Page, jid: string): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#converse/chat?jid=${jid}`);
  await page.waitForSelector('.chat-textarea', { timeout: 20_000 });
}

export async function say(page: Page, text: string): Promise<void> {
  await page.fill('.chat-textarea:visible', text);
  await page.press('.chat-textarea:visible', 'Enter');
}
