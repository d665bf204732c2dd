/** Starts the `nats-server` that is installed, on a free port of the loopback. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { limits } from '../../lib/limits.ts';
import { Refusal } from './report.ts';

/** Debian keeps it out of the PATH of ordinary users. */
const programs = ['nats-server', '/usr/sbin/nats-server', '/usr/local/bin/nats-server'];
const outputCharactersMax = 10_000;

export interface NatsProcess {
  readonly url: string;
  readonly child: ChildProcess;
}

/** @param chosen instead of what is installed. @throws {Refusal} */
export async function startNatsServer(chosen: string | undefined): Promise<NatsProcess> {
  const candidates = chosen === undefined ? programs : [chosen];
  const program = candidates.find((name) => spawnSync(name, ['--version']).status === 0);
  if (program === undefined && chosen !== undefined)
    throw new Refusal(`--nats-server: '${chosen}' is not a program that can be run`);
  if (program === undefined) {
    throw new Refusal(
      'nats-server is not installed: get it from your system (Debian: nats-server) or https://nats.io, or name a server with --nats',
    );
  }
  // In a process group of its own, so that Ctrl-C reaches the supervisor alone, which stops everything in order.
  const child = spawn(program, ['--addr', '127.0.0.1', '--port', '-1'], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (output.length < outputCharactersMax) output += chunk;
    const port = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    if (port !== undefined && output.includes('Server is ready')) resolve(Number(port));
  });
  const fail = (why: string) =>
    reject(new Refusal(`nats-server did not start: ${why} ${output.trim().split('\n').at(-1) ?? ''}`));
  const timer = setTimeout(() => fail('it says nothing.'), limits.childStartMs);
  void once(child, 'exit').then(
    () => fail('it ended.'),
    (error) => fail(`${error}`),
  );
  try {
    return { url: `nats://127.0.0.1:${await promise}`, child };
  } catch (error) {
    kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
