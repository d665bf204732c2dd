/**
 * CPU and memory of each service of a cluster on this machine (nats-server and dynalite beside it), under a load that it bears with
 * ease. Noisy: other work on the machine shows in it, unlike in what is counted.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, xml, client as xmppClient } from '@xmpp/client';
import { chat, pause } from '../../bench/chat.ts';
import { LoadClient } from '../../bench/load-client.ts';
import { room } from '../../bench/muc.ts';
import { usageOf } from '../../bench/process-usage.ts';
import { openAdmin } from '../../services/cli/admin-client.ts';

const main = new URL('../../services/main.ts', import.meta.url).pathname;
const sessions = 200;
/** Of clients that sign in with SCRAM, as nearly all do; the load's own use PLAIN, for which a server has to derive the keys each time. */
const scramSignIns = 40;
const warmSessions = 20;
const messagesPerSecond = 80;
const seconds = 6;
const occupants = 50;
const roomMessages = 40;
/** The least of them counts: what else runs on the machine only ever adds. */
const rounds = 3;
const roundsMax = 6;
const idleMs = 10_000;

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
  readonly connectionBytesPerSession: number;
}

interface Started {
  readonly event: string;
  readonly service?: Service;
  readonly pid: number;
  readonly addresses?: { readonly c2sTls?: { readonly port: number } };
}

export async function measureCpu(): Promise<CpuFigures> {
  const data = mkdtempSync(join(tmpdir(), 'skylark-measure-'));
  const ports = ['--c2s-port=0', '--c2s-tls-port=0', '--http-port=0', '--https-port=0'];
  const sizes = ['--connections=1', '--routers=1', '--muc=1'];
  const child = spawn(process.execPath, [main, 'cluster', '--json', '--data', data, ...ports, ...sizes], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SKYLARK_LOG_LEVEL: 'error' },
  });
  try {
    return await underLoad(await ready(child), data);
  } catch (error) {
    console.error(error); // before clients that are still there are told that the cluster ends
    throw error;
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(data, { recursive: true, force: true });
  }
}

async function signInWithScram(port: number): Promise<Client[]> {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  const signedIn: Client[] = [];
  for (let index = 0; index < scramSignIns; index++) {
    const options = { domain: 'localhost', username: `load${index}`, password: 'load', resource: 'scram' };
    const client = xmppClient({ service: `xmpps://127.0.0.1:${port}`, ...options });
    client.on('error', () => undefined); // start() throws it, too
    await client.start();
    await client.send(xml('presence'));
    signedIn.push(client);
  }
  return signedIn;
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

async function underLoad(started: readonly Started[], data: string): Promise<CpuFigures> {
  const of = (service: Service) => started.find((one) => one.service === service)!;
  const port = of('connection').addresses!.c2sTls!.port;
  const cpu = (): Micros =>
    Object.fromEntries(services.map((service) => [service, usageOf(of(service).pid).cpuMicros])) as Record<Service, number>;
  /** What the processes need of themselves (heartbeats, timers), a millisecond; not for what is done for people. */
  let idleMicros: Micros = { connection: 0, router: 0, muc: 0 };
  const since = () => ({ cpu: cpu(), atMs: performance.now() });
  const each = (before: ReturnType<typeof since>, count: number) => {
    const [now, tookMs] = [cpu(), performance.now() - before.atMs];
    const of = (service: Service) => Math.max(0, now[service] - before.cpu[service] - idleMicros[service] * tookMs) / count;
    return Object.fromEntries(services.map((service) => [service, Math.round(of(service))])) as Record<Service, number>;
  };
  const memory = () => usageOf(of('connection').pid).residentBytes;

  const admin = await openAdmin(realpathSync(data));
  for (let index = 0; index < sessions + warmSessions; index++)
    await admin.ask('user-add', { jid: `load${index}@localhost`, password: 'load' });
  await admin.close();
  const signIn = async (index: number) => {
    const target = { host: '127.0.0.1', port, domain: 'localhost', tls: 'direct' } as const;
    const client = new LoadClient(target, { local: `load${index}`, password: 'load', resource: 'load' }, true);
    await client.start();
    return client;
  };
  const clients: LoadClient[] = [];
  for (let index = 0; index < warmSessions; index++) clients.push(await signIn(sessions + index));
  await chat(clients, messagesPerSecond, 2);

  const emptyBytes = memory();
  for (let index = 0; index < sessions; index++) clients.push(await signIn(index));
  await pause(1_000);
  const connectionBytesPerSession = Math.round((memory() - emptyBytes) / sessions);
  const still = cpu();
  await pause(idleMs);
  const moved = cpu();
  idleMicros = {
    connection: (moved.connection - still.connection) / idleMs,
    router: (moved.router - still.router) / idleMs,
    muc: (moved.muc - still.muc) / idleMs,
  };
  const least: Record<'signIn' | 'message' | 'roomDelivery', Micros[]> = { signIn: [], message: [], roomDelivery: [] };
  for (let round = 0; least.signIn.length < rounds; round++) {
    if (round === roundsMax) throw new Error(`in ${round} rounds messages came so late that they do not count`);
    const before = since();
    const others = await signInWithScram(port);
    const signIn = each(before, scramSignIns);
    for (const other of others) await other.stop();
    await pause(1_000);

    const silent = since();
    const said = await chat(clients, messagesPerSecond, seconds);
    const message = each(silent, said.received);
    let joined = since();
    const talk = await room(clients.slice(0, occupants), `load${round}@conference.localhost`, roomMessages, () => {
      joined = since();
    });
    if (said.lost > 0 || talk.lost > 0) continue; // other work holds the machine up
    least.signIn.push(signIn);
    least.message.push(message);
    least.roomDelivery.push(each(joined, talk.deliveries));
  }
  for (const client of clients) client.stop();
  return {
    noisy: true,
    machine: `${process.platform}-${process.arch}, ${cpus().length} cores, Node ${process.versions.node}`,
    load: `${scramSignIns} sign-ins with SCRAM, ${sessions} sessions over TLS, ${messagesPerSecond} messages a second for ${seconds} s, a room of ${occupants}; least of ${rounds} rounds`,
    signInMicros: leastOf(least.signIn),
    messageMicros: leastOf(least.message),
    roomDeliveryMicros: leastOf(least.roomDelivery),
    connectionBytesPerSession,
  };
}

/** Of the round in which all of them together took least. */
function leastOf(found: readonly Micros[]): Micros {
  const sum = (micros: Micros) => services.reduce((total, service) => total + micros[service], 0);
  return found.reduce((best, one) => (sum(one) < sum(best) ? one : best));
}
