/**
 * What the functions ask of the store, and all services of KMS, Route 53 and S3, is what their roles are allowed, and no more: the pages and
 * the renewal run here on a store that writes down each call; commands of the SDK are those that stand in the adapters.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import pino from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Certificates } from '../../lib/runtime/certificates.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { Heartbeat } from '../../lib/runtime/nodes.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { accountKey } from '../../services/certificates/account.ts';
import { renewAll } from '../../services/certificates/tenant-walk.ts';
import { webApp } from '../../services/web/app.ts';
import { peopleApp } from '../../services/web/people/app.ts';
import { dayMs, RenewalGround } from '../../test/certificates/ground.ts';
import { rowRights } from '../lib/rights.ts';
import type { Json } from './context.ts';
import { recorded } from './recorded-store.ts';
import { allows, type Call } from './row-policy.ts';
import { shape, synthesize } from './synthesis.ts';

const log = pino({ level: 'silent' });

/** Every call that `work` makes. */
async function callsOf(work: (ground: RenewalGround, store: RenewalGround['store']) => Promise<void>): Promise<Call[]> {
  const calls: Call[] = [];
  const ground = await RenewalGround.open();
  const store = recorded(ground.store, (actions, { table, partition }) => {
    for (const action of actions) calls.push({ action, table, partition });
  });
  await work(ground, store).finally(() => ground.close());
  return calls;
}

function expectRights(tier: 'api' | 'web' | 'certificates', calls: readonly Call[]): void {
  assert.ok(calls.length > 1, `only ${calls.length} calls were seen`);
  const refused = calls.filter((call) => !allows(tier, call));
  assert.deepEqual(refused, []);
  for (const { table, partitions } of rowRights[tier])
    for (const pattern of partitions) {
      const isAsked = calls.some((call) => call.table === table && `${call.partition}` === pattern.replace(/^\*/, 'two.example'));
      assert.ok(isAsked, `nobody asks for ${pattern} of ${table}`);
    }
}

describe('rows', () => {
  test('the renewal: an account at the CA, first certificates, a failure, what is not delegated, renewals', async () => {
    const calls = await callsOf(async (ground, store) => {
      const dependencies = { ...ground.dependencies, store };
      await ground.tenant('one.example', 'one.example', 'conference.one.example', 'upload.one.example');
      await ground.tenant('two.example', 'two.example');
      await ground.tenant('three.example');
      ground.failures.push(new Error('the CA is away'));
      assert.ok((await accountKey(store, ground.dependencies.keys, 'https://ca.example/directory')).includes('PRIVATE KEY'));
      for (const days of [0, 1, 62]) {
        ground.aheadMs = days * dayMs;
        const outcomes = (await renewAll(dependencies, { log })).map(({ outcome }) => outcome).sort();
        if (days === 0) assert.deepEqual(outcomes, ['failed', 'issued', 'undelegated']);
        else assert.ok(outcomes.includes('issued'), `${outcomes}`);
      }
    });
    expectRights('certificates', calls);
  });

  test('the pages: host-meta, the web client, of a tenant and of nobody', async () => {
    const calls = await callsOf(async (ground, store) => {
      await ground.tenant('two.example');
      const certificates = new Certificates(store);
      const fingerprintOf = async (domain: string) => (await certificates.find(domain))?.fingerprint;
      const tenants = new Tenants(store, ground.dependencies.clock);
      const app = webApp({ tenants, log, defaultDomain: 'two.example', clientFolder: import.meta.dirname, fingerprintOf });
      for (const host of ['two.example', 'elsewhere.example']) {
        for (const path of ['/', '/client.js', '/client.css', '/.well-known/host-meta', '/.well-known/host-meta.json']) {
          const isThere = host === 'two.example' || !path.includes('host-meta');
          assert.equal((await app.request(`https://${host}${path}`)).status, isThere ? 200 : 404, path);
        }
        assert.equal((await app.request(`https://${host}/.well-known/posh/xmpp-server.json`)).status, 404); // no certificate yet
      }
    });
    expectRights('web', calls);
  });
});

test('the console and the API: the time of the deployment, a heartbeat, the tenant of a page for people', async () => {
  const calls = await callsOf(async (ground, store) => {
    await ground.tenant('two.example');
    const deploymentClock = new DeploymentClock(systemClock);
    await deploymentClock.start({ store, log });
    const node = { kind: 'api', name: 'a1', subject: 'api.a1.1' } as const;
    const onError = (error: unknown) => assert.fail(`${error}`);
    const heartbeat = await Heartbeat.start({ ...node, store, clock: systemClock, onError });
    const bus = memoryBus({ clock: systemClock });
    const people = peopleApp({ bus, log, tenants: new Tenants(store, deploymentClock) });
    assert.equal((await people.request('https://chat.example/people/two.example/brand.css')).status, 200);
    await heartbeat.stop();
    await deploymentClock.stop();
    await bus.close();
  });
  expectRights('api', calls);
});

