/** Starts the installed `nats-server` on a port of the loopback. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Refusal } from '../core/report.ts';
import { programLimits } from '../limits.ts';

/** Where the program may be. Debian installs it outside the PATH of ordinary users. */
const programs = ['nats-server', '/usr/sbin/nats-server', '/usr/local/bin/nats-server'];

export interface NatsProcess {
  readonly port: number;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param chosen the program to start instead of the installed one
 * @param port 0 takes any free port
 * @param config a file
 * @throws {Refusal} when there is no such program, or when it does not start
 */
export async function startNatsServer(chosen: string | undefined, port: number, config?: string): Promise<NatsProcess> {
  const given = config === undefined ? [] : ['--config', config];
  const args = [...given, '--addr', '127.0.0.1', '--port', `${port === 0 ? -1 : port}`];
  const child = spawn(findProgram(chosen), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit').then(
    () => void process.off('exit', kill),
    () => {}, // the program could not be started
  );
  try {
    const bound = await readPort(child, ended);
    const stop = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    return { port: bound, ended, stop };
  } catch (error) {
    kill();
    throw error;
  }
}

/** @throws {Refusal} when the program cannot be run, or is not installed */
export function findProgram(chosen: string | undefined): string {
  const candidates = chosen === undefined ? programs : [chosen];
  const program = candidates.find((name) => spawnSync(name, ['--version']).status === 0);
  if (program !== undefined) return program;
  if (chosen !== undefined) throw new Refusal(`--nats-server: '${chosen}' is not a program that can be run`);
  throw new Refusal(
    'nats-server is not installed: get it from your system (Debian: nats-server) or https://nats.io, or name a server with --nats',
  );
}

async function readPort(child: ChildProcess, ended: Promise<void>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (output.length < programLimits.natsOutputCharactersMax) output += chunk;
    const port = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    if (port !== undefined && output.includes('Server is ready')) resolve(Number(port));
  });
  const fail = (why: string) =>
    reject(new Refusal(`nats-server did not start: ${why} ${output.trim().split('\n').at(-1) ?? ''}`));
  const timer = setTimeout(() => fail('it says nothing.'), programLimits.childStartMs);
  void ended.then(() => fail('it ended.'));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
