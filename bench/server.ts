/** A Skylark for the benchmark: its own process, a fresh folder, pinned to one core where `taskset` is there. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openAdmin } from '../services/cli/admin-client.ts';

const main = new URL('../services/main.ts', import.meta.url).pathname;

export interface BenchServer {
  readonly pid: number;
  /** host:port of direct TLS. */
  readonly target: string;
  readonly accounts: readonly { readonly local: string; readonly password: string }[];
  stop(): Promise<void>;
}

export async function startServer(accountCount: number): Promise<BenchServer> {
  const data = mkdtempSync(join(tmpdir(), 'skylark-bench-'));
  const port = 25223;
  const args = [
    main,
    'start',
    '--data',
    data,
    '--c2s-port',
    '0',
    '--c2s-tls-port',
    `${port}`,
    '--http-port',
    '0',
    '--https-port',
    '0',
  ];
  const canPin = spawnSync('taskset', ['-V']).status === 0;
  const [command, rest] = canPin ? ['taskset', ['-c', '0', process.execPath, ...args]] : [process.execPath, args];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SKYLARK_LOG_LEVEL: 'warn' },
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes(`${port}`)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const accounts: { local: string; password: string }[] = [];
  const workers = Array.from({ length: 8 }, async () => {
    const admin = await openAdmin(realpathSync(data));
    while (accounts.length < accountCount) {
      const account = { local: `bench${accounts.length}`, password: 'bench' };
      accounts.push(account);
      await admin.ask('user-add', { jid: `${account.local}@localhost`, password: account.password });
    }
    await admin.close();
  });
  await Promise.all(workers);
  return {
    pid: child.pid!,
    target: `127.0.0.1:${port}`,
    accounts,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(data, { recursive: true, force: true });
    },
  };
}
