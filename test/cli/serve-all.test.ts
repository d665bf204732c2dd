/** `skylark serve all`: the small shape of a deployment, one process on DynamoDB, as a container runs it: with variables only. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { keepSelfSigned } from '../../services/cli/compose/certificate.ts';
import { ManagedClient } from '../support/managed-client.ts';
import { TcpClient } from '../support/tcp-client.ts';
import { removeFolder, Service, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));

describe('every service in one process', () => {
  let engine: Service;
  let variables: Record<string, string>;
  let service: Service;
  before(async () => {
    engine = await Service.start(['serve', 'dynamodb', '--data', folder], 'listening', { json: false });
    const { files } = await keepSelfSigned(join(folder, 'tls'), 'example.org', systemClock);
    variables = {
      SKYLARK_DYNAMODB: `http://127.0.0.1:${engine.addresses.dynamodb!.port}`,
      SKYLARK_DOMAIN: 'example.org',
      SKYLARK_REGISTRATION: 'open',
      SKYLARK_CERT: files.cert,
      SKYLARK_KEY: files.key,
      SKYLARK_METRICS: 'emf',
      SKYLARK_STOP_SECONDS: '20',
      ...Object.fromEntries(['C2S', 'C2S_TLS', 'HTTP', 'HTTPS', 'HEALTH'].map((port) => [`SKYLARK_${port}_PORT`, '0'])),
    };
    service = await start();
  });
  after(async () => {
    await service?.stop('SIGKILL');
    await engine.stop();
  });

  const start = () => Service.start(['serve', 'all'], 'listening', { variables, json: false });
  const door = () => ({ port: service.addresses.c2sTls!.port });

  async function register(name: string): Promise<void> {
    const client = await TcpClient.connect(door().port, 'example.org');
    await client.open();
    const query = `<query xmlns='jabber:iq:register'><username>${name}</username><password>pw</password></query>`;
    assert.equal((await client.ask('r', `<iq type='set' id='r'>${query}</iq>`)).attributes.type, 'result');
    await client.close();
  }

  test('listens where the variables say', async () => {
    assert.deepEqual(Object.keys(service.addresses), ['c2s', 'c2sTls', 'http', 'https', 'health']);
    const ask = async (name: string, path: string) =>
      (await fetch(`http://127.0.0.1:${service.addresses[name]!.port}${path}`)).status;
    assert.deepEqual(await Promise.all([ask('health', '/healthz'), ask('health', '/readyz'), ask('http', '/')]), [200, 200, 200]);
  });

  test('has accounts, messages, rooms; a session goes on after a stop and a start', async () => {
    for (const name of ['juliet', 'romeo']) await register(name);
    const juliet = await ManagedClient.signIn(door(), 'juliet@example.org/balcony', 'pw');
    const romeo = await ManagedClient.signIn(door(), 'romeo@example.org/orchard', 'pw');
    for (const client of [juliet, romeo]) {
      client.send('<presence/>');
      await client.settle();
    }
    juliet.send("<presence to='hall@conference.example.org/j'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    await juliet.until(() => juliet.presenceFrom('hall@conference.example.org/j').length === 1, 'her own presence in the room');
    romeo.send("<message type='chat' to='juliet@example.org/balcony'><body>before</body></message>");
    await juliet.until(() => juliet.bodies.length === 1, 'the message');
    juliet.acknowledge();
    assert.equal(await service.stop(), 0, service.said.err);
    const figures = service.events.filter((event) => '_aws' in event).at(-1)!;
    assert.equal(figures.Service, 'all');
    assert.equal(figures.Deployment, 'skylark-');
    assert.ok((figures.BatchLatency as number) >= 1 && (figures.DeliveryLatency as number) >= 1);
    assert.deepEqual([figures.Throttles, figures.StoreErrors], [0, 0]);
    assert.ok((figures.CertificateDaysLeft as number) > 3_000);
    service = await start();
    assert.equal((await romeo.resume(door())).name, 'resumed');
    romeo.send("<message type='chat' to='juliet@example.org/balcony'><body>between</body></message>");
    assert.equal((await juliet.resume(door())).name, 'resumed');
    await juliet.until(() => juliet.bodies.length === 2, 'what came while she was away');
    assert.deepEqual(juliet.bodies, ['before', 'between']);
  });

  test('takes its place after kill -9: sessions bind anew and nothing is lost', async () => {
    const romeo = await ManagedClient.signIn(door(), 'romeo@example.org/orchard', 'pw');
    romeo.send("<message type='chat' to='juliet@example.org'><body>last</body></message>");
    await romeo.settle();
    await service.stop('SIGKILL');
    service = await start();
    const juliet = await ManagedClient.signIn(door(), 'juliet@example.org/tomb', 'pw');
    juliet.send('<presence/>');
    await juliet.until(() => juliet.bodies.includes('last'), 'the message that was acknowledged');
    assert.equal(await service.stop(), 0, service.said.err);
  });
});
