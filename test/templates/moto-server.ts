/** Runs moto, which answers as AWS does, on a free port of the loopback, from a folder that `.ci/moto FOLDER` has filled. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const folder = process.env.SKYLARK_MOTO;
const startTimeoutMs = 60_000;

/** Why a test that needs it is skipped, or false. */
export const skipWithoutMoto: string | false = !folder && 'SKYLARK_MOTO does not name a folder that .ci/moto has filled';

export interface Moto {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param account whose resources they are */
export async function startMoto(account: string): Promise<Moto> {
  if (!folder) throw new Error(`${skipWithoutMoto}`);
  const child = spawn(join(folder, 'bin', 'moto_server'), ['--host', '127.0.0.1', '--port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, MOTO_ACCOUNT_ID: account, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = `${log}${chunk}`.slice(-4_000);
    const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(log);
    if (found !== null) resolve(found[1]!);
  });
  const timer = setTimeout(() => reject(new Error(`moto was not ready in time: ${log}`)), startTimeoutMs);
  exited.then(() => reject(new Error(`moto ended: ${log}`)), reject);
  const url = await promise.finally(() => clearTimeout(timer));
  return {
    url,
    async stop() {
      process.off('exit', kill);
      kill();
      await exited;
    },
  };
}
