/**
 * `skylark cluster` with gates in front of nats-server and the store, and what ECS would do around it: processes that died or are
 * rolled get a replacement of another name by `skylark serve`. Around it are other servers (neighbourhood.ts).
 */
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, startNats } from '../adapters/nats-server.ts';
import type { Random } from '../simulator/random.ts';
import { freePorts } from '../support/free-ports.ts';
import type { Door } from './door.ts';
import { type DynamoGate, startDynamoGate } from './dynamo-gate.ts';
import { type NatsGate, startNatsGate } from './nats-gate.ts';
import { Neighbourhood, ourDomains } from './neighbourhood.ts';
import { command } from './peer-server.ts';
import { killPid, type Listening, ServiceProcess } from './service-process.ts';

export type Kind = 'connection' | 'router' | 'muc' | 'federation';
const kinds: readonly Kind[] = ['connection', 'router', 'muc', 'federation'];
const letters = { connection: 'c', router: 'r', muc: 'm', federation: 'f' };

export interface Member {
  readonly kind: Kind;
  readonly name: string;
  readonly pid: number;
  /** Where clients and other servers connect, direct TLS. */
  readonly door: Door | undefined;
  readonly s2sDoor: Door | undefined;
}

/** From when on what had been sent may be sent again. */
export interface Interruption {
  /** The domains that sent it. */
  readonly hosts: readonly string[];
  readonly atMs: number;
}

const pollMs = 50;
const endTimeoutMs = 30_000;

