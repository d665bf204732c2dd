/**
 * Measures the processes of a cell on their own, over NATS and a DynamoDB-compatible store: what a message costs each kind of
 * process, and how many store requests it takes, at several loads. Requests per message fall as the load rises, because
 * concurrent ones are combined.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { openAdmin } from '../services/cli/commands/admin-client.ts';
import { openCloudStore } from '../services/cli/compose/cloud-ports.ts';
import { status } from '../services/router/operations/nodes.ts';
import { disperse, gather, Pace } from './generator/crowd.ts';
import type { Endpoint } from './generator/endpoint.ts';
import { chat } from './modes/chat.ts';
import { domain, pinToGenerator, run } from './servers/server.ts';
import { fillAccounts } from './servers/skylark.ts';
import type { Settings } from './settings.ts';
import { cpuOf } from './usage.ts';

const command = new URL('../bin/skylark.mjs', import.meta.url).pathname;

/** Each load has this many users, each with `window` messages on their way. */
const loads = [
  { users: 4, window: 1 },
  { users: 40, window: 1 },
  { users: 200, window: 1 },
];

/** In the order of a message's path, which does not include the web service. */
const services = ['connection', 'router', 'muc', 'nats', 'dynamodb'];

export interface Load {
  readonly users: number;
  readonly window: number;
  readonly perSecond: number;
  /** CPU by service: `connection`, `router`, `muc`, `nats`, `dynamodb`. */
  readonly cpuMicrosEach: Readonly<Record<string, number>>;
  /** Store requests by kind; heartbeats and the like are included. */
  readonly callsEach: Readonly<Record<string, number>>;
  readonly faults: number;
}

const eventSchema = z.object({
  event: z.string(),
  service: z.string().optional(),
  pid: z.number(),
  folder: z.string().optional(),
  dynamodb: z.string().optional(),
  addresses: z.record(z.string(), z.object({ port: z.number() })).optional(),
});

export async function measureCluster(settings: Settings, say: (line: string) => void): Promise<Load[]> {
  const data = mkdtempSync(join(tmpdir(), 'skylark-bench-'));
  const remove = () => rmSync(data, { recursive: true, force: true });
  process.once('exit', remove); // also after an interrupt
  const counts = ['--connections', '1', '--routers', '1', '--muc', '1'];
  const ports = ['--c2s-port', '--c2s-tls-port', '--http-port', '--https-port', '--component-port'].flatMap((name) => [
    name,
    '0',
  ]);
  const args = [command, 'cluster', '--json', '--domain', domain, '--data', data, ...counts, ...ports];
  try {
    const running = await run(process.execPath, args, { SKYLARK_LOG_LEVEL: 'warn' }, { line: '"event":"ready"' });
    try {
      return await measure(running.output(), settings, say);
    } finally {
      await running.stop();
    }
  } finally {
    process.removeListener('exit', remove);
    remove();
  }
}

async function measure(output: string, settings: Settings, say: (line: string) => void): Promise<Load[]> {
  const lines = output.split('\n').filter((line) => line.startsWith('{"event"'));
  const events = lines.map((line) => eventSchema.parse(JSON.parse(line)));
  const started = events.filter(({ event }) => event === 'listening');
  const ready = events.find(({ event }) => event === 'ready')!;
  const pids = new Map(started.map(({ service, pid }) => [service!, pid]));
  // the database is not ours, and on a shared core it would dominate the figures
  pinToGenerator(pids.get('dynamodb')!);
  const port = started.find(({ service }) => service === 'connection')!.addresses!.c2sTls!.port;
  const endpoint: Endpoint = { host: '127.0.0.1', port, domain, transport: 'tls', mechanism: settings.mechanism };
  const store = await openCloudStore({ dynamodb: ready.dynamodb, region: 'eu-central-1', tablePrefix: 'skylark-' });
  const accounts = await fillAccounts(store, Math.max(...loads.map(({ users }) => users)));
  await store.close();
  const admin = await openAdmin(ready.folder!);
  const pace = new Pace();
  const found: Load[] = [];
  try {
    for (const { users, window } of loads) {
      const clients = await gather(endpoint, accounts, users, pace, { sm: settings.sm });
      const read = async () => ({
        cpu: new Map(services.map((service) => [service, cpuOf(pids.get(service)!)])),
        calls: callsOf(await admin.ask(status, {})),
      });
      await chat(clients, undefined, { seconds: 1, window, sm: settings.sm });
      const before = await read();
      const options = { seconds: settings.seconds, window, sm: settings.sm, warmUp: false };
      const outcome = await chat(clients, undefined, options);
      const after = await read();
      const load = {
        users,
        window,
        perSecond: outcome.figures.perSecond!,
        cpuMicrosEach: perMessage(before.cpu, after.cpu, outcome.count),
        callsEach: perMessage(before.calls, after.calls, outcome.count),
        faults: outcome.lost + outcome.duplicated + outcome.reordered,
      };
      found.push(load);
      say(describe(load));
      await disperse(clients);
    }
  } finally {
    await admin.close();
  }
  return found;
}

function callsOf({ nodes }: z.output<typeof status.output>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { figures } of nodes) {
    for (const [name, count] of Object.entries(figures)) {
      if (!name.startsWith('store.')) continue;
      const kind = name.slice('store.'.length);
      sums.set(kind, (sums.get(kind) ?? 0) + count);
    }
  }
  if (sums.size === 0) throw new Error('no process reports its store requests');
  return sums;
}

function perMessage(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, messages: number) {
  return Object.fromEntries([...after].map(([name, value]) => [name, (value - (before.get(name) ?? 0)) / messages]));
}

export function sumOf(figures: Readonly<Record<string, number>>): number {
  return Object.values(figures).reduce((sum, value) => sum + value, 0);
}

function describe({ users, window, perSecond, cpuMicrosEach, callsEach, faults }: Load): string {
  const cpu = Object.entries(cpuMicrosEach).map(([service, micros]) => `${service} ${micros.toFixed(0)} µs`);
  const calls = Object.entries(callsEach).flatMap(([kind, count]) => (count > 0 ? [`${kind} ${count.toFixed(3)}`] : []));
  return [
    `${users} users with ${window} messages on their way each, ${perSecond.toFixed(0)} messages a second; lost, doubled or reordered: ${faults}`,
    `    CPU each: ${cpu.join(', ')}`,
    `    store requests for each: ${sumOf(callsEach).toFixed(2)} (${calls.join(', ')})`,
  ].join('\n');
}
