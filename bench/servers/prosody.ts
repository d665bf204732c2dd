/** Debian's Prosody, in the foreground, with `bench/peers/prosody.cfg.lua`. */

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../test/support/free-ports.ts';
import { Pace } from '../generator/crowd.ts';
import {
  accountNames,
  askingOutside,
  domain,
  endpointOf,
  inFreshFolder,
  installedVersion,
  run,
  type Server,
  type ServerOptions,
} from './server.ts';
import type { PemFiles } from './skylark.ts';

const configuration = new URL('../peers/prosody.cfg.lua', import.meta.url).pathname;

export function startProsody(options: ServerOptions, pem: PemFiles): Promise<Server> {
  return inFreshFolder((data) => startIn(data, options, pem));
}

async function startIn(data: string, options: ServerOptions, pem: PemFiles): Promise<Server> {
  const version = installedVersion('prosody');
  const [port, tlsPort, peerPort] = (await freePorts(3)) as [number, number, number];
  const hash = options.mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-1';
  const accounts = accountNames(options.accounts);
  fillAccounts(data, accounts, hash);
  const env = {
    BENCH_DATA: data,
    BENCH_PORT: `${port}`,
    BENCH_TLS_PORT: `${tlsPort}`,
    BENCH_CERT: pem.cert,
    BENCH_KEY: pem.key,
    BENCH_HASH: hash,
    BENCH_ARCHIVE: options.archive ? 'on' : 'off',
    BENCH_PEER_PORT: options.outside ? `${peerPort}` : '',
  };
  const command = askingOutside(options, data, ['prosody', '-F', '--config', configuration]);
  const running = await run(command[0]!, command.slice(1), env, { ports: [port, tlsPort] });
  return {
    name: 'Prosody',
    version,
    pid: running.child.pid!,
    accounts,
    pace: new Pace(),
    isArchiving: options.archive,
    peerPort: options.outside && peerPort,
    endpoint: endpointOf({ tcp: port, starttls: port, tls: tlsPort }),
    output: running.output,
    stop: running.stop,
  };
}

const iterations = 10_000;

/** Stored as mod_auth_internal_hashed does, with the same keys for all: the derivation is not what is measured. */
function fillAccounts(data: string, accounts: readonly { local: string; password: string }[], hash: 'SHA-1' | 'SHA-256'): void {
  const [name, bytes] = hash === 'SHA-1' ? (['sha1', 20] as const) : (['sha256', 32] as const);
  const salt = 'salt-of-the-benchmark';
  const salted = pbkdf2Sync(accounts[0]!.password, salt, iterations, bytes, name);
  const clientKey = createHmac(name, salted).update('Client Key').digest();
  const storedKey = createHash(name).update(clientKey).digest('hex');
  const serverKey = createHmac(name, salted).update('Server Key').digest('hex');
  const folder = join(data, domain, 'accounts');
  mkdirSync(folder, { recursive: true });
  const row = `return { ["iteration_count"] = ${iterations}; ["salt"] = "${salt}"; ["stored_key"] = "${storedKey}"; ["server_key"] = "${serverKey}"; };\n`;
  for (const { local } of accounts) writeFileSync(join(folder, `${local}.dat`), row);
}
