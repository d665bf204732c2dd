/**
 * `skylark cluster` with gates in front of nats-server and the store, and what ECS would do around it: processes that died or are
 * rolled get a replacement of another name by `skylark serve`.
 */
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, startNats } from '../adapters/nats-server.ts';
import type { Random } from '../simulator/random.ts';
import { type DynamoGate, startDynamoGate } from './dynamo-gate.ts';
import { type NatsGate, startNatsGate } from './nats-gate.ts';
import { killPid, ServiceProcess } from './service-process.ts';

export type Kind = 'connection' | 'router' | 'muc';
const kinds: readonly Kind[] = ['connection', 'router', 'muc'];
const letters = { connection: 'c', router: 'r', muc: 'm' };

export interface Member {
  readonly kind: Kind;
  readonly name: string;
  readonly pid: number;
  /** The port for direct TLS. */
  readonly port: number | undefined;
}

const pollMs = 50;
const endTimeoutMs = 30_000;

export class Deployment {
  readonly domain = 'localhost';
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'skylark-faults-')));
  readonly logPath = join(this.folder, 'log');
  members: readonly Member[] = [];
  nats!: NatsGate;
  dynamo!: DynamoGate;
  readonly #log = openSync(this.logPath, 'a');
  readonly #replacements = new Set<ServiceProcess>();
  readonly #numbers = { connection: 2, router: 2, muc: 2 };
  #natsServer!: NatsServer;
  #engine: ServiceProcess | undefined;
  #cluster: ServiceProcess | undefined;

  async start(random: Random): Promise<void> {
    this.#natsServer = await startNats();
    this.nats = await startNatsGate(this.#natsServer.port);
    const engine = ['serve', 'dynamodb', '--until-input-ends', '--port', '0', '--data', this.folder];
    this.#engine = await ServiceProcess.start(engine, 'listening', this.#log);
    const { port } = this.#engine.listening[0]!.addresses.dynamodb!;
    this.dynamo = await startDynamoGate(`http://127.0.0.1:${port}`, random);
    const ports = ['--c2s-port=0', '--c2s-tls-port=0', '--http-port=0', '--https-port=0', '--component-port=0'];
    const counts = ['--connections=2', '--routers=2', '--muc=2'];
    const args = ['cluster', '--json', '--data', this.folder, ...ports, ...counts, ...this.#common];
    this.#cluster = await ServiceProcess.start(args, 'ready', this.#log);
    this.members = this.#cluster.listening.flatMap(({ service, name, pid, addresses }) => {
      const kind = kinds.find((each) => each === service);
      return kind === undefined ? [] : [{ kind, name, pid, port: addresses.c2sTls?.port }];
    });
  }

  /** The ports of the connection nodes, as a load balancer knows them that checks nobody's health. */
  get ports(): number[] {
    return this.members.flatMap(({ port }) => port ?? []);
  }

  of(kind: Kind): Member[] {
    return this.members.filter((member) => member.kind === kind);
  }

  /** A new process of that kind; clients find it when it is ready. */
  async add(kind: Kind): Promise<Member> {
    const name = `${letters[kind]}${++this.#numbers[kind]}`;
    const tls = ['--cert', join(this.folder, 'tls', 'certificate.pem'), '--key', join(this.folder, 'tls', 'key.pem')];
    const streams = ['--domain', this.domain, '--c2s-port=0', '--c2s-tls-port=0', ...tls];
    const tickets = ['--ticket-keys', join(this.folder, 'ticket-keys')];
    const own = kind === 'connection' ? [...streams, ...tickets] : [];
    const args = ['serve', kind, '--name', name, '--until-input-ends', ...this.#common, ...own];
    const replacement = await ServiceProcess.start(args, 'listening', this.#log);
    this.#replacements.add(replacement);
    const member = { kind, name, pid: replacement.pid, port: replacement.listening[0]!.addresses.c2sTls?.port };
    this.members = [...this.members, member];
    return member;
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
      ...alive.map((pid) => `process ${pid} is still there`),
      ...(late.includes(false) ? ['a process did not stop in time'] : []),
    ];
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  get #common(): string[] {
    return ['--nats', this.nats.url, '--dynamodb', this.dynamo.url];
  }
}
