/** The bus as its container runs it: the template's command and configuration, with a real nats-server if there is one. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@nats-io/transport-node';
import { connectNatsBus, type NatsBus } from '../../lib/adapters/nats-bus.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { BusTier } from '../../lib/runtime/bus-rights.ts';
import { advance, serversSecret, tierSecret } from '../../services/bus-keys/generations.ts';
import { natsSigning } from '../../services/bus-keys/lambda.ts';
import { slowConsumerText } from '../lib/nats-bus.ts';
import type { Json } from './context.ts';
import { shape } from './synthesis.ts';

const program = ['/usr/sbin/nats-server', '/usr/local/bin/nats-server', '/usr/bin/nats-server'].find(
  (path) => spawnSync(path, ['--version']).status === 0,
);
const needsServer = { skip: program === undefined && 'nats-server is not installed' };

function bus(): { service: Json; container: Json; task: Json } {
  const { only } = shape('cell');
  const task = only('net', 'AWS::ECS::TaskDefinition').Properties;
  return { service: only('net', 'AWS::ECS::Service').Properties, task, container: task.ContainerDefinitions[0] };
}

function variable(name: string): string {
  return bus().container.Environment.find(({ Name }: Json) => Name === name).Value;
}

test('three servers are replaced one at a time', () => {
  const { service } = bus();
  assert.equal(service.DesiredCount, 3);
  const { MinimumHealthyPercent, MaximumPercent } = service.DeploymentConfiguration;
  assert.deepEqual([Math.ceil((3 * MinimumHealthyPercent) / 100), Math.floor((3 * MaximumPercent) / 100)], [2, 3]);
});

test('clients find all servers by one name in Cloud Map', () => {
  const { resources, only } = shape('cell');
  const { Properties: names } = resources('net', 'AWS::ServiceDiscovery::Service').find(([id]) => id.startsWith('Bus'))![1];
  assert.equal(names.Name, 'nats');
  assert.deepEqual(names.DnsConfig.DnsRecords, [{ Type: 'A', TTL: 5 }]);
  assert.equal(names.DnsConfig.RoutingPolicy, 'MULTIVALUE');
  assert.equal(only('net', 'AWS::ServiceDiscovery::PrivateDnsNamespace').Properties.Name, 'skylark.internal');
  assert.equal(bus().service.ServiceRegistries.length, 1);
  assert.equal(resources('net', 'AWS::ECS::Service').length, 1);
});

test('the image is the official one, pinned to a version', () => {
  assert.match(bus().container.Image, /^public\.ecr\.aws\/docker\/library\/nats:\d+\.\d+\.\d+-alpine$/);
});

test('nothing is durable: no JetStream; monitoring is for the container alone', () => {
  const config = variable('NATS_CONFIG');
  assert.doesNotMatch(config, /jetstream|store_dir/);
  assert.match(config, /http: "127\.0\.0\.1:8222"/);
  assert.match(config, /routes: \["nats:\/\/nats\.skylark\.internal:6222"\]/);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  said(pattern: RegExp): Promise<void>;
  has(pattern: RegExp): boolean;
}

type Secrets = Readonly<Record<string, string>>;

/** `arn:…:<field>::` */
function fieldOf(valueFrom: Json): keyof Secrets {
  return valueFrom['Fn::Join'][1].at(-1).split(':')[1];
}

/** The container's own command and configuration, on loopback ports. */
function start(bin: string, ports: { clients: number; routes: number; other: number }, secrets: Secrets): Running {
  const { container } = bus();
  const [shell, ...args] = container.EntryPoint;
  const given = container.Secrets.map(({ Name, ValueFrom }: Json) => [Name, secrets[fieldOf(ValueFrom)]]);
  const folder = mkdtempSync(join(bin, 'files-'));
  const config = variable('NATS_CONFIG')
    .replaceAll(`${variable('NATS_FOLDER')}/`, `${folder}/`)
    .replace('0.0.0.0:4222', `127.0.0.1:${ports.clients}`)
    .replace('0.0.0.0:6222', `127.0.0.1:${ports.routes}`)
    .replace('127.0.0.1:8222', '127.0.0.1:-1')
    .replace('nats.skylark.internal:6222', `localhost:${ports.other}`)
    .replace('lame_duck_grace_period: "10s"', 'lame_duck_grace_period: "100ms"')
    .replace('lame_duck_duration: "60s"', 'lame_duck_duration: "31s"'); // the least that it accepts; without clients it ends at once
  const child = spawn(shell, args, {
    env: { PATH: `${bin}:/usr/bin:/bin`, NATS_CONFIG: config, NATS_FOLDER: folder, ...Object.fromEntries(given) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
      for (const listener of listeners) listener();
    });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    child,
    ended,
    has: (pattern) => pattern.test(output),
    async said(pattern) {
      const found = new Promise<void>((resolve) => {
        const look = () => pattern.test(output) && resolve();
        listeners.add(look);
        look();
      });
      const over = ended.then((code) => Promise.reject(new Error(`it ended with ${code}: ${output}`)));
      const late = AbortSignal.timeout(20_000);
      const tooLate = new Promise<never>((_, reject) =>
        late.addEventListener('abort', () => reject(new Error(`no ${pattern}: ${output}`))),
      );
      await Promise.race([found, over, tooLate]);
    },
  };
}

