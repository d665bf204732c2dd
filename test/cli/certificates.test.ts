/** `skylark certificate …` with the service running and without it, and what a service with `--certificates store` shows. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import pino from 'pino';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { renewAll } from '../../services/certificates/tenant-walk.ts';
import { type AdminClient, openAdmin } from '../../services/cli/commands/admin-client.ts';
import { openCertificateStore } from '../../services/cli/commands/certificate-store.ts';
import { commands } from '../../services/cli/commands.ts';
import { openKeys } from '../../services/cli/compose/certificate-keys.ts';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { certificateGet, certificateQuery } from '../../services/router/operations/certificate-rows.ts';
import { tenantAdd, tenantRemove } from '../../services/router/operations/tenants.ts';
import { dns, type Made, makePem } from '../support/pem.ts';
import { anyPorts, type Finished, type RunOptions, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const data = join(folder, 'data');
const serving = ['start', '--data', data, '--domain', 'one.example', '--certificates', 'store', ...anyPorts];

function run(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return skylark([...args, '--data', data], options);
}

/** In this process: nothing but the end of the process is left out. */
async function expectRefusal(args: readonly string[], said: string, code = 1): Promise<void> {
  const command = commands.find(({ name }) => name === args.slice(0, 2).join(' '))!;
  const attempt = async () => {
    const { values, positionals } = readArguments(command.name, command.options, [...args.slice(2), '--data', data], {});
    await command.run(values, positionals);
  };
  await assert.rejects(attempt, { name: code === 2 ? 'UsageError' : 'Refusal', message: said });
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

let one: Made;
let cert: string;
let key: string;
before(async () => {
  const root = await makePem('Root', { isCa: true });
  one = await makePem('one.example', { names: dns('one.example', 'conference.one.example'), issuer: root });
  cert = write('one.pem', one.cert + root.cert);
  key = write('one.key', one.key);
  const first = await Service.start(serving);
  assert.equal(await first.stop(), 0);
});

function shown(service: Service, servername: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: service.addresses.c2sTls!.port, servername, rejectUnauthorized: false });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase());
      socket.destroy();
    });
  });
}

async function withAdmin(work: (admin: AdminClient) => Promise<unknown>): Promise<void> {
  const admin = await openAdmin(realpathSync(data));
  await work(admin);
  await admin.close();
}

const fingerprint = (made: Made) => made.certificate.getThumbprint('SHA-256').then((hash) => Buffer.from(hash).toString('hex'));

