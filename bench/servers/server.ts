/** A server under test, whatever its make: a process of its own, on a core of its own, with accounts. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { Pace } from '../generator/crowd.ts';
import type { Account, Endpoint, Transport } from '../generator/endpoint.ts';
import type { Mechanism } from '../generator/scram.ts';

export interface Server {
  readonly name: string;
  readonly version: string;
  /** All that runs below it counts. */
  readonly pid: number;
  readonly accounts: readonly Account[];
  readonly pace: Pace;
  readonly isArchiving: boolean;
  /** @throws {Cannot} */
  endpoint(transport: Transport, mechanism: Mechanism): Endpoint;
  /** The last of what it printed, for errors. */
  output(): string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly accounts: number;
  readonly archive: boolean;
  /** More for the command line of Skylark's Node, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/** A mode or variant that a server does not have: printed as such. */
export class Cannot extends Error {
  override name = 'Cannot';
}

export const domain = 'localhost';
const serverCore = 0;
const generatorCore = 1;

export const canPin = spawnSync('taskset', ['-V']).status === 0;

/** This process with all its threads, and those it will start. */
export function pinGenerator(): void {
  if (canPin) spawnSync('taskset', ['-a', '-p', '-c', `${generatorCore}`, `${process.pid}`]);
}

const startMsMax = 60_000;
const stopMsMax = 20_000;
const outputCharactersMax = 8_000;

export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  stop(): Promise<void>;
}

/** @returns when a line of its output `isReady` */
export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  isReady: (line: string) => boolean,
): Promise<Running> {
  const pinned = canPin ? ['taskset', '-c', `${serverCore}`, command, ...args] : [command, ...args];
  const child = spawn(pinned[0]!, pinned.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  const end = () => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.removeListener('exit', end));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${command} is not ready within ${startMsMax} ms:\n${output}`)), startMsMax);
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      finish();
    };
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-outputCharactersMax);
      if (output.split('\n').some(isReady)) settle(resolve);
    };
    child.stdout!.on('data', read);
    child.stderr!.on('data', read);
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', (code) => settle(() => reject(new Error(`${command} ended with ${code}:\n${output}`))));
  });
  return { child, output: () => output, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await ended;
  clearTimeout(timer);
}

/** All have one password: what it is derived to is not what is measured. */
export function accountNames(count: number): Account[] {
  return Array.from({ length: count }, (_, index) => ({ local: `bench${index}`, password: 'bench-password' }));
}
