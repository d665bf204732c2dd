/** A tenant's certificate in the console: shown, given by a form, removed by whoever shows again who they are; the key never comes back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { removeFolder, temporaryFolder } from '../cli/skylark-command.ts';
import { dns, type Made, makePem } from '../support/pem.ts';
import { type Browser, type Ground, openGround } from './ground.ts';

const folder = temporaryFolder();
const keys = openFileKeys({ path: join(folder, 'one.key'), clock });
after(() => removeFolder(folder));

let made: Made;
let ground: Ground;
before(async () => {
  made = await makePem('a.example', { names: dns('a.example', 'conference.a.example') });
});
beforeEach(async () => {
  ground = await openGround({ wrap: (parts) => ({ ...parts, keys }) });
});
afterEach(() => ground.close());

const path = (domain: string) => `/console/tenants/${domain}/dns`;
/** As a browser sends what was typed into a field of several lines. */
const typed = (pem: string) => pem.replaceAll('\n', '\r\n');
const give = (browser: Browser, fields: Readonly<Record<string, string>> = {}) =>
  browser.does('certificate-add', { domain: 'a.example', chain: typed(made.cert), key: typed(made.key), ...fields });
/** As if everybody in the console had come in long ago. */
async function age(): Promise<void> {
  const { store } = ground.stage.dependencies;
  const rows = await store.query({ table: 'live', partition: '#console', limit: 100, consistent: true });
  for (const { table, partition, sort, value } of rows.map((row) => ({ table: 'live', ...row }) as const))
    await store.put({ table, partition, sort, value: JSON.stringify({ ...JSON.parse(value), provenMs: 0 }) });
}
const secretLine = () => made.key.split('\n')[1]!;

test('an admin gives a certificate by the form of the page, which then shows it', async () => {
  const admin = await ground.admin('a.example');
  const empty = (await admin.get(path('a.example'))).text;
  assert.match(empty, /There is none in the store/);
  for (const field of ['chain', 'key'])
    assert.match(empty, new RegExp(`<textarea id="certificate-add-${field}" name="${field}"`));
  assert.doesNotMatch(empty, /certificate-remove/);
  const given = await give(admin);
  assert.equal(given.status, 303, given.text);
  const { text } = await admin.get(path('a.example'));
  for (const shown of [
    /a\.example, conference\.a\.example/,
    /<dd>CN=a\.example<\/dd>/,
    /88 days left/,
    /by whoever has given it/,
  ])
    assert.match(text, shown);
  assert.match(text, /href="\/console\/do\/certificate-remove\?/);
  assert.ok(!text.includes(secretLine()));
  const other = await ground.admin('b.example');
  assert.match((await other.get(path('b.example'))).text, /There is none in the store/);
  assert.equal((await other.get(path('a.example'))).status, 403);
});

test('what is wrong is told beside the form, which has neither key nor chain again', async () => {
  const admin = await ground.admin('a.example');
  for (const [fields, error] of [
    [{ key: 'garbage' }, /the private key is not in PEM, or has a passphrase/],
    [{ chain: typed(made.key) }, /there is no certificate in PEM/],
    [{ chain: '' }, /the operation needs &#39;chain&#39;/],
    [{ chain: 'x'.repeat(33_000) }, /has more than 32768 characters/],
  ] as const) {
    const { status, text } = await give(admin, fields);
    assert.equal(status, 400);
    assert.match(text, error);
    assert.ok(!text.includes(secretLine()), `${error}`);
  }
  const huge = await give(admin, { chain: 'x'.repeat(1024 * 1024) });
  assert.match(huge.text, /The form cannot be read/);
  assert.match((await admin.get(path('a.example'))).text, /There is none in the store/);
});

test('nobody gives or removes one for another tenant, or without the right', async () => {
  assert.equal((await give(await ground.admin('a.example'))).status, 303);
  const other = await ground.admin('b.example');
  assert.equal((await give(other)).status, 403);
  assert.equal((await other.does('certificate-remove', { domain: 'a.example' })).status, 403);
  await ground.stage.addAccount('friar@a.example');
  await ground.operate('user-role', { jid: 'friar@a.example', role: 'support' });
  const support = ground.browser();
  await support.post('/console/enter', { jid: 'friar@a.example', password: 'secret' });
  const { text } = await support.get(path('a.example'));
  assert.match(text, /88 days left/);
  assert.doesNotMatch(text, /certificate-add|certificate-remove/);
  assert.equal((await give(support)).status, 404);
});

test('it is removed by whoever shows again who they are', async () => {
  const admin = await ground.admin('a.example');
  assert.equal((await give(admin)).status, 303);
  await age();
  const form = (await admin.get('/console/do/certificate-remove?domain=a.example')).text;
  assert.match(form, /name="_proof"/);
  assert.equal((await admin.does('certificate-remove', { domain: 'a.example' })).status, 403);
  assert.equal((await admin.does('certificate-remove', { domain: 'a.example', _proof: 'wrong' })).status, 403);
  assert.match((await admin.get(path('a.example'))).text, /days left/);
  assert.equal((await admin.does('certificate-remove', { domain: 'a.example', _proof: 'secret' })).status, 303);
  assert.match((await admin.get(path('a.example'))).text, /There is none in the store/);
});
