/**
 * Certificates from a real CA (pebble, which looks every proof up in DNS) to running nodes: issued and renewed by the bundle
 * that the Lambda is made of, with rows in a DynamoDB-compatible store and keys sealed by a KMS-compatible endpoint; shown by the
 * processes of a cluster.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath, pathToFileURL } from 'node:url';
import dynalite from 'dynalite';
import { openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import type { Summary } from '../../services/certificates/lambda.ts';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import {
  type Addresses,
  anyPorts,
  type Finished,
  removeFolder,
  Service,
  skylark,
  temporaryFolder,
} from '../cli/skylark-command.ts';
import { RawClient } from '../connection/raw-client.ts';
import { awsCredentials } from '../support/aws-server.ts';
import { KmsServer } from '../support/kms-server.ts';
import { Pebble, skipWithoutPebble } from '../support/pebble.ts';
import { TcpClient } from '../support/tcp-client.ts';

const script = fileURLToPath(new URL('../../bin/bundle.ts', import.meta.url));
const zone = 'acme.operator.example';
const dayMs = 24 * 60 * 60 * 1000;
const aws = { AWS_ACCESS_KEY_ID: awsCredentials.accessKeyId, AWS_SECRET_ACCESS_KEY: awsCredentials.secretAccessKey };

describe('a CA, the Lambda and a cluster', { skip: skipWithoutPebble || skipWithoutNats }, () => {
  const folder = temporaryFolder();
  const data = join(folder, 'cluster');
  let pebble: Pebble;
  let kms: KmsServer;
  let dynamo: ReturnType<typeof dynalite>;
  let dynamodb: string;
  let cluster: Service;
  let root: string;
  let handler: (event: object) => Promise<Summary>;

  before(async () => {
    const made = spawnSync(process.execPath, [script, '--out', folder, 'certificates-lambda'], { encoding: 'utf8' });
    assert.equal(made.status, 0, made.stderr);
    ({ handler } = await import(pathToFileURL(join(folder, 'certificates-lambda', 'index.mjs')).href));
    pebble = await Pebble.start();
    root = await pebble.root();
    kms = await KmsServer.start(['alias/certificates']);
    dynamo = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
    await once(dynamo, 'listening');
    dynamodb = `http://127.0.0.1:${(dynamo.address() as { port: number }).port}`;
    const source = ['--certificates', 'store', '--kms', kms.url, '--kms-key', 'alias/certificates'];
    const sizes = ['--connections=1', '--routers=1', '--muc=1'];
    const ports = anyPorts.filter((flag) => !flag.startsWith('--s2s'));
    const args = ['cluster', '--data', data, '--domain', 'one.example', '--dynamodb', dynamodb, ...source, ...sizes, ...ports];
    cluster = await Service.start(args, 'ready', { variables: aws });
    await command('tenant', 'add', 'two.example');
    await command('tenant', 'add', 'undelegated.example');
    for (const jid of ['juliet@one.example', 'romeo@one.example']) await command('user', 'add', jid, '--password', 'secret');
    Object.assign(process.env, aws, {
      SKYLARK_DYNAMODB: dynamodb,
      SKYLARK_REGION: 'eu-central-1',
      SKYLARK_KMS: kms.url,
      SKYLARK_KMS_KEY: 'alias/certificates',
      SKYLARK_ACME: pebble.url,
      SKYLARK_ACME_CA: pebble.trusted,
      SKYLARK_DNS: pebble.records,
      SKYLARK_DNS_ZONE: zone,
      SKYLARK_DNS_SERVERS: pebble.dns,
      SKYLARK_LOG_LEVEL: 'silent',
    });
  });

  after(async () => {
    await cluster?.stop();
    dynamo?.closeAllConnections();
    await new Promise((resolve) => dynamo?.close(resolve));
    await kms?.stop();
    await pebble?.stop();
    removeFolder(folder);
  });

  async function command(...args: string[]): Promise<Finished> {
    const done = await skylark([...args, '--data', data]);
    assert.equal(done.code, 0, done.err);
    return done;
  }

  function port(name: 'c1' | 'w1', which: string): number {
    const event = cluster.events.find((each) => each.event === 'listening' && each.name === name);
    return (event!.addresses as Addresses)[which]!.port;
  }

  /** As a client that trusts the CA and checks the name. @returns what it was shown. @throws what TLS says */
  async function verified(from: TLSSocket): Promise<X509Certificate> {
    await new Promise<void>((resolve, reject) => from.once('secureConnect', resolve).once('error', reject));
    const { raw } = from.getPeerCertificate();
    from.destroy();
    return new X509Certificate(raw);
  }

  const direct = (servername: string, to = port('c1', 'c2sTls')) =>
    verified(connect({ host: '127.0.0.1', port: to, servername, ca: root }));

  async function startTls(domain: string): Promise<X509Certificate> {
    const client = RawClient.plain(port('c1', 'c2s'));
    client.send(
      `<stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    await client.read(/<\/stream:features>/);
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await client.read(/<proceed[^>]*>/);
    const shown = await client.upgrade({ servername: domain, ca: root, rejectUnauthorized: true });
    const certificate = new X509Certificate(shown.getPeerCertificate().raw);
    shown.destroy();
    return certificate;
  }

  /** With what it printed: the metric is a line. */
  async function run(t: TestContext) {
    const printed: string[] = [];
    const write = t.mock.method(process.stdout, 'write', (text: string) => printed.push(text) > 0);
    try {
      const summary = await handler({});
      const metric = printed.find((line) => line.includes('CertificateDaysLeft'));
      return { summary, metric: JSON.parse(metric ?? '{}') as Record<string, unknown> };
    } finally {
      write.mock.restore();
    }
  }

  test('a name without a certificate is refused with an alert, and the log says so', async () => {
    await assert.rejects(direct('one.example'), { code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' });
    await cluster.logged(/"name":"one.example","refused":\d+,.*a name is refused: there is no certificate for it/);
  });

  test('the handler issues for delegated tenants, and one that is not holds up nobody', async (t) => {
    for (const name of ['one.example', 'conference.one.example', 'two.example']) await pebble.delegate(name, zone);
    const { summary, metric } = await run(t);
    assert.deepEqual(
      { ...summary, issued: [...summary.issued].sort() },
      {
        domains: 3,
        issued: ['one.example', 'two.example'],
        failed: [],
      },
    );
    assert.equal(metric.CertificateDaysLeft, 1_825);
    assert.equal(metric.Deployment, 'skylark-');
  });

  test('each name is shown its own, on 5223, after STARTTLS on 5222, and on HTTPS', async () => {
    const one = await direct('one.example');
    assert.equal(one.subjectAltName, 'DNS:one.example, DNS:conference.one.example');
    assert.equal((await direct('conference.one.example')).fingerprint256, one.fingerprint256);
    assert.equal((await startTls('one.example')).fingerprint256, one.fingerprint256);
    const two = await direct('TWO.example');
    assert.equal(two.subjectAltName, 'DNS:two.example');
    assert.equal((await startTls('two.example')).fingerprint256, two.fingerprint256);
    assert.equal((await direct('two.example', port('w1', 'https'))).fingerprint256, two.fingerprint256);
  });

  test('rows hold the chain, and no private key in the clear', async () => {
    const store = await openDynamoStore({ endpoint: dynamodb, region: 'eu-central-1', tablePrefix: 'skylark-', clock });
    const rows = await Promise.all(
      ['#certificates', '#acme', 'one.example/c'].map((partition) =>
        store.query({ table: 'core', partition, limit: 10, consistent: true }),
      ),
    );
    await store.close();
    assert.deepEqual(
      rows.map((found) => found.length > 0),
      [true, true, true],
    );
    for (const { value } of rows.flat()) assert.ok(!value.includes('PRIVATE KEY'), value);
  });

  test('the next run keeps what is not due, with the account and without an order', async (t) => {
    const { summary } = await run(t);
    assert.deepEqual(summary, { domains: 3, issued: [], failed: [] });
  });

  test('a renewal is shown to new streams, and those that are open talk on', async (t) => {
    const old = { one: await direct('one.example'), two: await direct('two.example') };
    const to = port('c1', 'c2sTls');
    const [juliet, romeo] = [
      await TcpClient.signIn(to, 'juliet@one.example/balcony', 'secret'),
      await TcpClient.signIn(to, 'romeo@one.example/orchard', 'secret'),
    ];
    let isClosed = false;
    for (const client of [juliet, romeo]) {
      void client.closed.then(() => {
        isClosed = true;
      });
      client.send('<presence/>');
    }
    const say = async (text: string) => {
      romeo.send(`<message to='juliet@one.example' type='chat' id='${text}'><body>${text}</body></message>`);
      await juliet.next(({ name, xml }) => name === 'message' && xml.includes(`<body>${text}</body>`));
    };
    await say('before');

    // Two thirds of the five years that pebble gives have gone by, for the Lambda.
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 1_300 * dayMs });
    const { summary, metric } = await run(t);
    t.mock.timers.reset();
    assert.deepEqual([...summary.issued].sort(), ['one.example', 'two.example']);
    assert.ok([525, 526].includes(metric.CertificateDaysLeft as number), `${metric.CertificateDaysLeft}`);
    await say('renewed');

    for (const [domain, before] of [
      ['one.example', old.one],
      ['two.example', old.two],
    ] as const) {
      await shown(domain, ({ fingerprint256 }) => fingerprint256 !== before.fingerprint256);
      assert.notEqual((await startTls(domain)).fingerprint256, before.fingerprint256);
    }
    await say('after');
    assert.equal(isClosed, false);
    const third = await TcpClient.signIn(to, 'romeo@one.example/late', 'secret');
    for (const client of [third, juliet, romeo]) await client.close();
  });

  test('the command does the same by hand', async () => {
    const { out } = await command('certificate', 'list', '--json');
    const listed = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { domain: string; source: string; daysLeft: number });
    assert.deepEqual(
      listed.map(({ domain, source, daysLeft }) => [domain, source, daysLeft]),
      [
        ['one.example', 'acme', 1_825],
        ['two.example', 'acme', 1_825],
      ],
    );
    const ca = ['--acme', pebble.url, '--acme-ca', pebble.trusted, '--dns', pebble.records];
    const args = [...ca, '--dns-zone', zone, '--dns-servers', pebble.dns, '--kms', kms.url, '--kms-key', 'alias/certificates'];
    const forced = await skylark(['certificate', 'renew', 'two.example', '--force', ...args, '--data', data], { variables: aws });
    assert.deepEqual([forced.out, forced.code], ['two.example  issued  1825 days left\n', 0]);
    const undelegated = await skylark(['certificate', 'renew', 'undelegated.example', ...args, '--data', data], {
      variables: aws,
    });
    assert.equal(
      undelegated.out,
      `undelegated.example  undelegated  none is served: _acme-challenge.undelegated.example must be a CNAME of undelegated.example.${zone}; there is none\n`,
    );
    assert.equal(undelegated.code, 1);
  });

  /** A client that asks for an unknown name makes the node look at once, at most every two seconds. */
  async function shown(domain: string, isWanted: (certificate: X509Certificate) => boolean): Promise<void> {
    for (let tries = 0; tries < 60; tries++) {
      await direct('unknown.example').catch(() => {});
      const certificate = await direct(domain).catch(() => undefined);
      if (certificate !== undefined && isWanted(certificate)) return;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    assert.fail(`${domain} is not shown the certificate that is wanted`);
  }
});