/** What the function of the template makes, for servers that are found as `localhost`. */
async function makeKeys() {
  const state = await advance(undefined, { host: 'localhost', tiers: cellTiers, renewsKeys: false }, systemClock, natsSigning);
  return { secrets: { ...serversSecret(state) }, access: (tier: BusTier) => tierSecret(state, tier) };
}

const cellTiers = ['connection', 'peers', 'router', 'muc', 'federation', 'api'] as const;

test(
  'servers find each other over TLS, services of all tiers reach each other through both, and SIGTERM puts one into lame-duck mode',
  needsServer,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'skylark-nats-'));
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(program!, join(bin, 'nats-server'));
    const [a, b, routesA, routesB] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const { secrets, access } = await makeKeys();
    const servers = [
      start(bin, { clients: a, routes: routesA, other: routesB }, secrets),
      start(bin, { clients: b, routes: routesB, other: routesA }, secrets),
    ] as const;
    const at = (port: number, tier: BusTier) =>
      connectNatsBus({ servers: [`nats://localhost:${port}`], clock: systemClock, name: tier, access: access(tier) });
    const open: NatsBus[] = [];
    try {
      await Promise.all(servers.map((server) => server.said(/Server is ready/)));
      await servers[0].said(/Route connection created/);
      const router = await at(b, 'router');
      open.push(router);
      await router.serve('rt', (payload) => payload, { queue: 'rt' });
      for (const tier of cellTiers) {
        const one = await at(a, tier);
        open.push(one);
        // A server tells the others of a subscription when it has the time.
        const patient = async (tries: number): Promise<Uint8Array> =>
          one
            .request('rt', Buffer.from(tier), { timeoutMs: 2_000 })
            .catch((error) => (tries === 0 ? Promise.reject(error) : patient(tries - 1)));
        assert.equal(Buffer.from(await patient(20)).toString(), tier);
      }
      await assert.rejects(connect({ servers: `localhost:${a}`, reconnect: false, tls: { ca: secrets.ca } }), /Authorization/);
      await Promise.all(open.splice(0).map((one) => one.close()));
      servers[0].child.kill('SIGTERM');
      await servers[0].said(/[Ll]ame duck mode/);
      await servers[0].ended;
      assert.ok(!servers[1].has(/[Ll]ame duck/));
      assert.equal(servers[1].child.exitCode, null);
    } finally {
      await Promise.all(open.map((one) => one.close()));
      for (const { child } of servers) child.kill('SIGTERM');
      await Promise.all(servers.map(({ ended }) => ended));
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

test('a server says that a client reads too slowly, in the words that the alarm looks for', needsServer, async () => {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'skylark-nats-'));
  const file = join(folder, 'nats.conf');
  writeFileSync(file, `listen: "127.0.0.1:${port}"\nmax_payload: 64KB\nmax_pending: 64KB\nwrite_deadline: "100ms"\n`);
  const child = spawn(program!, ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const until = async (isSo: () => boolean, what: string) => {
    for (const end = performance.now() + 20_000; !isSo(); ) {
      assert.ok(performance.now() < end, `${what}: ${output}`);
      await new Promise((resolve) => void setTimeout(resolve, 20));
    }
  };
  const open = async (said: string) => {
    const socket = createConnection(port, '127.0.0.1').on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(said);
    return socket;
  };
  try {
    await until(() => output.includes('Server is ready'), 'it does not start');
    const slow = await open('CONNECT {"verbose":false}\r\nSUB a 1\r\n');
    slow.pause();
    const loud = await open('CONNECT {"verbose":false}\r\n');
    loud.resume();
    const payload = 'x'.repeat(60_000);
    for (let count = 0; count < 400 && !output.includes(slowConsumerText); count++) {
      loud.write(`PUB a ${payload.length}\r\n${payload}\r\n`);
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
    await until(() => output.includes(slowConsumerText), 'nobody is cut off');
    for (const socket of [slow, loud]) socket.destroy();
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
