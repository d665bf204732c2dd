/** The function that makes the keys of the bus: what it writes, when servers are replaced, and that both sides fit at any moment. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { makeNatsIdentity, parseNatsAccess } from '../../lib/adapters/nats-access.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import type { ServersSecret } from '../../services/bus-keys/generations.ts';
import { handler, renew } from '../../services/bus-keys/lambda.ts';
import { type NatsServer, skipWithoutNats, startNats } from '../adapters/nats-server.ts';

const dayMs = 24 * 60 * 60 * 1000;
const settings = {
  ...{ AWS_REGION: 'eu-central-1', SKYLARK_KEYS_SECRET: 'keys', SKYLARK_SERVERS_SECRET: 'servers' },
  ...{ SKYLARK_BUS_HOST: 'localhost', SKYLARK_CLUSTER: 'skylark', SKYLARK_BUS_SERVICE: 'nats' },
  tiers: new Map([
    ['router', 'tier-router'],
    ['connection', 'tier-connection'],
  ] as const),
};

class Place {
  readonly texts = new Map<string, string>();
  deployments = 0;
  failsAt: string | undefined;
  aheadMs = 0;
  readonly clock: Clock = { ...systemClock, now: () => systemClock.now() + this.aheadMs };

  run(asked: { readonly renewsKeys?: boolean; readonly isFirst?: boolean } = {}) {
    const secrets = {
      read: async (id: string) => this.texts.get(id) ?? '?{random text of a new secret}',
      write: async (id: string, text: string) => {
        if (this.failsAt === id) throw new Unavailable('planted');
        assert.ok(text.length < 64 * 1024);
        this.texts.set(id, text);
      },
      close() {},
    };
    const redeploy = async (cluster: string, service: string) => {
      assert.deepEqual([cluster, service], ['skylark', 'nats']);
      if (this.failsAt === 'ecs') throw new Unavailable('planted');
      this.deployments++;
    };
    return renew({ secrets, ecs: { redeploy }, clock: this.clock }, settings, asked);
  }

  get servers(): ServersSecret {
    return JSON.parse(this.texts.get('servers')!) as ServersSecret;
  }

  access(tier: string) {
    return parseNatsAccess(this.texts.get(`tier-${tier}`)!);
  }

  /** What all that it has written says, with the servers' part apart. */
  get all(): string {
    return JSON.stringify([...this.texts].sort());
  }
}

test('the first run makes everything, and the next ones change nothing', async () => {
  const place = new Place();
  assert.deepEqual(await place.run({ isFirst: true }), { written: ['servers', 'router', 'connection'], deploys: false });
  const { all } = place;
  assert.deepEqual(await place.run(), { written: [], deploys: false });
  assert.equal(place.all, all);
  assert.equal(place.deployments, 0);
});

test('no secret contains more than its reader needs', async () => {
  const place = new Place();
  await place.run({ isFirst: true });
  assert.deepEqual(Object.keys(place.access('router')).sort(), ['account', 'ca', 'seed']);
  assert.notEqual(place.access('router').seed, place.access('connection').seed);
  assert.deepEqual(Object.keys(place.servers).sort(), ['ca', 'cert', 'key', 'trust']);
  // Neither the key of an authority nor a seed.
  assert.equal(place.servers.key.match(/PRIVATE KEY/g)!.length, 2);
  for (const text of [place.servers.trust, place.servers.ca, place.servers.cert, place.access('router').ca!])
    assert.doesNotMatch(text, /PRIVATE KEY|"?S[AOU][A-Z2-7]{56}"?/);
});

test('the certificate of the servers is replaced when a third of its days is left', async () => {
  const place = new Place();
  await place.run({ isFirst: true });
  const [before, router] = [place.servers, place.texts.get('tier-router')];
  place.aheadMs = 59 * dayMs;
  assert.deepEqual(await place.run(), { written: [], deploys: false });
  place.aheadMs = 61 * dayMs;
  assert.deepEqual(await place.run(), { written: ['servers'], deploys: true });
  assert.notEqual(place.servers.cert, before.cert);
  assert.deepEqual([place.servers.ca, place.servers.trust], [before.ca, before.trust]);
  assert.equal(place.texts.get('tier-router'), router);
  assert.equal(place.deployments, 1);
});

