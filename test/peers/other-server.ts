/** Somebody else's server as a process of a test: started, killed, started again, and what it logs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const patienceMs = 30_000;
const outputCharactersMax = 500_000;

export interface OtherServer {
  readonly c2sTls: number;
  /** The end of its log. */
  readonly output: string;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Once more, after {@link kill}: on the same folder and ports. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** How it talks to other servers. */
export interface OtherFederation {
  /** Its own, where it takes port 5269. */
  readonly address: string;
  /** Address of the name server, which has to serve port 53. */
  readonly resolver: string;
  /** A PEM file. With it, servers have to prove themselves by their certificates; without it dialback is enough. */
  readonly ca?: string | undefined;
  /** It takes TLS from the first byte at port 5270, and nothing at 5269. */
  readonly isDirectTls?: boolean;
  /** It uses one connection for both directions (XEP-0288), where it can. */
  readonly isBothWays?: boolean;
}

/** Who may sign in at a server that federates, each with {@link password}. */
export const theirAccounts = ['romeo', 'mercutio'] as const;
export const password = 'capulet';

export interface Endpoint {
  readonly port: number;
  readonly host?: string | undefined;
}

/** The command that runs the other one with a name server of its own: both servers read /etc/resolv.conf, which knows no port but 53. */
export function asking(resolver: string, folder: string, command: readonly string[]): string[] {
  const file = join(folder, 'resolv.conf');
  writeFileSync(file, `nameserver ${resolver}\n`);
  return ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', file, ...command];
}

export class ServerProcess {
  readonly #command: readonly string[];
  readonly #endpoints: readonly Endpoint[];
  readonly #env: NodeJS.ProcessEnv;
  #child!: ChildProcess;
  output = '';

  /** @param endpoints where it listens when it is ready */
  constructor(command: readonly string[], endpoints: readonly Endpoint[], env: NodeJS.ProcessEnv = {}) {
    this.#command = command;
    this.#endpoints = endpoints;
    this.#env = env;
  }

  async start(): Promise<void> {
    const [program, ...args] = this.#command as [string, ...string[]];
    this.output = '';
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.#env } });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        this.output = (this.output + chunk).slice(-outputCharactersMax);
      });
    for (const untilMs = performance.now() + patienceMs; !(await this.#isOpen()); await pause(100)) {
      if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`${program} is not there: ${this.output}`);
    }
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended;
  }

  async #isOpen(): Promise<boolean> {
    for (const endpoint of this.#endpoints) if (!(await isOpen(endpoint))) return false;
    return true;
  }
}

async function isOpen({ port, host = '127.0.0.1' }: Endpoint): Promise<boolean> {
  const socket = connect({ host, port });
  const opened = new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  const isThere = await opened;
  socket.destroy();
  return isThere;
}