describe('while the service does not run', () => {
  test('a certificate is added, listed, and removed', async () => {
    assert.deepEqual(await run(['certificate', 'add', 'one.example', '--cert', cert, '--key', key]), {
      out: 'added a certificate of one.example for one.example, conference.one.example; 88 days left\n',
      err: '',
      code: 0,
    });
    assert.equal(
      (await run(['certificate', 'list'])).out,
      'one.example  pem  88 days left  one.example conference.one.example  by CN=Root\n',
    );
    const listed = JSON.parse((await run(['certificate', 'list', '--json'])).out) as Record<string, unknown>;
    assert.equal(listed.fingerprint, await fingerprint(one));
    const fields = ['domain', 'names', 'issuer', 'notBefore', 'notAfter', 'daysLeft', 'fingerprint', 'source'];
    assert.deepEqual(Object.keys(listed), fields);
    assert.deepEqual(JSON.parse((await run(['certificate', 'list', 'one.example', '--json'])).out), listed);
    await expectRefusal(
      ['certificate', 'list', 'two.example'],
      "there is no tenant 'two.example'; add it with: skylark tenant add two.example",
    );
    assert.ok(existsSync(join(data, 'keys', 'certificates.key')));
    assert.equal((await run(['certificate', 'remove', 'one.example'])).out, 'removed the certificate of one.example\n');
    assert.equal((await run(['certificate', 'list'])).out, '');
    await expectRefusal(['certificate', 'remove', 'one.example'], "there is no certificate of 'one.example'");
  });

  test('what cannot be served is refused, with the reason, and nothing is kept', async () => {
    const other = await makePem('other.example');
    const add = (domain: string, ...files: string[]) => ['certificate', 'add', domain, ...files];
    await expectRefusal(
      add('two.example', '--cert', cert, '--key', key),
      "there is no tenant 'two.example'; add it with: skylark tenant add two.example",
    );
    await expectRefusal(
      add('one.example', '--cert', write('other.pem', other.cert), '--key', write('other.key', other.key)),
      "the certificate is not for 'one.example'; it is for other.example",
    );
    await expectRefusal(
      add('one.example', '--cert', cert, '--key', join(folder, 'other.key')),
      'the private key does not belong to the certificate',
    );
    const missing = join(folder, 'missing');
    await expectRefusal(
      add('one.example', '--cert', cert, '--key', missing),
      `--key: '${missing}' cannot be read: no such file or folder`,
      2,
    );
    const long = write('long.pem', 'x'.repeat(40_000));
    await expectRefusal(add('one.example', '--cert', long, '--key', key), `--cert: '${long}' has more than 32768 bytes`, 2);
    await expectRefusal(add('one.example', '--key', key), '--cert is needed; it takes the path of a file in PEM', 2);
    await expectRefusal(add('a b/c', '--cert', cert, '--key', key), "'a b/c' is not a domain name", 2);
    assert.equal((await run(['certificate', 'list'])).out, '');
  });

  test('keys are named once, and a key file is closed to others', { skip: process.platform === 'win32' }, async () => {
    const both = ['--kms-key', 'alias/x', '--key-file', join(folder, 'x.key')];
    await expectRefusal(
      ['certificate', 'add', 'one.example', '--cert', cert, '--key', key, ...both],
      '--kms-key and --key-file exclude each other: private keys are encrypted with one of them',
      2,
    );
    const open = write('open.key', 'x'.repeat(32));
    chmodSync(open, 0o644);
    await expectRefusal(
      ['certificate', 'add', 'one.example', '--cert', cert, '--key', key, '--key-file', open],
      `--key-file: '${open}' can be read by others; protect it with: chmod 600`,
    );
  });

  test('renewing says what it needs', async () => {
    const renew = (...more: string[]) => ['certificate', 'renew', ...more];
    await expectRefusal(renew(), '--dns-zone is needed; it takes a domain name of yours, such as acme.example.org', 2);
    await expectRefusal(
      renew('--dns-zone', 'acme.example.org'),
      '--dns-zone-id is needed; it takes the id of the hosted zone in Route 53',
      2,
    );
    await expectRefusal(renew('--force'), '--force needs a DOMAIN: CAs limit how many certificates they make', 2);
    await expectRefusal(
      renew('two.example', '--dns-zone', 'acme.example.org', '--dns', 'http://127.0.0.1:1'),
      "there is no tenant 'two.example'; add it with: skylark tenant add two.example",
    );
    await expectRefusal(
      renew('--dns-zone', 'a b', '--dns', 'http://127.0.0.1:1'),
      '--dns-zone is needed; it takes a domain name of yours, such as acme.example.org',
      2,
    );
  });

  test('where certificates come from is one of two', async () => {
    const { options } = commands.find(({ name }) => name === 'serve')!;
    assert.throws(() => readArguments('serve', options, ['connection', '--certificates', 'both'], {}), {
      message: "--certificates: 'both' is not allowed; it takes 'files' or 'store'",
    });
  });
});

