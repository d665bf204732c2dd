/** One process as its image runs it: the command of the Dockerfile, another working folder, no arguments but what it serves, no writing. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ImageCommand, imageCommand } from '../support/image.ts';

const script = fileURLToPath(new URL('../../bin/bundle.ts', import.meta.url));
const startTimeoutMs = 60_000;

export interface Image {
  readonly command: ImageCommand;
  readonly workdir: string;
}

/** @throws when one cannot be made */
export function makeBundles(folder: string, ...names: readonly string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [script, '--out', folder, ...names], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`bundles cannot be made: ${stderr}`);
}

/** @throws when it cannot be made */
export function buildImage(folder: string): Image {
  makeBundles(folder, 'skylark');
  const workdir = join(folder, 'workdir');
  mkdirSync(workdir);
  return { command: imageCommand(join(folder, 'skylark')), workdir };
}

export type Addresses = Readonly<Record<string, { readonly address: string; readonly port: number }>>;

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ContainerOptions {
  readonly image: Image;
  readonly service: string;
  /** Without `SKYLARK_`. */
  readonly settings: Readonly<Record<string, string>>;
  /** As the platform gives them. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Its log. */
  readonly log: number | 'inherit';
  /** Lines with figures. */
  readonly onMetrics?: (line: Readonly<Record<string, unknown>>) => void;
}

export class Container {
  readonly service: string;
  readonly addresses: Addresses;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;

  private constructor(service: string, child: ChildProcess, addresses: Addresses, ended: Promise<Ending>) {
    this.service = service;
    this.#child = child;
    this.addresses = addresses;
    this.ended = ended;
  }

  static async start({ image, service, settings, variables, log, onMetrics }: ContainerOptions): Promise<Container> {
    const own = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`SKYLARK_${name}`, value]));
    const { program, args, environment } = image.command;
    const child = spawn(program, [...args, 'serve', service], {
      cwd: image.workdir,
      // Its input ends with this process, however that ends.
      env: {
        SKYLARK_LOG_LEVEL: process.env.SKYLARK_LOG_LEVEL ?? 'info',
        ...environment,
        ...own,
        ...variables,
        SKYLARK_UNTIL_INPUT_ENDS: 'true',
      },
      stdio: ['pipe', 'pipe', log],
    });
    child.stdin!.on('error', () => {}); // it is gone
    running.add(child);
    const ended = new Promise<Ending>((resolve) => {
      child.once('exit', (code, signal) => {
        running.delete(child);
        resolve({ code, signal });
      });
    });
    const { promise, resolve, reject } = Promise.withResolvers<Addresses>();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const said = JSON.parse(line) as { readonly event?: string; readonly addresses: Addresses };
      if ('_aws' in said) onMetrics?.(said as never);
      else if (said.event === 'listening') resolve(said.addresses);
    });
    const timer = setTimeout(() => reject(new Error(`${service} was not ready in time`)), startTimeoutMs);
    void ended.then(({ code, signal }) => reject(new Error(`${service} ended with ${signal ?? code} before it was ready`)));
    try {
      return new Container(service, child, await promise, ended);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return this.#child.pid!;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<Ending> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }
}
