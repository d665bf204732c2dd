/** The console, the REST API and the pages of invites through the CDN of the templates: a link, keys of two tenants, and who asks. */
import assert from 'node:assert/strict';
import type { Deployment } from './deployment.ts';
import { domains } from './templates.ts';

const [first, second] = domains;
const tables = '--dynamodb aws --region eu-central-1';
const viewer = '192.0.2.77';

export async function tryConsole(deployment: Deployment): Promise<void> {
  const { front, tasks } = deployment;
  front.viewer = viewer;
  const ask = (path: string, init: RequestInit = {}) => fetch(`${front.url}${path}`, { redirect: 'manual', ...init });
  const link = await linkOf(deployment);
  const page = await ask(link);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-security-policy')!, /frame-ancestors 'none'/);
  const entered = await ask('/console/enter', {
    method: 'POST',
    headers: { origin: `https://${front.host}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ link: link.split('/').at(-1)! }),
  });
  assert.equal(entered.status, 303);
  const [cookie] = entered.headers.getSetCookie();
  assert.match(cookie!, /^__Host-skylark-console=.*; Secure/);
  const headers = { cookie: cookie!.split(';', 1)[0]! };
  const overview = await ask('/console', { headers });
  assert.deepEqual([overview.status, overview.headers.get('cache-control')], [200, 'no-store']);
  assert.ok(!(await overview.text()).includes('/console/live'), 'nothing can stream here');
  for (const domain of domains) assert.equal((await ask(`/console/tenants/${domain}/accounts`, { headers })).status, 200);
  for (const asset of ['console.css', 'htmx.min.js']) assert.equal((await ask(`/console/assets/${asset}`)).status, 200, asset);

  const keys = new Map<string, string>();
  for (const domain of domains) {
    const { out } = await deployment.command(`npx skylark key add of-${domain} --tenant ${domain} --access write ${tables}`);
    keys.set(domain, out.split('\n')[0]!);
  }
  const call = (method: string, domain: string, path: string, body?: object, more: Readonly<Record<string, string>> = {}) =>
    ask(`/api/v1/tenants/${domain}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${keys.get(first)}`,
        ...{ 'content-type': 'application/json', 'x-forwarded-for': '198.51.100.1', 'x-skylark-viewer': '198.51.100.1', ...more },
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  const account = { local: 'rosaline', password: 'of the house of capulet' };
  assert.equal((await call('POST', first, '/accounts', account)).status, 201);
  assert.equal((await call('POST', second, '/accounts', account)).status, 403, 'the key of another tenant');
  const ofSecond = { authorization: `Bearer ${keys.get(second)}` };
  assert.equal((await call('GET', second, '/accounts', undefined, ofSecond)).status, 200);
  const made = (await (await call('POST', first, '/invites', { uses: 1 })).json()) as { readonly url: string };
  assert.equal(new URL(made.url).host, front.host);
  const invite = await ask(new URL(made.url).pathname);
  assert.equal(invite.status, 200);
  assert.match(await invite.text(), /people\/page\.css/);
  assert.equal((await ask('/people/page.css')).status, 200);
  const { out: audit } = await deployment.command(`npx skylark audit ${first} ${tables}`);
  assert.ok(audit.includes(viewer) && !audit.includes('198.51.100.1'), `it was not ${viewer} who asked:\n${audit}`);

  // What the CDN has not passed on is answered by nothing of the app, whatever it says of itself.
  for (const { definition, container } of tasks.filter((task) => task.definition.frontPort !== undefined)) {
    const direct = await fetch(`http://127.0.0.1:${container.addresses.front!.port}/console`, {
      headers: { 'x-skylark-front': 'guessed', 'x-skylark-viewer': '127.0.0.1', 'x-skylark-host': front.host },
    });
    assert.equal(direct.status, 403, definition.tier);
  }
}

/** Runs the command that the stacks print. @returns the path of the link */
async function linkOf(deployment: Deployment): Promise<string> {
  const { front, templates } = deployment;
  const { out } = await deployment.command(templates.values.output('Console'));
  const { host, protocol, pathname } = new URL(out.split('\n')[0]!);
  assert.deepEqual([protocol, host], ['https:', front.host]);
  return pathname;
}
