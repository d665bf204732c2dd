/** Who gets into the console, and what other sites cannot do with the browser of somebody who is in. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Browser, type Ground, openGround } from './ground.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(() => ground.close());

describe('the way in', () => {
  test('by a link, which is not used up by looking at it, works once, and makes a __Host- cookie that scripts cannot read', async () => {
    const path = await ground.link();
    const browser = ground.browser();
    for (let times = 0; times < 2; times++) assert.match((await browser.get(path)).text, /Open the console/);
    const link = path.split('/').at(-1)!;
    const entered = await browser.post('/console/enter', { link });
    assert.deepEqual([entered.status, entered.headers.get('location')], [303, '/console']);
    assert.match(
      entered.headers.getSetCookie().join(),
      /^__Host-skylark-console=[\w-]{43}; Max-Age=43\d{3}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    assert.match((await browser.get('/console')).text, /Whole deployment/);
    const second = await ground.browser().post('/console/enter', { link });
    assert.equal(second.status, 403);
    assert.match(second.text, /has been used, or its time is over/);
  });

  test('by the password of an admin, and says the same whatever is wrong', async () => {
    const page = (await (await ground.admin('a.example')).get('/console')).text;
    assert.match(page, /nurse@a\.example/);
    await ground.stage.addAccount('juliet@a.example');
    const told = [];
    for (const [jid, password] of [
      ['nurse@a.example', 'wrong'],
      ['juliet@a.example', 'secret'],
      ['nobody@a.example', 'secret'],
      ['nurse@c.example', 'secret'],
    ] as const) {
      const { status, text } = await ground.browser().post('/console/enter', { jid, password });
      told.push([status, /role="alert">([^<]+)/.exec(text)?.[1]]);
    }
    assert.equal(new Set(told.map(String)).size, 1, told.join('\n'));
    assert.equal(told[0]?.[0], 403);
  });

  test('is closed to http from elsewhere, and open to it on the machine itself with a cookie that http can have', async () => {
    const http = { at: 'http://localhost:5280' };
    const far = await ground.browser().post('/console/enter', { jid: 'nurse@a.example', password: 'secret' }, http);
    assert.deepEqual([far.status, far.headers.getSetCookie()], [403, []]);
    assert.doesNotMatch((await ground.browser().get('/console', http)).text, /type="password"/);
    const near = { ...http, address: '127.0.0.1' };
    const browser = ground.browser();
    const entered = await browser.post('/console/enter', { jid: 'nurse@a.example', password: 'secret' }, near);
    assert.match(
      entered.headers.getSetCookie().join(),
      /^skylark-console=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    assert.equal((await browser.get('/console', near)).status, 200);
    assert.match(
      (await browser.get('/console', { address: '127.0.0.1' })).text,
      /Sign in/,
      'over https only the other cookie counts',
    );
  });

  test('ends with signing out, with the role, and with the password', async () => {
    const [one, two, three] = [await ground.admin('a.example'), await ground.admin('a.example'), await ground.admin('b.example')];
    assert.equal((await one.post('/console/leave', { _csrf: await one.csrf() })).status, 303);
    assert.equal(one.cookies.size, 0);
    assert.equal((await two.get('/console/tenants/a.example')).status, 200);
    await ground.operate('user-role', { jid: 'nurse@a.example', role: 'none' });
    const after = await two.get('/console/tenants/a.example');
    assert.equal(after.status, 401);
    assert.match(after.text, /The session has ended/);
    await ground.operate('user-password', { jid: 'nurse@b.example', password: 'secret' });
    assert.equal((await three.get('/console/tenants/b.example')).status, 401);
  });

  test('leads to the page that was asked for, in either language, and to no other site', async () => {
    const browser = ground.browser();
    const invites = '/console/tenants/a.example/invites';
    const { status, text } = await browser.get(`${invites}?after=x`);
    assert.equal(status, 401);
    assert.match(text, /name="_back" value="\/console\/tenants\/a\.example\/invites\?after=x"/);
    assert.match(text, /href="\/console\/language\/zh\?back=%2Fconsole%2Ftenants%2Fa\.example%2Finvites%3Fafter%3Dx"/);
    const at = async (path: string) => (await browser.get(path)).headers.get('location');
    assert.equal(await at(`/console/language/en?back=${encodeURIComponent(invites)}`), invites);
    const me = { jid: 'nurse@a.example', password: 'secret' };
    const wrong = await browser.post('/console/enter', { ...me, password: 'wrong', _back: invites });
    assert.match(wrong.text, new RegExp(`name="_back" value="${invites}"`));
    assert.equal((await browser.post('/console/enter', { ...me, _back: invites })).headers.get('location'), invites);
    for (const elsewhere of [
      'https://evil.example/console',
      '//evil.example/console',
      '/api/',
      '/console/../api',
      '/consoles',
      '\\\\evil.example',
      '',
    ]) {
      assert.equal(
        (await browser.post('/console/enter', { ...me, _back: elsewhere })).headers.get('location'),
        '/console',
        elsewhere,
      );
      assert.equal(await at(`/console/language/en?back=${encodeURIComponent(elsewhere)}`), '/console', elsewhere);
    }
  });

  test('bounds who has no session', async () => {
    const browser = ground.browser();
    let status = 0;
    for (let at = 0; at < 100 && status !== 429; at++) ({ status } = await browser.get('/console/tenants'));
    assert.equal(status, 429);
    assert.equal((await ground.browser().get('/console', { address: '198.51.100.1' })).status, 200);
  });
});

describe('another site', () => {
  let admin: Browser;
  let csrf: string;
  beforeEach(async () => {
    admin = await ground.admin('a.example');
    csrf = await admin.csrf();
  });
  const add = { jid: 'eve@a.example', password: 'x' };
  const users = async () => (await ground.operate<{ users: string[] }>('user-list', { domain: 'a.example' })).users;

  for (const [what, fields, headers] of [
    ['without the token of the session', {}, {}],
    ['with a token of another session', { _csrf: 'x'.repeat(43) }, {}],
    ['as the browser says', { _csrf: '' }, { 'sec-fetch-site': 'cross-site' }],
    ['of the same owner', { _csrf: '' }, { 'sec-fetch-site': 'same-site' }],
    ['with another origin', { _csrf: '' }, { 'sec-fetch-site': '', origin: 'https://evil.example' }],
    ['with no origin', { _csrf: '' }, { 'sec-fetch-site': '', origin: 'null' }],
    ['with JSON', { _csrf: '' }, { 'content-type': 'text/plain' }],
  ] as const)
    test(`changes nothing ${what}`, async () => {
      const given: Record<string, string> = '_csrf' in fields && fields._csrf === '' ? { _csrf: csrf } : { ...fields };
      const { 'sec-fetch-site': site = 'same-origin', ...others } = headers as Readonly<Record<string, string>>;
      const sent = site === '' ? others : { ...others, 'sec-fetch-site': site };
      const init = { headers: sent };
      const answer =
        site === ''
          ? await admin.get('/console/do/user-add', {
              method: 'POST',
              body: new URLSearchParams({ ...add, ...given }).toString(),
              headers: { 'content-type': 'application/x-www-form-urlencoded', ...sent },
            })
          : await admin.post('/console/do/user-add', { ...add, ...given }, init);
      assert.ok([400, 403].includes(answer.status), `${answer.status}`);
      assert.ok(!(await users()).includes('eve@a.example'));
    });

  test('signs nobody in', async () => {
    const elsewhere = { headers: { 'sec-fetch-site': 'cross-site' } };
    const { status, headers } = await ground
      .browser()
      .post('/console/enter', { jid: 'nurse@b.example', password: 'secret' }, elsewhere);
    assert.deepEqual([status, headers.getSetCookie()], [403, []]);
  });

  test('cannot frame a page, load a script into it, or have a form of it sent elsewhere', async () => {
    for (const path of [
      '/console',
      '/console/tenants/a.example',
      '/console/do/user-add',
      '/console/nowhere',
      '/console/assets/console.js',
    ]) {
      const { headers } = await admin.get(path);
      const policy = headers.get('content-security-policy') ?? '';
      for (const part of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
      ])
        assert.ok(policy.split('; ').includes(part), `${path}: ${policy}`);
      assert.doesNotMatch(policy, /unsafe|\*/);
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
    }
    assert.equal((await admin.get('/console')).headers.get('cache-control'), 'no-store');
  });

  test('gets nobody to go there afterwards', async () => {
    for (const back of [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      'javascript:alert(1)',
      '/console/../evil',
      '/consolation',
    ])
      assert.equal(
        (await admin.post('/console/do/user-enable', { _csrf: csrf, _back: back, jid: 'nurse@a.example' })).headers.get(
          'location',
        ),
        '/console?done=user-enable',
        back,
      );
  });
});
