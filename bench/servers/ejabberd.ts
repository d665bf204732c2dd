/**
 * Debian's ejabberd as an Erlang node without a name, which needs neither epmd nor the system's service, with
 * `bench/peers/ejabberd.yml`.
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePorts } from '../../test/support/free-ports.ts';
import { Pace } from '../generator/crowd.ts';
import {
  accountNames,
  askingOutside,
  Cannot,
  endpointOf,
  inFreshFolder,
  installedVersion,
  run,
  type Server,
  type ServerOptions,
} from './server.ts';
import type { PemFiles } from './skylark.ts';

const template = new URL('../peers/ejabberd.yml', import.meta.url);
const accountsScript = new URL('../peers/accounts.erl', import.meta.url).pathname;

/**
 * As ejabberdctl starts it, except that one scheduler uses the one core and none waits by spinning, which would count as work.
 */
const emulator = [
  '+K',
  'true',
  '+P',
  '250000',
  '+S',
  '1:1',
  '+SDcpu',
  '1:1',
  '+sbwt',
  'none',
  '+sbwtdcpu',
  'none',
  '+sbwtdio',
  'none',
];

export function startEjabberd(options: ServerOptions, pem: PemFiles): Promise<Server> {
  return inFreshFolder((data) => startIn(data, options, pem));
}

async function startIn(data: string, options: ServerOptions, pem: PemFiles): Promise<Server> {
  const version = installedVersion('ejabberd');
  const [library] = globSync('/usr/lib/*/ejabberd-*/ebin');
  if (library === undefined) throw new Cannot('ejabberd is not in the folder of its Debian package');
  const [port, tlsPort, peerPort] = (await freePorts(3)) as [number, number, number];
  const configuration = join(data, 'ejabberd.yml');
  writeFileSync(configuration, fill({ port, tlsPort, peerPort, pem, options }));
  const accounts = accountNames(options.accounts);
  const env = {
    EJABBERD_CONFIG_PATH: configuration,
    EJABBERD_LOG_PATH: join(data, 'ejabberd.log'),
    ERL_LIBS: dirname(dirname(library)),
    ERL_MAX_PORTS: '65536',
    ERL_MAX_ETS_TABLES: '2053',
    ERL_CRASH_DUMP_BYTES: '0',
    HOME: data,
    BENCH_ACCOUNTS: `${accounts.length}`,
    BENCH_PASSWORD: accounts[0]!.password,
  };
  const start = ['-noinput', '-mnesia', 'dir', `"${join(data, 'mnesia')}"`, '-s', 'ejabberd'];
  const evaluate = ['-eval', `ok = file:eval("${accountsScript}").`];
  const command = askingOutside(options, data, ['erl', ...emulator, ...start, ...evaluate]);
  const running = await run(command[0]!, command.slice(1), env, { line: 'benchmark accounts ready' });
  return {
    name: 'ejabberd',
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

interface Filling {
  readonly port: number;
  readonly tlsPort: number;
  readonly peerPort: number;
  readonly pem: PemFiles;
  readonly options: ServerOptions;
}

function fill({ port, tlsPort, peerPort, pem, options }: Filling): string {
  const values: Readonly<Record<string, string>> = {
    PORT: `${port}`,
    TLS_PORT: `${tlsPort}`,
    PEER_PORT: `${peerPort}`,
    CERT: pem.cert,
    KEY: pem.key,
    HASH: options.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha',
  };
  const text = readFileSync(template, 'utf8').replaceAll(/@([A-Z_]+)@/g, (_, name: string) => values[name]!);
  const federated = options.outside ? text.replaceAll('#FEDERATION', '') : text;
  return options.archive ? federated.replaceAll('#ARCHIVE', '') : federated;
}