describe('while the service runs', () => {
  let service: Service;
  before(async () => {
    service = await Service.start(serving);
  });
  after(() => service.stop());

  test('a name is refused, and served from the moment its certificate is there', async () => {
    await assert.rejects(shown(service, 'one.example'), { code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' });
    const { out, err } = await run(['certificate', 'add', 'one.example', '--cert', cert, '--key', key]);
    assert.match(out, /^added a certificate of one\.example/, err);
    assert.equal(await shown(service, 'one.example'), await fingerprint(one));
  });

  test('one that is given by the API is shown at once, and the next one within a minute, each for its own domain', async () => {
    await withAdmin((admin) => admin.ask(tenantAdd, { domain: 'three.example' }));
    const token = (await run(['key', 'add', 'test', '--access', 'write', '--tenant=three.example'])).out.trim();
    const give = async ({ cert, key }: Made) => {
      const { port } = service.addresses.http!;
      const { status } = await fetch(`http://127.0.0.1:${port}/api/v1/tenants/three.example/certificate`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ chain: cert, key }),
      });
      assert.equal(status, 200);
    };
    // It names the other tenant as well, and takes nothing from it.
    const first = await makePem('three.example', { names: dns('three.example', 'one.example', '*.one.example') });
    await give(first);
    assert.equal(await shown(service, 'three.example'), await fingerprint(first));
    assert.equal(await shown(service, 'one.example'), await fingerprint(one));
    const next = await makePem('three.example');
    await give(next);
    const endsMs = performance.now() + 60_000;
    while ((await shown(service, 'three.example')) !== (await fingerprint(next))) {
      assert.ok(performance.now() < endsMs, 'it is shown within a minute');
      await pause(500);
    }
    assert.equal(await shown(service, 'one.example'), await fingerprint(one));
    const { out, err } = await run(['audit', 'three.example']);
    assert.match(out, /certificate-add/, err);
    for (const text of [out, service.said.err]) assert.ok(!text.includes(next.key.split('\n')[1]!));
  });

  test('a renewal reads and writes rows of the service that runs', async () => {
    assert.equal((await run(['certificate', 'remove', 'one.example'])).code, 0);
    const open = await openCertificateStore({ data, dynamodb: undefined, region: '', tablePrefix: '' });
    try {
      const keys = await openKeys({ kms: 'aws', kmsKey: undefined, keyFile: undefined, region: '' }, open.folder);
      const results = await renewAll(
        {
          ...{ store: open.store, keys, clock, zone: 'acme.example' },
          lookup: {
            alias: async (name) => name.replace(/^_acme-challenge\.(.*)$/, '$1.acme.example'),
            texts: async () => [],
          },
          authority: {
            async obtain(names) {
              const { cert, key } = await makePem(names[0]!, { names: dns(...names) });
              return { chain: cert, key };
            },
          },
        },
        { log: pino({ level: 'silent' }) },
      );
      const outcomes = Object.fromEntries(results.map(({ domain, outcome }) => [domain, outcome]));
      assert.deepEqual(outcomes, { 'one.example': 'issued', 'three.example': 'given' });
    } finally {
      await open.store.close();
    }
    assert.match((await run(['certificate', 'list', 'one.example'])).out, /^one\.example {2}acme {2}/);
    // The list of tenants and the state of the domain were read, the certificate was written, and the note of the try deleted.
    const { out } = await run(['audit']);
    for (const operation of ['certificate-put', 'certificate-delete']) assert.match(out, new RegExp(operation));
    for (const { name } of [certificateQuery, certificateGet]) assert.doesNotMatch(out, new RegExp(name));
  });

  test('a tenant that goes takes its certificate along', async () => {
    const two = await makePem('two.example');
    const admin = await openAdmin(realpathSync(data));
    await admin.ask(tenantAdd, { domain: 'two.example' });
    const files = ['--cert', write('two.pem', two.cert), '--key', write('two.key', two.key)];
    assert.equal((await run(['certificate', 'add', 'two.example', ...files])).code, 0);
    const row = { key: { table: 'core', partition: 'two.example/c', sort: 'pem/' } } as const;
    const entry = { key: { table: 'core', partition: '#certificates', sort: 'certificate/two.example' } } as const;
    for (const each of [row, entry]) assert.ok((await admin.ask(certificateGet, each)).row);
    await admin.ask(tenantRemove, { domain: 'two.example' });
    for (const each of [row, entry]) assert.equal((await admin.ask(certificateGet, each)).row, undefined);
    await admin.close();
  });
});
