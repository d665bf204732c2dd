/** Skylark as `npm start` runs it: one process, SQLite, a fresh folder. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { deriveKeys } from '../../services/router/sasl/passwords.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { forEach, Pace } from '../generator/crowd.ts';
import type { Account, Transport } from '../generator/endpoint.ts';
import { accountNames, Cannot, domain, inFreshFolder, run, type Server, type ServerOptions } from './server.ts';

const command = new URL('../../bin/skylark.mjs', import.meta.url).pathname;
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

export interface PemFiles {
  readonly cert: string;
  readonly key: string;
}

const ports = ['--c2s-port', '--c2s-tls-port', '--http-port', '--https-port', '--component-port'].flatMap((name) => [name, '0']);

export function startSkylark(options: ServerOptions, pem: PemFiles): Promise<Server> {
  return inFreshFolder((data) => startIn(data, options, pem));
}

/**
 * Skylark as another checkout has it, started and filled with accounts by that checkout's own code.
 *
 * @param folder its packages are installed
 * @throws when it has no benchmark of this form
 */
export async function startBefore(folder: string, options: ServerOptions, pem: PemFiles): Promise<Server> {
  const file = pathToFileURL(join(resolve(folder), 'bench/servers/skylark.ts')).href;
  const other = (await import(file)) as { readonly startSkylark: typeof startSkylark };
  return { ...(await other.startSkylark(options, pem)), name: 'Before' };
}

async function startIn(data: string, options: ServerOptions, pem: PemFiles): Promise<Server> {
  const store = await openSqliteStore(data, { clock });
  const accounts = await fillAccounts(store, options.accounts);
  await store.close();
  const args = ['start', '--json', '--domain', domain, '--data', data, '--cert', pem.cert, '--key', pem.key, ...ports];
  const peerPort = options.outside && (await freePorts(1))[0];
  if (options.outside) {
    args.push('--s2s-port', `${peerPort}`, '--s2s-tls-port', '0');
    args.push('--s2s-resolver', options.outside.names.address, '--s2s-networks', '127.0.0.0/8');
  }
  if (options.processes !== undefined) args.push('--processes', `${options.processes}`);
  const ready = '"event":"listening"';
  const running = await run(
    process.execPath,
    [...(options.nodeOptions ?? []), command, ...args],
    { SKYLARK_LOG_LEVEL: 'warn' },
    { line: ready },
  );
  const line = running
    .output()
    .split('\n')
    .find((each) => each.includes(ready))!;
  const { addresses } = JSON.parse(line) as { addresses: Record<'c2s' | 'c2sTls', { port: number }> };
  return {
    name: 'Skylark',
    version,
    pid: running.child.pid!,
    accounts,
    pace: new Pace(),
    isArchiving: true,
    peerPort,
    endpoint(transport, mechanism) {
      return { host: '127.0.0.1', port: portFor(addresses, transport), domain, transport, mechanism };
    },
    output: running.output,
    stop: running.stop,
  };
}

function portFor({ c2s, c2sTls }: Record<'c2s' | 'c2sTls', { port: number }>, transport: Transport): number {
  if (transport === 'tcp') throw new Cannot('sign-in requires TLS');
  return transport === 'tls' ? c2sTls.port : c2s.port;
}

/** Keys are derived once: 10,000 derivations would take a minute, and a sign-in never looks at another account's salt. */
export async function fillAccounts(store: Store, count: number): Promise<Account[]> {
  const accounts = accountNames(count);
  const scram = await deriveKeys(accounts[0]!.password, clock);
  const createdAt = new Date(clock.now()).toISOString();
  await forEach(accounts, 500, ({ local }) => createAccount(store, domain, local, { createdAt, scram }));
  return accounts;
}