export class Deployment {
  readonly domain = ourDomains[0];
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'skylark-faults-')));
  readonly logPath = join(this.folder, 'log');
  members: readonly Member[] = [];
  nats!: NatsGate;
  dynamo!: DynamoGate;
  around!: Neighbourhood;
  /** Processes that were killed or stood still with streams to other servers. */
  readonly interruptions: Interruption[] = [];
  readonly #log = openSync(this.logPath, 'a');
  readonly #replacements = new Set<ServiceProcess>();
  readonly #numbers = { connection: 2, router: 2, muc: 2, federation: 2 };
  #natsServer!: NatsServer;
  #engine: ServiceProcess | undefined;
  #cluster: ServiceProcess | undefined;

  async start(random: Random, hasProsody: boolean): Promise<void> {
    const ourDoors = () => this.members.flatMap(({ s2sDoor }) => s2sDoor ?? []);
    this.around = new Neighbourhood({ folder: this.folder, random, ourDoors, hasProsody });
    await this.around.prepare();
    this.#natsServer = await startNats();
    this.nats = await startNatsGate(this.#natsServer.port);
    const engine = ['serve', 'dynamodb', '--until-input-ends', '--port', '0', '--data', this.folder];
    this.#engine = await ServiceProcess.start(engine, 'listening', this.#log);
    const { port } = this.#engine.listening[0]!.addresses.dynamodb!;
    this.dynamo = await startDynamoGate(`http://127.0.0.1:${port}`, random);
    const [s2sTls] = await freePorts(1);
    const ports = ['--c2s-port=0', '--c2s-tls-port=0', '--http-port=0', '--https-port=0', '--component-port=0'];
    const peerPorts = ['--s2s-port=0', `--s2s-tls-port=${s2sTls}`];
    const counts = ['--connections=2', '--routers=2', '--muc=2', '--federation=2'];
    const streams = [...this.#streams, ...this.around.authorityArguments, ...this.around.findingArguments];
    const args = ['cluster', '--json', '--data', this.folder, ...ports, ...peerPorts, ...counts, ...streams, ...this.#common];
    this.#cluster = await ServiceProcess.start(args, 'ready', this.#log);
    this.members = this.#cluster.listening.flatMap((started) => memberOf(started));
    for (const domain of ourDomains.slice(1)) await this.command('tenant', 'add', domain, '--registration', 'open');
    await this.around.start();
  }

  /** One of the operator's. */
  command(...args: string[]): Promise<void> {
    return command(this.folder, args);
  }

  /** Where the connection nodes are, as a load balancer knows them that checks nobody's health. */
  get doors(): Door[] {
    return this.members.flatMap(({ door }) => door ?? []);
  }

  of(kind: Kind): Member[] {
    return this.members.filter((member) => member.kind === kind);
  }

  /** A new process of that kind; clients find it when it is ready. */
  async add(kind: Kind): Promise<Member> {
    const name = `${letters[kind]}${++this.#numbers[kind]}`;
    const args = ['serve', kind, '--name', name, '--until-input-ends', ...this.#common, ...(await this.#argumentsOf(kind))];
    const replacement = await ServiceProcess.start(args, 'listening', this.#log);
    this.#replacements.add(replacement);
    const [member] = memberOf({ ...replacement.listening[0]!, service: kind, name, pid: replacement.pid });
    this.members = [...this.members, member!];
    return member!;
  }

  /** As `skylark cluster` gives them to its processes. */
  async #argumentsOf(kind: Kind): Promise<string[]> {
    const tickets = ['--ticket-keys', join(this.folder, 'ticket-keys')];
    const keys = ['--key-file', join(this.folder, 'keys', 'certificates.key')];
    const { authorityArguments, findingArguments } = this.around;
    if (kind === 'federation') return [...this.#streams, ...tickets, ...keys, ...authorityArguments, ...findingArguments];
    if (kind !== 'connection') return ['--federation', ...(kind === 'router' ? keys : [])];
    const [s2sTls] = await freePorts(1);
    const ports = ['--c2s-port=0', '--c2s-tls-port=0', '--federation', '--s2s-port=0', `--s2s-tls-port=${s2sTls}`];
    return [...this.#streams, ...ports, ...tickets, ...authorityArguments];
  }

  /** With `kill -9` clients keep trying the dead node's port until it is forgotten. */
  signal({ pid }: Member, signal: NodeJS.Signals): void {
    killPid(pid, signal);
  }

  /** Waits until it has ended, and takes it from the list. @returns how long that took, milliseconds */
  async ended(member: Member): Promise<number> {
    const begun = performance.now();
    while (killPid(member.pid, 0)) {
      if (performance.now() - begun > endTimeoutMs) throw new Error(`${member.name} did not end within ${endTimeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    this.forget(member);
    return performance.now() - begun;
  }

  forget(member: Member): void {
    this.members = this.members.filter((other) => other !== member);
  }

  async restartNats(downMs: number): Promise<void> {
    const { port } = this.#natsServer;
    await this.#natsServer.stop('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, downMs));
    this.#natsServer = await startNats(port);
  }

  /** @returns what was left behind, if anything */
  async stop(): Promise<string[]> {
    this.nats?.heal();
    if (this.dynamo) this.dynamo.weather = 'fair';
    const leftAround = (await this.around?.stop()) ?? [];
    for (const { pid } of this.members) killPid(pid, 'SIGCONT');
    const late = await Promise.all([...this.#replacements, ...(this.#cluster ? [this.#cluster] : [])].map((each) => each.stop()));
    const all = [...this.#replacements].map(({ pid }) => pid).concat(this.#cluster?.listening.map(({ pid }) => pid) ?? []);
    const alive = all.filter((pid) => killPid(pid, 0));
    await this.#engine?.stop();
    this.nats?.close();
    this.dynamo?.close();
    await this.#natsServer?.stop();
    closeSync(this.#log);
    return [
      ...leftAround,
      ...alive.map((pid) => `process ${pid} is still there`),
      ...(late.includes(false) ? ['a process did not stop in time'] : []),
    ];
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #streams(): string[] {
    return ['--domain', this.domain, '--bind', this.around.ourAddress, ...this.around.certificateArguments];
  }

  get #common(): string[] {
    return ['--nats', this.nats.url, '--dynamodb', this.dynamo.url];
  }
}

function memberOf({ service, name, pid, addresses: { c2sTls, s2sTls } }: Listening): Member[] {
  const kind = kinds.find((each) => each === service);
  return kind === undefined ? [] : [{ kind, name, pid, door: c2sTls && doorOf(c2sTls), s2sDoor: s2sTls && doorOf(s2sTls) }];
}

function doorOf({ address, port }: { readonly address: string; readonly port: number }): Door {
  return { host: address, port };
}
