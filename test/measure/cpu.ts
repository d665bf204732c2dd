/**
 * CPU of each service of a cluster on this machine (nats-server and dynalite beside it), under a load that it bears with ease, by the
 * benchmark's own modes. Noisy: other work on the machine shows in it, unlike in what is counted.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gather, Pace } from '../../bench/generator/crowd.ts';
import type { Account, Endpoint } from '../../bench/generator/endpoint.ts';
import { chat } from '../../bench/modes/chat.ts';
import { room } from '../../bench/modes/muc.ts';
import type { Outcome } from '../../bench/modes/outcome.ts';
import { signIn } from '../../bench/modes/signin.ts';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { userAdd } from '../../services/router/operations/users.ts';

const main = new URL('../../services/main.ts', import.meta.url).pathname;
const domain = 'localhost';
const sessions = 60;
const signIns = 100;
const messagesPerSecond = 60;
const seconds = 6;
const occupants = 40;
/** The least of them counts: what else runs on the machine only ever adds. */
const rounds = 2;
const roundsMax = 6;

const services = ['connection', 'router', 'muc'] as const;
type Service = (typeof services)[number];
type Micros = Readonly<Record<Service, number>>;

export interface CpuFigures {
  readonly noisy: true;
  readonly machine: string;
  readonly load: string;
  readonly signInMicros: Micros;
  readonly messageMicros: Micros;
  /** One message to one occupant. */
  readonly roomDeliveryMicros: Micros;
}

interface Started {
  readonly event: string;
  readonly service?: Service;
  readonly pid: number;
  readonly addresses?: { readonly c2sTls?: { readonly port: number } };
}

export async function measureCpu(): Promise<CpuFigures> {
  const data = mkdtempSync(join(tmpdir(), 'skylark-measure-'));
  const ports = ['--c2s-port=0', '--c2s-tls-port=0', '--http-port=0', '--https-port=0', '--component-port=0'];
  const sizes = ['--connections=1', '--routers=1', '--muc=1'];
  const child = spawn(process.execPath, [main, 'cluster', '--json', '--data', data, ...ports, ...sizes], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SKYLARK_LOG_LEVEL: 'error' },
  });
  try {
    return await underLoad(await ready(child), data);
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(data, { recursive: true, force: true });
  }
}

async function ready(child: ChildProcess): Promise<readonly Started[]> {
  const started: Started[] = [];
  for await (const line of createInterface({ input: child.stdout! })) {
    const event = JSON.parse(line) as Started;
    if (event.event === 'ready') return started;
    if (event.event === 'listening') started.push(event);
  }
  throw new Error('the cluster ended before it was ready');
}

async function makeAccounts(data: string): Promise<Account[]> {
  const accounts = Array.from({ length: sessions }, (_, index) => ({ local: `load${index}`, password: 'load' }));
  const admin = await openAdmin(realpathSync(data));
  for (const { local, password } of accounts) await admin.ask(userAdd, { jid: `${local}@${domain}`, password });
  await admin.close();
  return accounts;
}

async function underLoad(started: readonly Started[], data: string): Promise<CpuFigures> {
  const of = (service: Service) => started.find((one) => one.service === service)!;
  const { port } = of('connection').addresses!.c2sTls!;
  const endpoint: Endpoint = { host: '127.0.0.1', port, domain, transport: 'tls', mechanism: 'SCRAM-SHA-1' };
  const pace = new Pace();
  const accounts = await makeAccounts(data);
  const clients = await gather(endpoint, accounts, sessions, pace, { sm: true });
  let rooms = 0;
  const signInMicros = await ofEach((service) => signIn({ pid: of(service).pid, accounts, pace }, endpoint, signIns, false));
  const messageMicros = await ofEach((service) =>
    chat(clients, of(service).pid, { seconds, window: 1, rate: messagesPerSecond, sm: true }),
  );
  const roomDeliveryMicros = await ofEach((service) =>
    room(clients.slice(0, occupants), of(service).pid, { address: `load${rooms++}@conference.${domain}`, seconds, window: 1 }),
  );
  for (const client of clients) client.stop();
  return {
    noisy: true,
    machine: `${process.platform}-${process.arch}, ${cpus().length} cores, Node ${process.versions.node}`,
    load: `${signIns} sign-ins with SCRAM, ${messagesPerSecond} messages a second, a room of ${occupants}; least of ${rounds} rounds`,
    signInMicros,
    messageMicros,
    roomDeliveryMicros,
  };
}

/** The modes look at one process at a time, so each is played for each service. */
async function ofEach(play: (service: Service) => Promise<Outcome>): Promise<Micros> {
  const micros: Record<Service, number> = { connection: 0, router: 0, muc: 0 };
  for (const service of services) micros[service] = Math.round(await leastOf(() => play(service)));
  return micros;
}

/** @throws when messages come so late, again and again, that nothing can be said */
async function leastOf(play: () => Promise<Outcome>): Promise<number> {
  const found: number[] = [];
  for (let round = 0; found.length < rounds; round++) {
    if (round === roundsMax) throw new Error(`in ${round} rounds too much came too late: other work holds this machine up`);
    const { lost, duplicated, reordered, cpuMicrosEach } = await play();
    if (lost + duplicated + reordered === 0) found.push(cpuMicrosEach!);
  }
  return Math.min(...found);
}
