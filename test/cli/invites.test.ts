/** `skylark invite …` and `skylark user reset`, and the same by the REST API, with the page of a running service, for two domains. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
const data = join(folder, 'data');
let service: Service;
let origin: string;

before(async () => {
  service = await Service.start(['start', '--data', data, ...anyPorts]);
  origin = `http://localhost:${service.addresses.http!.port}`;
  await run('tenant', 'add', 'verona.example');
});
after(async () => {
  await service.stop();
  removeFolder(folder);
});

async function run(...args: readonly string[]): Promise<string> {
  const { out, err, code } = await skylark([...args, '--data', data]);
  assert.deepEqual([err, code], ['', 0]);
  return out.trimEnd();
}

const post = (url: string, fields: Readonly<Record<string, string>>) =>
  fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers: { 'sec-fetch-site': 'same-origin' } });
const filled = { username: 'romeo', password: 'secret', again: 'secret' };

test('an invite is made, used on its page, listed and revoked', async () => {
  const [url, uri, until] = (await run('invite', 'create', 'verona.example', '--uses=2', `--web-url=${origin}`)).split('\n');
  assert.match(url!, new RegExp(`^${origin}/invite/verona.example/[0-9a-f]{32}$`));
  assert.match(uri!, /^xmpp:verona\.example\?register;preauth=/);
  const id = /^Invite (\S+) is good until /.exec(until!)![1]!;
  assert.equal((await post(url!, filled)).status, 200);
  assert.match(await run('invite', 'list', 'verona.example'), new RegExp(`^${id}  1 of 2 .*  romeo@verona.example$`));
  assert.equal(await run('invite', 'list', 'localhost'), '');
  assert.equal(await run('invite', 'revoke', 'verona.example', id), `revoked ${id}`);
  assert.equal((await post(url!, { ...filled, username: 'paris' })).status, 404);
  assert.equal(await run('user', 'list', 'verona.example'), 'romeo@verona.example');
});

test('a program makes invites with a key of its tenant, and of no other', async () => {
  const key = await run('key', 'add', 'shop', '--tenant=verona.example', '--access=write');
  const call = (method: string, path: string, body?: object) =>
    fetch(`${origin}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
  assert.equal((await call('POST', '/tenants/localhost/invites', {})).status, 403);
  const made = await call('POST', '/tenants/verona.example/invites', { name: 'juliet' });
  assert.equal(made.status, 201);
  const { id, path } = (await made.json()) as { id: string; path: string };
  const { invites } = (await (await call('GET', '/tenants/verona.example/invites')).json()) as { invites: { id: string }[] };
  assert.deepEqual(
    invites.map((invite) => invite.id),
    [id],
  );
  assert.equal((await post(`${origin}${path}`, { ...filled, username: 'juliet' })).status, 200);
  assert.equal((await call('DELETE', `/tenants/verona.example/invites/${id}`)).status, 200);
});

test('a logo is a picture from a file, and a link sets a new password', async () => {
  const logo = join(folder, 'logo.svg');
  writeFileSync(logo, '<svg xmlns="http://www.w3.org/2000/svg"/>');
  const { code, err } = await skylark(['tenant', 'set', 'verona.example', '--brand-logo', `@${logo}`, '--data', data]);
  assert.equal(code, 2);
  assert.match(err, /it takes a PNG, JPEG or WebP picture/);
  writeFileSync(logo, Buffer.from('89504e470d0a1a0a', 'hex'));
  await run('tenant', 'set', 'verona.example', '--brand-logo', `@${logo}`);
  await pause(1_100); // a change is felt within a second
  assert.equal((await fetch(`${origin}/people/verona.example/logo`)).headers.get('content-type'), 'image/png');
  const [url] = (await run('user', 'reset', 'romeo@verona.example', `--web-url=${origin}`)).split('\n');
  assert.equal((await post(url!, { password: 'new', again: 'new' })).status, 200);
  assert.equal((await post(url!, { password: 'newer', again: 'newer' })).status, 404);
});
