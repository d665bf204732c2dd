/** A process that prints JSON lines and is ended for certain, whatever state it is in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
const startTimeoutMs = 60_000;
const stopTimeoutMs = 50_000;

export interface Listening {
  readonly event: string;
  readonly service: string;
  readonly name: string;
  readonly pid: number;
  readonly addresses: Readonly<Record<string, { readonly address: string; readonly port: number }>>;
}

/** Every process of ours and its processes, so that none outlives this one, not even one that stands still. */
const pids = new Set<number>();
process.once('exit', () => {
  for (const pid of pids) killPid(pid, 'SIGKILL');
});

/** @returns whether there was such a process */
export function killPid(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

export class ServiceProcess {
  readonly listening: Listening[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #hasEnded = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    pids.add(child.pid!);
    this.#ended = once(child, 'exit').then(() => {
      this.#hasEnded = true;
      pids.delete(child.pid!);
    });
  }

  /** `skylark ARGS…`, its log appended to a file. Resolves with the first event of that name. */
  static async start(args: readonly string[], until: string, logFile: number): Promise<ServiceProcess> {
    const variables = Object.entries(process.env).filter(([name]) => !name.startsWith('SKYLARK_'));
    const env = { ...Object.fromEntries(variables), SKYLARK_LOG_LEVEL: process.env.SKYLARK_LOG_LEVEL ?? 'info' };
    const child = spawn(process.execPath, [program, ...args], { env, stdio: ['pipe', 'pipe', logFile] });
    child.stdin!.on('error', () => {});
    const service = new ServiceProcess(child);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const event = JSON.parse(line) as Listening;
      if (event.event === 'listening') {
        service.listening.push(event);
        pids.add(event.pid);
      }
      if (event.event === 'died') pids.delete(event.pid);
      if (event.event === until) resolve();
    });
    const timer = setTimeout(() => reject(new Error(`skylark ${args.join(' ')} was not ready in time`)), startTimeoutMs);
    void service.#ended.then(() => reject(new Error(`skylark ${args.join(' ')} ended before it was ready`)));
    try {
      await promise;
    } catch (error) {
      await service.stop('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return service;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** SIGKILL follows when it takes too long. @returns whether it ended by itself */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<boolean> {
    killPid(this.pid, signal);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      killPid(this.pid, 'SIGKILL');
    }, stopTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
    return !isLate;
  }
}
