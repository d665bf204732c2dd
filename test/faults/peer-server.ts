/** A second Skylark, in one process, as another server: with a folder, an address and tenants of its own. It is killed, and comes back. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { skylark } from '../cli/skylark-command.ts';
import { freePorts } from '../support/free-ports.ts';
import type { Door } from './door.ts';
import { killPid, ServiceProcess } from './service-process.ts';

export interface PeerOptions {
  readonly folder: string;
  readonly address: string;
  /** The first is that of `--domain`. */
  readonly domains: readonly string[];
  /** More arguments: certificates, and how other servers are found. */
  readonly options: readonly string[];
}

export class PeerServer {
  readonly logPath: string;
  readonly domains: readonly string[];
  readonly c2sTls: Door;
  readonly s2s: Door;
  readonly #folder: string;
  readonly #args: readonly string[];
  readonly #log: number;
  #process: ServiceProcess | undefined;

  private constructor({ folder, address, domains, options }: PeerOptions, ports: readonly number[]) {
    const [c2s, c2sTls, http, https, s2s] = ports as [number, number, number, number, number];
    this.domains = domains;
    this.c2sTls = { host: address, port: c2sTls };
    this.s2s = { host: address, port: s2s };
    this.logPath = join(folder, 'peer-log');
    this.#folder = join(folder, 'peer');
    this.#log = openSync(this.logPath, 'a');
    this.#args = [
      ...['start', '--json', '--data', this.#folder, '--domain', domains[0]!, '--bind', address, '--component-port=0'],
      ...[`--c2s-port=${c2s}`, `--c2s-tls-port=${c2sTls}`, `--http-port=${http}`, `--https-port=${https}`],
      ...[`--s2s-port=${s2s}`, '--s2s-tls-port=0', ...options],
    ];
  }

  static async start(options: PeerOptions): Promise<PeerServer> {
    const server = new PeerServer(options, await freePorts(5));
    await server.start();
    for (const domain of options.domains.slice(1)) await server.command('tenant', 'add', domain, '--registration', 'open');
    return server;
  }

  /** Again, after {@link kill}: on the same folder and ports. */
  async start(): Promise<void> {
    this.#process = await ServiceProcess.start(this.#args, 'listening', this.#log);
  }

  async command(...args: string[]): Promise<void> {
    await command(this.#folder, args);
  }

  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL');
  }

  freeze(): void {
    killPid(this.#process!.pid, 'SIGSTOP');
  }

  thaw(): void {
    killPid(this.#process!.pid, 'SIGCONT');
  }

  get pid(): number {
    return this.#process!.pid;
  }

  /** @returns whether it ended by itself */
  async stop(): Promise<boolean> {
    if (this.#process !== undefined) this.thaw();
    const isInTime = (await this.#process?.stop()) ?? true;
    closeSync(this.#log);
    return isInTime;
  }
}

/** Runs a command of the operator's on a service with that folder. @throws when it fails */
export async function command(folder: string, args: readonly string[]): Promise<void> {
  const { code, out, err } = await skylark([...args, '--data', folder]);
  if (code !== 0) throw new Error(`skylark ${args.join(' ')}: ${out}${err}`);
}