/** Commands that an adapter sends, as actions. */
function commands(adapter: string, service: string, except: readonly string[] = []): string[] {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'lib', 'adapters', adapter), 'utf8');
  const found = new Set([...text.matchAll(/new (\w+)Command\(/g)].map(([, name]) => name!));
  for (const name of except) assert.ok(found.has(name), name);
  return [...found]
    .filter((name) => !except.includes(name))
    .map((name) => `${service}:${name}`)
    .sort();
}

/** Actions of a service of AWS that a role may call. */
function granted(name: 'small' | 'cell', stack: 'app' | 'web', role: RegExp, service: string): string[] {
  const policies = shape(name)
    .resources(stack, 'AWS::IAM::Policy')
    .filter(([id]) => role.test(id));
  assert.equal(policies.length, 1);
  const actions = policies.flatMap(([, { Properties }]) =>
    Properties.PolicyDocument.Statement.flatMap((one: Json) => one.Action),
  );
  return actions.filter((action: string) => action.startsWith(`${service}:`)).sort();
}

test('KMS and Route 53: the renewal may send the commands that its adapters send, and no others', () => {
  const renewal = (service: string) => granted('cell', 'web', /^CertificatesRenewalRole/, service);
  assert.deepEqual(renewal('kms'), commands('kms-keys.ts', 'kms'));
  assert.deepEqual(renewal('route53'), commands('route53-records.ts', 'route53'));
});

test('KMS: who shows certificates may open keys and seal none', () => {
  for (const role of [/^ConnectionTaskRole/, /^PeersTaskRole/])
    assert.deepEqual(granted('cell', 'app', role, 'kms'), commands('kms-keys.ts', 'kms', ['GenerateDataKey']));
});

test('KMS: who makes secrets of tenants may also seal, and for nothing else: towards other servers, for tokens, and given keys', () => {
  const given = {
    StringNotLike: { 'kms:EncryptionContext:domain': ['#*', 'dialback *', 'tokens *'] },
    Null: { 'kms:EncryptionContext:domain': 'false' },
  };
  for (const [name, role, takesKeys, ...contexts] of [
    ['cell', /^FederationTaskRole/, false, 'dialback'],
    ['cell', /^RouterTaskRole/, true, 'tokens'],
    ['small', /^AllTaskRole/, true, 'dialback', 'tokens'],
  ] as const) {
    assert.deepEqual(new Set(granted(name, 'app', role, 'kms')), new Set(commands('kms-keys.ts', 'kms')));
    const sealing = shape(name)
      .resources('app', 'AWS::IAM::Policy')
      .filter(([id]) => role.test(id))
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement as Json[])
      .filter(({ Action }) => [Action].flat().includes('kms:GenerateDataKey'));
    const conditions = sealing.map(({ Condition }) => Condition);
    const wanted = contexts.map((context) => ({ StringLike: { 'kms:EncryptionContext:domain': `${context} *` } }));
    assert.equal(conditions.length, wanted.length + (takesKeys ? 1 : 0));
    assert.deepEqual(new Set(conditions), new Set([...wanted, ...(takesKeys ? [given] : [])]));
  }
});

test('S3: who signs slots and removes files may put, look and delete, and not read: of the adapter routers use nothing else', () => {
  const router = join(import.meta.dirname, '..', '..', 'services', 'router');
  const files = ['features/xep0363-file-upload.ts', 'removal/doomed-files.ts', 'removal/tenant-removal.ts'];
  const code = files.map((file) => readFileSync(join(router, file), 'utf8')).join('');
  assert.deepEqual(
    new Set([...code.matchAll(/\bblobs\??\.(\w+)\(/g)].map(([, verb]) => verb)),
    new Set(['slot', 'delete', 'deleteAll']),
  );
  for (const [name, role] of [
    ['cell', /^RouterTaskRole/],
    ['small', /^AllTaskRole/],
  ] as const)
    assert.deepEqual(
      granted(name, 'app', role, 's3'),
      [...commands('s3-blobs.ts', 's3', ['GetObject', 'HeadObject', 'ListObjectsV2']), 's3:ListBucket'].sort(), // lists have another name
    );
});

test('with certificates of one’s own nobody but their readers has a right to the key', () => {
  const { templates, resources } = synthesize({ shape: 'cell', certificates: 'pem' });
  const text = JSON.stringify([templates.web.toJSON(), templates.app.toJSON()]);
  assert.ok(text.includes('kms:Decrypt') && !text.includes('route53:'));
  const sealing = resources('app', 'AWS::IAM::Policy').filter(([, one]) => JSON.stringify(one).includes('kms:GenerateDataKey'));
  assert.deepEqual(
    sealing.map(([id]) => id.replace(/TaskRole.*/, '')),
    ['Router', 'Federation'],
  );
  assert.ok(!JSON.stringify(templates.web.toJSON()).includes('kms:GenerateDataKey'));
});
