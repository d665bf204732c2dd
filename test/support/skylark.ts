/**
 * Runs Skylark as its users do, on free ports and a fresh folder: `skylark start`, or with SKYLARK_TEST_CLUSTER set the same tests
 * against `skylark cluster` (processes apart over nats-server and a DynamoDB-compatible store), or with SKYLARK_TEST_BUNDLES, too,
 * against bundles behind a load balancer.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { freePorts } from './free-ports.ts';

const main = new URL('../../services/main.ts', import.meta.url).pathname;
const startMsMax = 60_000;
const command = process.env.SKYLARK_TEST_CLUSTER ? 'cluster' : 'start';
const bundles = new URL('../bundles/cluster.ts', import.meta.url).pathname;
const service = process.env.SKYLARK_TEST_BUNDLES ? bundles : main;
/** A cluster tells of each of its processes that it listens. */
const readyEvent = command === 'cluster' ? '"event":"ready"' : '"event":"listening"';

export interface Ports {
  readonly c2s: number;
  readonly c2sTls: number;
  readonly http: number;
  readonly https: number;
}

export class Skylark {
  readonly data: string;
  readonly ports: Ports;
  readonly domain: string;
  readonly #options: readonly string[];
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(domain: string, ports: Ports, options: readonly string[]) {
    this.domain = domain;
    this.#options = options;
    this.ports = ports;
    this.data = mkdtempSync(join(tmpdir(), 'skylark-test-'));
  }

  /** @param options of `skylark start`, more than domain, folder and ports */
  static async start(domain = 'localhost', options: readonly string[] = []): Promise<Skylark> {
    const [c2s, c2sTls, http, https] = (await freePorts(4)) as [number, number, number, number];
    const skylark = new Skylark(domain, { c2s, c2sTls, http, https }, options);
    await skylark.start();
    return skylark;
  }

  /** Also after `kill`: on the same folder and ports. */
  async start(): Promise<void> {
    const { c2s, c2sTls, http, https } = this.ports;
    const ports = [
      '--c2s-port',
      c2s,
      '--c2s-tls-port',
      c2sTls,
      '--http-port',
      http,
      '--https-port',
      https,
      '--component-port',
      0,
    ].map(String);
    const child = spawn(
      process.execPath,
      [service, command, '--json', '--domain', this.domain, '--data', this.data, ...ports, ...this.#options],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, SKYLARK_LOG_LEVEL: 'info' },
      },
    );
    this.#child = child;
    this.#output = '';
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not ready within ${startMsMax} ms:\n${this.#output}`)), startMsMax);
      const read = (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-20_000);
        if (!this.#output.includes(readyEvent)) return;
        clearTimeout(timer);
        resolve();
      };
      child.stdout!.on('data', read);
      child.stderr!.on('data', read);
      child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${this.#output}`)));
    });
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Runs `skylark ARGS… --data FOLDER`. @throws with what it printed when it fails */
  command(...args: string[]): string {
    const result = spawnSync(process.execPath, [main, ...args, '--data', this.data], { encoding: 'utf8', timeout: startMsMax });
    if (result.status !== 0) throw new Error(`skylark ${args.join(' ')}: ${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  /** Sets the policy of a tenant, and waits until all of the service has felt it. */
  async policy(domain: string, ...options: string[]): Promise<void> {
    this.command('tenant', 'set', domain, ...options);
    await this.felt();
  }

  /** What was said of a tenant is known in all processes. */
  felt(): Promise<void> {
    return pause(2 * runtimeLimits.tenantCacheMs);
  }

  addUser(jid: string, password: string): void {
    this.command('user', 'add', jid, '--password', password);
  }

  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null) return null;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return ended;
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM');
    rmSync(this.data, { recursive: true, force: true });
  }
}
