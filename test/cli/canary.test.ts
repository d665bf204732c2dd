/** The canary's function against a running service with two tenants: it flies, and tells when somebody would be turned away. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import type { Landed } from '../../services/cli/canary/lambda.ts';
import { setDisabled } from '../../services/router/core/accounts.ts';
import { createAuthority } from '../support/authority.ts';
import { addressRecord, type DnsServer, srvRecord, startDnsServer } from '../support/dns-server.ts';
import { freePorts } from '../support/free-ports.ts';
import { callFunction } from '../templates/function-call.ts';
import { removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const [first, second] = ['example.org', 'example.net'];
const host = 'xmpp.example.org';
const lambda = fileURLToPath(new URL('../../services/cli/canary/lambda.ts', import.meta.url));
const folder = temporaryFolder();
const ca = join(folder, 'ca.pem');
let engine: Service;
let service: Service;
let names: DnsServer;
let at: readonly string[] = [];

before(async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) process.env[name] ??= 'local';
  const authority = await createAuthority();
  writeFileSync(ca, authority.cert);
  const { cert, key } = await authority.issue([first, second]);
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  engine = await Service.start(['serve', 'dynamodb', '--data', folder], 'listening', { json: false });
  const endpoint = `http://127.0.0.1:${engine.addresses.dynamodb!.port}`;
  at = ['--dynamodb', endpoint];
  const variables = {
    ...{ SKYLARK_DYNAMODB: endpoint, SKYLARK_DOMAIN: first, SKYLARK_CERT: files.cert, SKYLARK_KEY: files.key },
    ...Object.fromEntries(['C2S', 'C2S_TLS', 'HTTP', 'HTTPS'].map((port) => [`SKYLARK_${port}_PORT`, '0'])),
  };
  service = await Service.start(['serve', 'all'], 'listening', { variables, json: false });
  await done('tenant', 'add', second);
  const [c2s, c2sTls] = ['c2s', 'c2sTls'].map((name) => service.addresses[name]!.port) as [number, number];
  names = await startDnsServer([
    ...[first, second].flatMap((domain) => [
      srvRecord(`_xmpp-client._tcp.${domain}`, host, c2s),
      srvRecord(`_xmpps-client._tcp.${domain}`, host, c2sTls),
    ]),
    addressRecord(host),
  ]);
});

after(async () => {
  names?.close();
  await service?.stop('SIGKILL');
  await engine?.stop();
  removeFolder(folder);
});

async function done(...args: readonly string[]): Promise<void> {
  const { code, err } = await skylark([...args, ...at]);
  assert.equal(code, 0, err);
}

const pages = () => `http://127.0.0.1:${service.addresses.http!.port}`;

/** Twice in the same process, as Lambda keeps it for a while. */
async function fly(
  domain: string,
  webUrl = pages(),
): Promise<{ readonly landed: readonly Landed[]; readonly passes: number | undefined }> {
  const variables = {
    ...{ AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', NODE_EXTRA_CA_CERTS: ca },
    ...{ SKYLARK_DYNAMODB: at[1]!, SKYLARK_DOMAIN: domain, SKYLARK_DNS_SERVER: names.address, SKYLARK_WEB_URL: webUrl },
  };
  const { answers, metrics } = await callFunction<Landed>(lambda, variables, [{}, {}]);
  return { landed: answers, passes: metrics.get('CanaryPasses') };
}

test('without its account it says how to make one', async () => {
  const { landed, passes } = await fly(first);
  assert.deepEqual(
    landed.map(({ failed }) => failed),
    [['canary@example.org: there is no such account'], ['canary@example.org: there is no such account']],
  );
  assert.equal(passes, 0);
});

for (const domain of [first, second])
  test(`${domain}: it makes itself a password, signs in, writes and hears itself, each time`, async () => {
    await done('user', 'add', `canary@${domain}`, '--password', 'of nobody');
    const { landed, passes } = await fly(domain);
    assert.deepEqual(
      landed.map(({ failed }) => failed),
      [[], []],
    );
    for (const { checks } of landed) assert.ok(checks > 10, `only ${checks} checks`);
    assert.equal(passes, 1);
  });

test('when the pages for people do not answer, or not as they should, it tells so, whoever else is well', async () => {
  const [nobody] = await freePorts(1);
  for (const [webUrl, text] of [
    [`http://127.0.0.1:${nobody}`, /the pages for people do not answer/],
    [`${pages()}/client`, /somebody else answers in place of the pages for people/],
    [`${at[1]}`, /the pages for people answer \d+ to a link that is not good, and not 404/],
  ] as const) {
    const { landed, passes } = await fly(first, webUrl);
    for (const { failed } of landed) assert.match(failed.join(), text);
    assert.equal(passes, 0, webUrl);
  }
});

test('when the account is disabled, nobody is let in and it tells so', async () => {
  const store = await openDynamoStore({ endpoint: at[1]!, region: 'eu-central-1', clock, tablePrefix: 'skylark-' });
  assert.ok(await setDisabled(store, second, 'canary', true).finally(() => store.close()));
  const { landed, passes } = await fly(second);
  for (const { failed } of landed) assert.match(failed.join(), /canary@example\.net: the server refuses the sign-in/);
  assert.equal(passes, 0);
});

test('when no record leads anywhere, and when nobody listens any more, it tells so', async () => {
  const { records } = names;
  const kept = records.splice(0);
  assert.match((await fly(first)).landed[0]!.failed.join(), /_xmpp-client\._tcp\.example\.org/);
  records.push(...kept);
  await service.stop('SIGKILL');
  const { landed, passes } = await fly(first);
  assert.match(landed[0]!.failed.join(), /the connection is refused/);
  assert.equal(passes, 0);
});
