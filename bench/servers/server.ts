/** A server under test, whatever its make: a process of its own, on its own core, with accounts. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asking } from '../../test/peers/other-server.ts';
import type { Pace } from '../generator/crowd.ts';
import type { Account, Endpoint, Transport } from '../generator/endpoint.ts';
import type { Mechanism } from '../generator/scram.ts';
import type { Outside } from '../outside/outside.ts';
import { pause } from '../pause.ts';

export interface Server {
  readonly name: string;
  readonly version: string;
  /** The process, whose children count too. */
  readonly pid: number;
  readonly accounts: readonly Account[];
  readonly pace: Pace;
  readonly isArchiving: boolean;
  /** Where streams of other servers come in, with STARTTLS. Absent: it does not federate. */
  readonly peerPort?: number | undefined;
  /** @throws {Cannot} */
  endpoint(transport: Transport, mechanism: Mechanism): Endpoint;
  /** The end of its output, for error messages. */
  output(): string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly accounts: number;
  readonly archive: boolean;
  /** The kind of keys to store, for servers that store only one. */
  readonly mechanism: Mechanism;
  /** Skylark's `--processes`. */
  readonly processes?: number;
  /** The other servers that it talks to; absent: it does not federate. */
  readonly outside?: Outside | undefined;
  /** Further options for Skylark's Node, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

/** The server does not have this mode or variant. The report says so. */
export class Cannot extends Error {
  override name = 'Cannot';
}

export const domain = 'localhost';
const serverCore = 0;
const generatorCore = 1;

export const canPin = spawnSync('taskset', ['-V']).status === 0;

/** Pins a process with all its threads, present and future, to a core. */
export function pinToGenerator(pid: number): void {
  if (canPin) spawnSync('taskset', ['-a', '-p', '-c', `${generatorCore}`, `${pid}`]);
}

const startMsMax = 60_000;
const stopMsMax = 20_000;
const outputCharactersMax = 8_000;

export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  stop(): Promise<void>;
}

/** The sign that it is ready: a line of output with this text, or these open ports. */
type Sign = { readonly line: string } | { readonly ports: readonly number[] };

export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  sign: Sign,
): Promise<Running> {
  const pinned = canPin ? ['taskset', '-c', `${serverCore}`, command, ...args] : [command, ...args];
  const child = spawn(pinned[0]!, pinned.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  const end = () => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.removeListener('exit', end));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${command} was not ready within ${startMsMax} ms:\n${output}`)), startMsMax);
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      finish();
    };
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-outputCharactersMax);
      if ('line' in sign && output.includes(sign.line)) settle(resolve);
    };
    child.stdout!.on('data', read);
    child.stderr!.on('data', read);
    if ('ports' in sign) void Promise.all(sign.ports.map((port) => opened(port, child))).then(() => settle(resolve));
    child.once('error', (error: NodeJS.ErrnoException) =>
      settle(() => reject(error.code === 'ENOENT' ? new Cannot(`${command} is not installed`) : error)),
    );
    child.once('exit', (code) => settle(() => reject(new Error(`${command} ended with ${code}:\n${output}`))));
  });
  return { child, output: () => output, stop: () => stop(child) };
}

async function opened(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await pause(50);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await ended;
  clearTimeout(timer);
}

/** Removed when the start fails; otherwise `stop` removes it. */
export async function inFreshFolder(start: (folder: string) => Promise<Server>): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-bench-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const finish = () => {
    process.removeListener('exit', remove);
    remove();
  };
  try {
    const server = await start(folder);
    return {
      ...server,
      async stop() {
        await server.stop();
        finish();
      },
    };
  } catch (error) {
    finish();
    throw error;
  }
}

/**
 * The command of a server that finds others by /etc/resolv.conf, with the name server of the benchmark there.
 * @param folder of its own
 * @throws {Cannot}
 */
export function askingOutside({ outside }: ServerOptions, folder: string, command: readonly string[]): readonly string[] {
  if (outside === undefined) return command;
  const { addressOfPort53 } = outside.names;
  if (addressOfPort53 === undefined) throw new Cannot('finds others by a name server on port 53 alone, which takes root');
  return asking(addressOfPort53, folder, command);
}

/** @throws {Cannot} when the Debian package is not installed */
export function installedVersion(debian: string): string {
  const { status, stdout } = spawnSync('dpkg-query', ['-s', debian], { encoding: 'utf8' });
  const version = /^Status: install ok installed$/m.test(stdout ?? '') ? /^Version: (.+)$/m.exec(stdout)?.[1] : undefined;
  if (status !== 0 || version === undefined) throw new Cannot(`the Debian package ${debian} is not installed`);
  return version;
}

export function endpointOf(ports: Readonly<Record<Transport, number>>): Server['endpoint'] {
  return (transport, mechanism) => ({ host: '127.0.0.1', port: ports[transport], domain, transport, mechanism });
}

/** All accounts have the same password, because its derivation is not what is measured. */
export function accountNames(count: number): Account[] {
  return Array.from({ length: count }, (_, index) => ({ local: `bench${index}`, password: 'bench-password' }));
}
