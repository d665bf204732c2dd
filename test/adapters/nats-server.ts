/** Runs Debian's `nats-server` on a free port of the loopback for a test. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian keeps it out of the PATH of ordinary users. */
const program = ['nats-server', '/usr/sbin/nats-server'].find((name) => spawnSync(name, ['--version']).status === 0);

/** Why a test that needs the server is skipped, or false. */
export const skipWithoutNats: string | false = program === undefined && 'nats-server is not installed';

export interface NatsServer {
  readonly port: number;
  readonly url: string;
  readonly child: ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Resolves when it takes connections. `port` -1 is any free one; `config` is the text of a configuration file. */
export async function startNats(port = -1, config = ''): Promise<NatsServer> {
  if (program === undefined) throw new Error('nats-server is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'skylark-nats-'));
  await writeFile(join(folder, 'nats.conf'), config);
  const options = ['--config', join(folder, 'nats.conf'), '--addr', '127.0.0.1', '--port', `${port}`];
  const child = spawn(program, options, { stdio: ['ignore', 'ignore', 'pipe'] });
  const killChild = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', killChild);
  const exited = once(child, 'exit');
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    process.off('exit', killChild);
    child.kill(signal);
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  let log = '';
  const ready = Promise.withResolvers<number>();
  child.stderr.on('data', (chunk: Buffer) => {
    if (log.length < 10_000) log += chunk;
    const listening = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(log);
    if (listening !== null && log.includes('Server is ready')) ready.resolve(Number(listening[1]));
  });
  exited.then(() => ready.reject(new Error(`nats-server did not start:\n${log}`)), ready.reject);
  const bound = await ready.promise;
  return { port: bound, url: `nats://127.0.0.1:${bound}`, child, stop };
}