for (const where of ['keys', 'servers', 'tier-router', 'ecs']) {
  test(`a run that fails at ${where} is made good by the next one`, async () => {
    const place = new Place();
    await place.run({ isFirst: true });
    const before = place.access('router').seed;
    place.failsAt = where;
    await assert.rejects(place.run({ renewsKeys: true }), Unavailable);
    place.failsAt = undefined;
    await place.run(where === 'keys' ? { renewsKeys: true } : {});
    assert.equal(place.deployments, 1);
    assert.notEqual(place.access('router').seed, before);
    assert.deepEqual(await place.run(), { written: [], deploys: false });
  });
}

describe('while keys are exchanged', { skip: skipWithoutNats, timeout: 120_000 }, () => {
  async function start(folder: string, { trust, cert, key, ca }: ServersSecret): Promise<NatsServer> {
    for (const [name, text] of Object.entries({ cert, key, ca })) writeFileSync(join(folder, name), text);
    const file = (name: string) => JSON.stringify(join(folder, name));
    return startNats(-1, `${trust}\ntls { cert_file: ${file('cert')}, key_file: ${file('key')}, ca_file: ${file('ca')} }\n`);
  }

  async function letsIn(server: NatsServer, access: ReturnType<Place['access']>): Promise<boolean> {
    const { authenticator } = await makeNatsIdentity(access, 'one');
    const tls = { ca: access.ca! };
    try {
      const nats = await connect({ servers: `localhost:${server.port}`, authenticator, tls, reconnect: false, timeout: 3_000 });
      await nats.close();
      return true;
    } catch {
      return false;
    }
  }

  test('old and new servers let in old and new processes, until the generation after the next', async () => {
    const place = new Place();
    const folders = Array.from({ length: 3 }, () => mkdtempSync(join(tmpdir(), 'skylark-bus-keys-')));
    const servers: NatsServer[] = [];
    try {
      await place.run({ isFirst: true });
      const first = place.access('router');
      servers.push(await start(folders[0]!, place.servers));
      await place.run({ renewsKeys: true });
      const second = place.access('router');
      servers.push(await start(folders[1]!, place.servers));
      for (const server of servers) {
        assert.equal(await letsIn(server, first), true);
        assert.equal(await letsIn(server, second), true);
      }
      await place.run({ renewsKeys: true });
      servers.push(await start(folders[2]!, place.servers));
      const [, , newest] = servers;
      assert.equal(await letsIn(newest!, first), false, 'what leaked before the first exchange');
      assert.equal(await letsIn(newest!, { ...first, ca: second.ca }), false, 'with authorities of today');
      assert.equal(await letsIn(newest!, second), true);
      assert.equal(await letsIn(newest!, place.access('router')), true);
      assert.equal(await letsIn(servers[1]!, place.access('router')), true);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    }
  });
});

test('the certificate is for the name of the servers, as a server and as a client, and for 90 days', async () => {
  const place = new Place();
  await place.run({ isFirst: true });
  const certificate = new X509Certificate(place.servers.cert);
  assert.equal(certificate.checkHost('localhost'), 'localhost');
  assert.equal(certificate.ca, false);
  assert.deepEqual([...certificate.keyUsage].sort(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  const days = (certificate.validToDate.getTime() - systemClock.now()) / dayMs;
  assert.ok(days > 89 && days <= 90, `${days}`);
});

test('CloudFormation is answered, also when it fails; an event that is not known is refused', async () => {
  const answers: Record<string, string>[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      answers.push(JSON.parse(text) as Record<string, string>);
      response.end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const ResponseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const request = { ResponseURL, StackId: 's', RequestId: 'r', LogicalResourceId: 'l', ResourceProperties: {} };
  try {
    assert.equal(await handler({ ...request, RequestType: 'Create' }), undefined); // there are no settings here
    assert.equal(await handler({ ...request, RequestType: 'Delete' }), undefined);
    assert.deepEqual(
      answers.map(({ Status, PhysicalResourceId }) => [Status, PhysicalResourceId]),
      [
        ['FAILED', 'bus-keys'],
        ['SUCCESS', 'bus-keys'],
      ],
    );
    assert.match(answers[0]!.Reason!, /SKYLARK_KEYS_SECRET: is needed/);
    await assert.rejects(handler({ renew: 'all' }), /the event is not known/);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
