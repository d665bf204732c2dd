/** The web client looks like the tenant under whose name it is opened, and like no other. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { Hono } from 'hono';
import pino from 'pino';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { webApp } from '../../services/web/app.ts';

const hostile = `</title><script>alert(1)</script>"'\\\u2028\${alert(1)}`;
const png = (end: string) => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(end)]).toString('base64');
const brands = {
  'a.example': { brandName: 'House of Capulet', brandColour: '#ffee00', brandBackground: '#330011', brandLogo: png('a') },
  'b.example': { brandName: hostile, brandColour: '#001122', brandBackground: '#ddeeff', brandLogo: png('b') },
} as const;
type Domain = keyof typeof brands;
const other = { 'a.example': 'b.example', 'b.example': 'a.example' } as const;

const folder = mkdtempSync(join(tmpdir(), 'skylark-brand-'));
let store: Store;
let tenants: Tenants;

before(async () => {
  store = await openSqliteStore(folder, { clock: systemClock });
  tenants = new Tenants(store, systemClock);
  const registrationUrl = 'https://join.example/people';
  await tenants.add('a.example', { ...brands['a.example'], registration: 'web', registrationUrl });
  await tenants.add('b.example', { ...brands['b.example'], registration: 'closed', registrationUrl });
  await tenants.add('plain.example', { registration: 'open' });
  await tenants.add('silent.example', { registration: 'closed', invites: 'nobody' });
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function get(url: string, headers: Readonly<Record<string, string>> = {}, console_?: Hono): Promise<Response> {
  const log = pino({ level: 'silent' });
  return webApp({ tenants, log, defaultDomain: 'not.added.example', clientFolder: folder, console: console_ }).request(url, {
    headers,
  });
}

interface Started {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly brand: { readonly name: string; readonly logo?: string };
  readonly links: readonly { readonly href: string; readonly text: string }[];
  readonly elements: readonly string[];
}

/** Runs the script as a browser would, and tells what it has set. */
async function start(domain: string, headers: Readonly<Record<string, string>> = {}, console_?: Hono): Promise<Started> {
  const elements: string[] = [];
  const page = createContext({
    HTMLElement: class {},
    customElements: { define: (name: string) => elements.push(name) },
    location: { protocol: 'https:', host: domain },
    converse: { initialize() {} },
    alert: () => assert.fail('the brand was run'),
  });
  const script = await (await get(`https://${domain}/client.js`, headers, console_)).text();
  const told = runInContext(`${script}\nJSON.stringify({ settings, brand, links })`, page) as string;
  return { ...(JSON.parse(told) as Omit<Started, 'elements'>), elements };
}

describe('each tenant has its own brand and nothing of the other’s', () => {
  for (const domain of Object.keys(brands) as Domain[])
    test(domain, async () => {
      const { brandName, brandColour, brandBackground, brandLogo } = brands[domain];
      const { brand, elements } = await start(domain);
      assert.deepEqual(brand, { name: brandName, logo: `data:image/png;base64,${brandLogo}` });
      assert.deepEqual(elements, ['converse-controlbox-navbar', 'converse-brand-logo', 'converse-footer']);
      const style = await (await get(`https://${domain}/client.css`)).text();
      assert.ok(style.includes(`--brand: ${brandColour};`) && style.includes(`--banner: ${brandBackground};`));
      const all = await Promise.all(
        ['/', '/client.js', '/client.css'].map(async (path) => (await get(`https://${domain}${path}`)).text()),
      );
      assert.ok(all[0]!.includes(brandLogo) && all[1]!.includes(brandLogo));
      const theirs = brands[other[domain]];
      for (const value of [...Object.values(theirs), JSON.stringify(theirs.brandName).slice(1, -1), other[domain]])
        for (const said of all) assert.ok(!said.includes(value), `${domain} says ${value}`);
    });
});

test('a name that is a script is only text, on the page and in its script', async () => {
  const page = await get('https://b.example/');
  const text = await page.text();
  assert.equal(text.match(/<script/g)!.length, 2);
  assert.match(text, /<title>&lt;\/title&gt;&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;&#39;/);
  assert.doesNotMatch(text, / style="|<style| onclick=/);
  assert.match(page.headers.get('content-security-policy')!, /default-src 'self'; script-src 'self' 'wasm-unsafe-eval';/);
  assert.equal((await start('b.example')).brand.name, hostile);
});

test('without a brand, and without a tenant, the name is the domain and the colours are our own', async () => {
  for (const [host, domain] of [
    ['plain.example', 'plain.example'],
    ['elsewhere.example', 'not.added.example'],
  ] as const) {
    assert.match(await (await get(`https://${host}/`)).text(), new RegExp(`<title>${domain}</title>`));
    assert.deepEqual((await start(host)).brand, { name: domain });
    assert.match(await (await get(`https://${host}/client.css`)).text(), /--brand: #1f5fd0;/);
  }
});

test('the language is what the browser asks for, on the page and in the client', async () => {
  for (const [accept, language, translation, text] of [
    ['zh-CN,zh;q=0.9', 'zh', 'zh_CN', '创建账号'],
    ['en-GB,en', 'en', 'en', 'Make an account'],
    ['xx', 'en', 'en', 'Make an account'],
  ] as const) {
    const headers = { 'accept-language': accept };
    const page = await get('https://a.example/', headers);
    assert.match(await page.text(), new RegExp(`<html lang="${language}">`));
    assert.equal(page.headers.get('vary'), 'Accept-Language');
    const { settings, links } = await start('a.example', headers);
    assert.deepEqual([settings.i18n, links[0]?.text], [translation, text]);
  }
});

test('the page of registration is linked where accounts are made there, invites and the console where they are served', async () => {
  const hrefs = async (domain: string, console_?: Hono) => (await start(domain, {}, console_)).links.map(({ href }) => href);
  const served = new Hono();
  assert.deepEqual(await hrefs('a.example'), ['https://join.example/people']);
  assert.deepEqual(await hrefs('a.example', served), [
    'https://join.example/people',
    '/console/tenants/a.example/invites',
    '/console',
  ]);
  assert.deepEqual(await hrefs('b.example'), []);
  assert.deepEqual(await hrefs('b.example', served), ['/console/tenants/b.example/invites', '/console']);
  assert.deepEqual(await hrefs('silent.example', served), ['/console'], 'nobody may invite');
  assert.deepEqual(await hrefs('elsewhere.example', served), ['/console'], 'no tenant');
  assert.equal((await start('plain.example')).settings.allow_registration, true);
});
