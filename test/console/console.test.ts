/** What each may see and change in the console, and that all of it comes from the one list of operations. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { appendAudit } from '../../lib/runtime/audit.ts';
import { dropOldAudit } from '../../lib/runtime/audit-retention.ts';
import { policyKeys } from '../../lib/runtime/policy/tenant-policy.ts';
import { isTenantRight, rightsOf } from '../../lib/runtime/rights.ts';
import { updateSessions } from '../../lib/runtime/sessions.ts';
import { fieldsOf } from '../../services/console/core/fields.ts';
import { Texts } from '../../services/console/core/texts.ts';
import { commandsOf } from '../../services/router/operations/commands.ts';
import { operations } from '../../services/router/operations/index.ts';
import { operation } from '../../services/router/operations/operation.ts';
import { furtherCommands } from '../../services/router/operations/xep0133-forms.ts';
import { peopleCommands } from '../../services/router/operations/xep0133-people.ts';
import { make } from '../federation/proof-certificates.ts';
import { type Ground, openGround, origin } from './ground.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(() => ground.close());

test('what others have written is shown and never runs: nicks, reasons, names, devices, addresses', async () => {
  const operator = await ground.operator();
  const evil = '<img src=x onerror=alert(1)>"\'';
  const { token } = await ground.operate<{ token: string }>('key-add', { name: evil });
  assert.ok(token);
  await ground.stage.addAccount('juliet@a.example');
  const entry = { node: 'n.stage.1', sid: 's', resource: '<script>alert(1)</script>', boundAt: 0, available: true, priority: 0 };
  await updateSessions(ground.stage.dependencies.store, { domain: 'a.example', local: 'juliet' }, () => [entry]);
  await operator.does('room-destroy', { domain: 'a.example', room: evil, reason: evil });
  const pages = [
    '/console/keys',
    '/console/tenants/a.example/accounts/juliet',
    '/console/tenants/a.example/audit',
    `/console/tenants/a.example/accounts?q=${encodeURIComponent(evil)}`,
    `/console/tenants/${encodeURIComponent(evil)}`,
    `/console/tenants/a.example/dns?target=${encodeURIComponent(evil)}`,
    `/console/do/room-destroy?domain=a.example&room=${encodeURIComponent(evil)}&reason=${encodeURIComponent(evil)}`,
    `/console?done=${encodeURIComponent(evil)}`,
    `/console/enter/${encodeURIComponent(evil)}`,
  ];
  let seen = 0;
  for (const path of pages) {
    const { text } = await operator.get(path);
    assert.doesNotMatch(text, /<img src=x|<script>alert/, path);
    seen += text.includes('&lt;img src=x') || text.includes('&lt;script&gt;alert') ? 1 : 0;
  }
  assert.ok(seen >= 5, `${seen} pages show it`);
});

describe('an admin of one tenant', () => {
  test('sees no page of another tenant or of the deployment', async () => {
    const admin = await ground.admin('a.example');
    for (const path of [
      '/tenants',
      '/peers',
      '/nodes',
      '/keys',
      '/audit',
      '/live',
      ...['', '/accounts', '/accounts/nurse', '/rooms', '/dns', '/components', '/peers', '/audit', '/doctor'].map(
        (page) => `/tenants/b.example${page}`,
      ),
    ]) {
      const { status, text } = await admin.get(`/console${path}`);
      assert.ok([403, 404].includes(status), `${path}: ${status}`);
      assert.doesNotMatch(text, /nurse@b\.example/, path);
    }
    for (const path of ['', '/accounts', '/accounts/nurse', '/rooms', '/dns', '/components', '/peers', '/audit'])
      assert.equal((await admin.get(`/console/tenants/a.example${path}`)).status, 200, path);
  });

  test('does nothing to another tenant or to the deployment, whatever the form names', async () => {
    const admin = await ground.admin('a.example');
    const fields = {
      ...{ domain: 'b.example', jid: 'nurse@b.example', password: 'x', role: 'none', room: 'hall', session: 'x', device: 'x' },
      ...{ component: 'irc.b.example', peer: 'c.example', registration: 'open', name: 'key', id: 'x', node: 'x' },
    };
    const before = JSON.stringify(await state());
    for (const { name } of operations) {
      const { status } = await admin.does(name, fields);
      assert.ok([400, 403, 404].includes(status), `${name}: ${status}`);
    }
    assert.equal(JSON.stringify(await state()), before);
  });

  const state = () =>
    Promise.all([
      ground.operate('tenant-show', { domain: 'b.example' }),
      ground.operate('user-list', { domain: 'b.example' }),
      ground.operate('user-show', { jid: 'nurse@b.example' }),
      ground.operate('audit-tenant-list', { domain: 'b.example' }),
      ground.operate('key-list', {}),
      ground.operate('tenant-list', {}),
    ]);
});

test('what is done stands in the audit log with who did it and from where', async () => {
  const admin = await ground.admin('a.example');
  const done = await admin.does('user-add', { jid: 'anna', _suffix_jid: '@a.example', password: 'secret word' });
  assert.equal(done.headers.get('location'), '/console?done=user-add');
  assert.match((await admin.get('/console?done=user-add')).text, /role="status"><strong>Done\./);
  const { entries } = await ground.operate<{ entries: Record<string, unknown>[] }>('audit-tenant-list', { domain: 'a.example' });
  assert.deepEqual(
    entries.slice(-2).map(({ by, address, operation, input, outcome }) => ({ by, address, operation, input, outcome })),
    ['begun', 'done'].map((outcome) => ({
      ...{ by: 'nurse@a.example', address: '192.0.2.7', operation: 'user-add', input: { jid: 'anna@a.example' }, outcome },
    })),
  );
});

test('the page of the log says which old entries were deleted, and that the rest is whole', async () => {
  const { store, clock } = ground.stage.dependencies;
  const facts = { by: 'operator', operation: 'motd-set', input: {}, outcome: 'done' };
  const { entries } = await ground.operate<{ entries: unknown[] }>('audit-tenant-list', { domain: 'a.example' });
  for (let count = 0; count < 3; count++) await appendAudit({ store, clock }, 'a.example', facts);
  await dropOldAudit(store, 'a.example', clock.now() + 1);
  const admin = await ground.admin('a.example');
  const { text } = await admin.get('/console/tenants/a.example/audit');
  assert.match(text, new RegExp(`Entries up to number ${entries.length + 2} of .* were deleted after their time`));
  assert.match(text, /The chain of entries on this page is whole/);
});

test('the list of accounts shows the role of each, and when it was last seen, by one question', async () => {
  const admin = await ground.admin('a.example');
  await ground.stage.addAccount('anna@a.example');
  const entry = { node: 'n.stage.1', sid: 's', resource: 'here', boundAt: Date.UTC(2026, 0, 2), available: true, priority: 0 };
  await updateSessions(ground.stage.dependencies.store, { domain: 'a.example', local: 'anna' }, () => [entry]);
  const { text } = await admin.get('/console/tenants/a.example/accounts');
  assert.match(text.slice(text.indexOf('>anna@a.example<')), /^>anna@a\.example<[\s\S]*?>none<[\s\S]*?(?:2 Jan|Jan 2,) 2026/);
  assert.match(text, />nurse@a\.example<[\s\S]*?admin/i);
});

test('what was filled in wrongly is shown again with the reason, without the password', async () => {
  const admin = await ground.admin('a.example');
  const { status, text } = await admin.does('user-add', { jid: 'not an address', password: 'secret word' });
  assert.equal(status, 400);
  assert.match(text, /role="alert">&#39;not an address&#39; is not the address of an account/);
  assert.match(text, /value="not an address"/);
  assert.doesNotMatch(text, /secret word/);
});

test('a page of 10^9, a changed cursor, a body of a megabyte and an unknown operation are refused and harm nothing', async () => {
  const operator = await ground.operator();
  for (const path of [
    '/audit?after=1000000000',
    '/audit?after=999999999999999',
    '/audit?after=-1',
    '/tenants?after=%00',
    '/tenants/a.example/accounts?after=%F0%9F%98%80',
  ])
    assert.ok([200, 400].includes((await operator.get(`/console${path}`)).status), path);
  assert.equal((await operator.does('tenant-add', { domain: 'x'.repeat(1_000_000) })).status, 400);
  assert.equal((await operator.does('tenant-launch', {})).status, 404);
  assert.equal((await operator.does('console-link', {})).status, 404);
  assert.equal((await operator.does('certificate-put', {})).status, 404);
});

test('a certificate of several lines is filled in, shown and sent again as it is, although browsers end lines with CR and LF', async () => {
  const operator = await ground.operator();
  const pem = (await make('CN=Ours', { ca: -1 })).certificate.toString('pem').trim();
  const page = async () => (await operator.get('/console/tenants/a.example')).text;
  const versionIn = (text: string) => /name="policyVersion" value="(\d+)"/.exec(text)![1]!;
  const set = async (certificateCa: string) => {
    const policyVersion = versionIn(await page());
    return (await operator.does('tenant-set', { domain: 'a.example', policyVersion, certificateCa })).status;
  };
  assert.equal(await set(pem.replaceAll('\n', '\r\n')), 303);
  const [, shown = ''] = /<textarea [^>]*name="certificateCa"[^>]*>([^<]*)</.exec(await page()) ?? [];
  assert.equal(shown, pem);
  assert.equal(await set(shown.replaceAll('\n', '\r\n')), 303);
  assert.notEqual(await set('not a certificate'), 303);
});

test('a policy is changed by its form, and the whole of it is in the form', async () => {
  const operator = await ground.operator();
  const { text } = await operator.get('/console/tenants/a.example');
  for (const key of Object.keys(policyKeys)) assert.match(text, new RegExp(`name="${key}"`), key);
  const version = /name="policyVersion" value="(\d+)"/.exec(text)![1]!;
  const saved = await operator.does('tenant-set', {
    domain: 'a.example',
    policyVersion: version,
    federation: 'listed',
    allow: 'c.example\nd.example',
    block: '',
  });
  assert.equal(saved.status, 303);
  const { policy } = await ground.operate<{ policy: Record<string, unknown> }>('tenant-show', { domain: 'a.example' });
  assert.deepEqual([policy.federation, policy.allow, policy.block], ['listed', ['c.example', 'd.example'], []]);
  assert.equal(
    (await operator.does('tenant-set', { domain: 'a.example', policyVersion: version, federation: 'open' })).status,
    409,
  );
  assert.notEqual(
    (await ground.operate<{ policy: Record<string, unknown> }>('tenant-show', { domain: 'b.example' })).policy.federation,
    'listed',
  );
});

test('a new key is shown once', async () => {
  const operator = await ground.operator();
  const { status, text } = await operator.does('key-add', { name: 'billing', access: 'read' });
  assert.equal(status, 200);
  const [token] = /sk_[\w-]+/.exec(text) ?? [];
  assert.ok(token);
  assert.ok(!(await operator.get('/console/keys')).text.includes(token));
});

test('accounts are found by how their names begin', async () => {
  const operator = await ground.operator();
  for (const name of ['anna', 'annabel', 'bert']) await ground.stage.addAccount(`${name}@a.example`);
  const found = async (query: string) => {
    const { text } = await operator.get(`/console/tenants/a.example/accounts?q=${query}`);
    return [...text.matchAll(/<th scope="row"><a [^>]*>([^<]+)</g)].map(([, jid]) => jid);
  };
  assert.deepEqual(await found('Anna'), ['anna@a.example', 'annabel@a.example']);
  assert.deepEqual(await found('annab'), ['annabel@a.example']);
  assert.deepEqual(await found('x'), []);
});

describe('the list of operations is the only one', () => {
  test('the console, the API, ad-hoc commands and the command line offer what it has', async () => {
    const operator = await ground.operator();
    const { text } = await operator.get('/console/operations');
    const offered = [...text.matchAll(/\/console\/do\/([a-z-]+)\?/g)].map(([, name]) => name!);
    const routed = operations.filter(({ http }) => !('whyNone' in http));
    const mayDo = ({ right }: (typeof routed)[number]) => rightsOf({ role: 'deployment-owner' }).includes(right);
    assert.deepEqual(
      offered.sort(),
      routed
        .filter(mayDo)
        .map(({ name }) => name)
        .sort(),
    );
    const ofTenants = routed.filter(({ right }) => isTenantRight(right));
    assert.equal(commandsOf(operations).length, ofTenants.length + furtherCommands.size + peopleCommands.length);
    for (const { name, input, http } of routed.filter(mayDo)) {
      const version = 'version' in http ? http.version : undefined;
      const isFilledIn = (one: string) => !['waitMs', 'again', version].includes(one);
      const { status, text: form } = await operator.get(`/console/do/${name}`);
      assert.equal(status, 200, name);
      for (const field of Object.keys((input as z.ZodObject).shape).filter(isFilledIn))
        assert.match(form, new RegExp(`name="${field}"`), `${name}: ${field}`);
    }
    const admin = await (await ground.admin('a.example')).get('/console/operations');
    const own = [...admin.text.matchAll(/\/console\/do\/([a-z-]+)\?/g)].map(([, name]) => name!);
    assert.deepEqual(
      own.sort(),
      routed
        .filter(({ right }) => rightsOf({ role: 'admin' }).includes(right))
        .map(({ name }) => name)
        .sort(),
    );
  });

  test('a new operation has a form without a line of the console', async () => {
    const more = operation({
      name: 'word-echo',
      input: z.strictObject({
        domain: z.string(),
        loudWord: z.string().describe('what is said'),
        times: z.number().int().min(1).max(5).default(2),
        mood: z.enum(['calm', 'loud']).optional(),
        isSung: z.boolean().optional(),
        lines: z.array(z.string()).optional(),
      }),
      output: z.object({ words: z.string() }),
      right: 'tenant.see',
      isRepeatable: true,
      help: 'Says a word again.',
      commands: { whyNone: 'it serves this test only' },
      http: { method: 'post', path: '/tenants/{domain}/echo' },
      run: async () => ({ words: '' }),
    });
    const kinds = fieldsOf(more, new Texts('zh')).map(({ name, label, kind, hint, isRequired }) => [
      name,
      label,
      kind,
      hint,
      isRequired,
    ]);
    assert.deepEqual(kinds, [
      ['domain', '域名', 'text', '例如 example.org', true],
      ['loudWord', 'Loud word', 'text', 'What is said', true],
      ['times', 'Times', 'number', undefined, false],
      ['mood', 'Mood', 'choice', undefined, false],
      ['isSung', 'Is sung', 'flag', undefined, false],
      ['lines', 'Lines', 'lines', undefined, false],
    ]);
    await ground.close();
    ground = await openGround({ list: [...operations, more] });
    const operator = await ground.operator();
    const { text } = await operator.get('/console/do/word-echo');
    assert.match(text, /Says a word again/);
    assert.match(text, /<option value="loud">/);
  });
});

describe('languages', () => {
  test('follow the browser until somebody chooses', async () => {
    const browser = ground.browser();
    assert.match(
      (await browser.get('/console', { headers: { 'accept-language': 'zh-CN,zh;q=0.9' } })).text,
      /<html lang="zh">[\s\S]*登录控制台/,
    );
    await browser.get('/console/language/zh');
    assert.match((await browser.get('/console')).text, /登录控制台/);
    await browser.get('/console/language/en');
    assert.match((await browser.get('/console', { headers: { 'accept-language': 'zh' } })).text, /Sign in to the console/);
  });
});

test('live figures are pushed, and end with the session', async () => {
  const operator = await ground.operator();
  const [[name, value]] = [...operator.cookies] as [[string, string]];
  const response = await ground.app.fetch(
    new Request(`${origin}/console/live`, { headers: { cookie: `${name}=${value}`, host: 'chat.example' } }),
    { address: '192.0.2.7' },
  );
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const reader = response.body!.getReader();
  const { value: bytes } = await reader.read();
  assert.match(Buffer.from(bytes!).toString(), /^data: <ul class="tiles minor" data-point="\[\d+,7,/);
  await reader.cancel();
});

test('pages load the files of the packages from here, and nothing from elsewhere', async () => {
  const operator = await ground.operator();
  const { text } = await operator.get('/console');
  const loaded = [...text.matchAll(/(?:src|href)="([^"]+\.(?:js|css|svg))"/g)].map(([, path]) => path!);
  assert.ok(loaded.length >= 6);
  for (const path of loaded) {
    assert.match(path, /^\/console\/assets\//);
    assert.equal((await operator.get(path)).status, 200, path);
  }
  assert.doesNotMatch(text, /<script>|<script [^>]*>[^<]|\son\w+=|\sstyle=|javascript:|https?:\/\//);
  const script = (await operator.get('/console/assets/uPlot.iife.min.js')).text;
  const folder = dirname(fileURLToPath(import.meta.resolve('uplot')));
  assert.equal(script, readFileSync(join(folder, 'uPlot.iife.min.js'), 'utf8'));
  const htmx = dirname(fileURLToPath(import.meta.resolve('htmx.org')));
  assert.equal((await operator.get('/console/assets/htmx.min.js')).text, readFileSync(join(htmx, 'htmx.min.js'), 'utf8'));
  for (const name of ['..%2fconsole.css', '%2e%2e/app.ts', 'nowhere.js'])
    assert.equal((await operator.get(`/console/assets/${name}`)).status, 404, name);
});
