/** The pages of invites and of new passwords: whose they look like, what they do, and what they refuse. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Hono } from 'hono';
import { pino } from 'pino';
import { peopleApp } from '../../services/web/people/app.ts';
import { clientsFor, platformOf } from '../../services/web/people/clients.ts';
import en from '../../services/web/people/texts/en.json' with { type: 'json' };
import zh from '../../services/web/people/texts/zh.json' with { type: 'json' };
import { InviteGround, type Made, outcomeOf, tokenOf } from '../router/invite-ground.ts';

const origin = 'https://chat.example';
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');

let ground: InviteGround;
let app: Hono;
beforeEach(async () => {
  ground = await InviteGround.open();
  const { bus, tenants } = ground.stage.dependencies;
  app = peopleApp({ bus, tenants, log: pino({ level: 'silent' }) });
});
afterEach(() => ground.stage.close());

interface Init {
  readonly at?: string;
  readonly address?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly body?: string;
}

async function get(path: string, { at = origin, address = '198.51.100.4', headers = {}, ...rest }: Init = {}) {
  const request = new Request(`${at}${path}`, { ...rest, headers: { host: new URL(at).host, ...headers } });
  const response = await app.fetch(request, { address });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const form = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
const post = (path: string, fields: Readonly<Record<string, string>>, init: Init = {}) =>
  get(path, { ...init, method: 'POST', body: new URLSearchParams(fields).toString(), headers: { ...form, ...init.headers } });
const filled = { username: 'juliet', password: 'secret', again: 'secret' };

test('an invite shows whose it is, how long it is good, its code, and apps for the device', async () => {
  await ground.set({
    brandName: 'House of <Capulet>',
    brandColour: '#ffee00',
    brandBackground: '#330011',
    brandLogo: png.toString('base64'),
  });
  const { path, uri } = await ground.make();
  assert.match(path, /^\/invite\/a\.example\/[0-9a-f]{32}$/);
  const android = { 'user-agent': 'Mozilla/5.0 (Linux; Android 15; Pixel 9)' };
  const { status, text, headers } = await get(path, { headers: android });
  assert.equal(status, 200);
  assert.match(text, /<h1>Join House of &lt;Capulet&gt;<\/h1>/);
  assert.match(text, /<img src="\/people\/a\.example\/logo" alt="">/);
  assert.ok(text.includes(`href="${uri}"`));
  assert.match(text, /<svg class="qr" role="img"/);
  assert.match(text, /Conversations/);
  assert.doesNotMatch(text, /Gajim/);
  assert.doesNotMatch(text, /<script| style="| onclick=/);
  assert.match(headers.get('content-security-policy')!, /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(headers.get('x-frame-options'), 'DENY');
  assert.equal(headers.get('referrer-policy'), 'same-origin');
  assert.equal(headers.get('cache-control'), 'no-store');
  const style = (await get('/people/a.example/brand.css')).text;
  assert.match(style, /--brand: #ffee00;\s+--on-brand: #000000;\s+--banner: #330011;\s+--on-banner: #ffffff;/);
  const logo = await get('/people/a.example/logo');
  assert.equal(logo.headers.get('content-type'), 'image/png');
  assert.equal((await get('/people/b.example/logo')).status, 404);
  assert.equal((await get('/people/c.example/brand.css')).status, 404);
});

describe('the policy refuses a brand', () => {
  for (const [what, change] of [
    ['an SVG as a logo', { brandLogo: svg.toString('base64') }],
    ['a page as a logo', { brandLogo: Buffer.from('<script>').toString('base64') }],
    ['a logo that is too large', { brandLogo: Buffer.concat([png, Buffer.alloc(17_000)]).toString('base64') }],
    ['a logo that is not base64', { brandLogo: '"><script>' }],
    ['a colour that is a rule', { brandColour: '#ffffff;} body { display: none' }],
    ['a name that is too long', { brandName: 'x'.repeat(81) }],
    ['an address that is a script', { webUrl: 'javascript:alert(1)' }],
    ['an address with a path', { webUrl: 'https://chat.example/path' }],
    ['a registration page that is a script', { registrationUrl: 'javascript:alert(1)' }],
  ] as const)
    test(what, async () => {
      const { ok, refusal } = await ground.ask('tenant-set', { domain: 'a.example', ...change });
      assert.deepEqual([ok, refusal], [false, 'invalid']);
    });
});

test('an account is made in the browser, and signs in', async () => {
  const { path } = await ground.make();
  const { status, text } = await post(path, filled);
  assert.equal(status, 200);
  assert.match(text, /<p class="address" id="address">juliet@a\.example<\/p>/);
  assert.deepEqual(await ground.users(), ['juliet@a.example']);
  assert.equal((await post(path, { ...filled, username: 'romeo' })).status, 404);
  assert.deepEqual(await ground.users(), ['juliet@a.example']);
  assert.deepEqual(await ground.users('b.example'), []);
});

test('what was filled in wrongly is shown again, without the password', async () => {
  const { path } = await ground.make();
  await ground.operate('user-add', { jid: 'taken@a.example', password: 'x' });
  for (const [fields, error] of [
    [{ ...filled, again: 'other' }, /The two passwords are not the same/],
    [{ ...filled, username: '' }, /This name cannot be used/],
    [{ ...filled, username: 'admin' }, /This name cannot be used/],
    [{ ...filled, username: 'taken' }, /This name is taken/],
    [{ username: 'juliet', password: '', again: '' }, /This password cannot be used/],
    [{ username: 'juliet', password: '\u0007', again: '\u0007' }, /This password cannot be used/],
  ] as const) {
    const { status, text } = await post(path, fields);
    assert.equal(status, 400, JSON.stringify(fields));
    assert.match(text, error);
    assert.doesNotMatch(text, /value="secret"/);
  }
  const evil = '"><script>alert(1)</script>';
  const { text } = await post(path, { ...filled, username: evil });
  assert.doesNotMatch(text, /<script>/);
  assert.match(text, /&lt;script&gt;/);
  assert.equal((await post(path, filled)).status, 200);
});

test('guessed, expired, used, revoked and another tenant’s invites look alike, and say nothing of the tenant', async () => {
  await ground.set({ brandName: 'House of Capulet' });
  const { clock } = ground.stage.dependencies;
  const used = await ground.make();
  await post(used.path, filled);
  const revoked = await ground.make();
  await ground.operate('invite-revoke', { domain: 'a.example', id: revoked.id });
  const expired = await ground.make({ days: 1 });
  const others = await ground.make({ domain: 'b.example' });
  clock.observe(clock.now() + 24 * 60 * 60 * 1_000 + 1);
  const pages = [
    ...[used, revoked, expired].map(({ path }) => path),
    `/invite/a.example/${tokenOf(others.uri)}`,
    `/invite/a.example/${'0'.repeat(32)}`,
    `/invite/nowhere.example/${'0'.repeat(32)}`,
    `/invite/a.example/${encodeURIComponent('<script>')}`,
    `/reset/a.example/${'0'.repeat(32)}`,
  ];
  const shown = await Promise.all(pages.map((path) => get(path)));
  assert.deepEqual(new Set(shown.map(({ status }) => status)), new Set([404]));
  assert.equal(new Set(shown.map(({ text }) => text)).size, 1);
  assert.doesNotMatch(shown[0]!.text, /Capulet|a\.example/);
});

test('who guesses is slowed down', async () => {
  const statuses: number[] = [];
  for (let tries = 0; tries <= 60; tries++)
    statuses.push((await get(`/invite/a.example/${tries}`, { address: '203.0.113.8' })).status);
  assert.deepEqual([statuses.at(0), statuses.at(-1)], [404, 429]);
});

test('a form that another site has sent does nothing, nor one over http from elsewhere', async () => {
  const { path } = await ground.make();
  for (const [what, init] of [
    ['cross-site', { headers: { 'sec-fetch-site': 'cross-site' } }],
    ['same-site', { headers: { 'sec-fetch-site': 'same-site' } }],
    ['over http', { at: 'http://chat.example' }],
  ] as const) {
    const { status } = await post(path, filled, init);
    assert.equal(status, 403, what);
  }
  const bare = { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example' };
  assert.equal((await get(path, { method: 'POST', body: new URLSearchParams(filled).toString(), headers: bare })).status, 403);
  const json = { ...form, 'content-type': 'text/plain' };
  assert.equal((await get(path, { method: 'POST', body: 'x', headers: json })).status, 400);
  assert.equal((await post(path, { ...filled, padding: 'x'.repeat(20_000) })).status, 400);
  assert.match((await get(path, { at: 'http://chat.example' })).text, /opened over https/);
  assert.match((await get(path, { at: 'http://localhost:5280', address: '127.0.0.1' })).text, /name="password"/);
  assert.deepEqual(await ground.users(), []);
});

describe('a new password by a link', () => {
  const link = async () => (await ground.operate<Made>('user-reset', { jid: 'juliet@a.example' })).path;
  beforeEach(async () => {
    for (const domain of ['a.example', 'b.example'])
      await ground.operate('user-add', { jid: `juliet@${domain}`, password: 'secret' });
  });

  test('is set once, and ends every session', async () => {
    const juliet = await ground.stage.join('juliet@a.example/balcony');
    const path = await link();
    assert.match((await get(path)).text, /Choose a new password for juliet@a\.example/);
    const fields = { password: 'after', again: 'after' };
    const outcomes = await Promise.all([post(path, fields), post(path, fields), post(path, fields)]);
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), [200, 404, 404]);
    await juliet.until(
      () => juliet.closed !== undefined,
      () => 'is still there',
    );
    assert.equal((await get(path)).status, 404);
    const signIn = async (password: string, domain = 'a.example') => {
      const newcomer = ground.stage.newcomer(domain);
      await newcomer.open();
      const data = Buffer.from(`\0juliet\0${password}`).toString('base64');
      return newcomer.asks(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${data}</auth>`);
    };
    assert.match(await signIn('after'), /<success/);
    assert.match(await signIn('secret'), /<failure/);
    assert.match(await signIn('secret', 'b.example'), /<success/);
  });

  test('is not set by a link from before another new password, nor after the account', async () => {
    const before = await link();
    await ground.operate('user-password', { jid: 'juliet@a.example', password: 'between' });
    assert.equal((await get(before)).status, 404);
    const path = await link();
    assert.equal((await post(path, { password: 'a', again: 'b' })).status, 400);
    assert.equal((await post(path, { password: '', again: '' })).status, 400);
    assert.equal((await get(path)).status, 200);
    await ground.operate('user-remove', { jid: 'juliet@a.example', waitMs: 10_000, again: false });
    assert.equal((await get(path)).status, 404);
    await ground.operate('user-add', { jid: 'juliet@a.example', password: 'another' });
    assert.equal((await get(path)).status, 404);
  });
});

test('the languages have the same texts, and a browser is answered in its own', async () => {
  const keys = (tree: object, path = ''): string[] =>
    Object.entries(tree).flatMap(([name, value]) =>
      typeof value === 'string'
        ? [`${path}${name} ${(value.match(/\{\w+\}/g) ?? []).toSorted().join()}`]
        : keys(value as object, `${path}${name}.`),
    );
  assert.deepEqual(keys(zh), keys(en));
  const { path } = await ground.make();
  assert.match(
    (await get(path, { headers: { 'accept-language': 'zh-CN,zh;q=0.9' } })).text,
    /<html lang="zh">[\s\S]*加入 a\.example/,
  );
  assert.match((await get(`${path}?lang=en`, { headers: { 'accept-language': 'zh' } })).text, /Join a\.example/);
  assert.match((await get(path, { headers: { 'accept-language': 'xx' } })).text, /<html lang="en">/);
});

test('apps are those for the system that the browser names', () => {
  for (const [agent, platform] of [
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 'ios'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 'macos'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'windows'],
    ['Mozilla/5.0 (X11; Linux x86_64)', 'linux'],
    ['Mozilla/5.0 (Linux; Android 15)', 'android'],
    ['curl/8', undefined],
  ] as const)
    assert.equal(platformOf(agent), platform, agent);
  assert.ok(clientsFor(undefined).length > clientsFor('ios').length);
});

test('a token of an invite opens no other kind of link', async () => {
  const { uri } = await ground.make();
  assert.equal((await get(`/reset/a.example/${tokenOf(uri)}`)).status, 404);
  assert.equal(outcomeOf((await ground.show(tokenOf(uri))).answer), 'result');
});
