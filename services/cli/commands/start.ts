/** `skylark start` runs the whole service on one machine, in one process or in several. */
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { type Child, describeEnding, type Ending } from '../compose/child-process.ts';
import { startEmbedded } from '../compose/embedded.ts';
import { beginLifetime, openLog, stopWithin } from '../compose/lifetime.ts';
import { type Addresses, hostPort } from '../compose/listening.ts';
import { startProcesses } from '../compose/processes.ts';
import { registrationOf, type StartValues } from '../compose/start-options.ts';
import { isManaged, tellServiceManager } from '../compose/systemd.ts';
import { quote, say, UsageError } from '../core/report.ts';
import { version } from '../core/version.ts';
import { consoleOutside } from './console-outside.ts';

export async function start(values: StartValues, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help start`);
  process.umask(0o077); // only the user who runs the service may read the files that it makes
  const log = openLog();
  const lifetime = beginLifetime(log);
  const hasParts = values.processes > 1;
  if (hasParts && (values.proxyPort ?? 0) > 0)
    throw new UsageError('--proxy-port needs one process: the two sides of a bytestream have to come to the same one');
  const service = hasParts
    ? await startProcesses(values, log, eventsOf(values))
    : await startEmbedded(values, log, consoleOutside);
  const { addresses, folder } = service;
  if (values.json) say(JSON.stringify({ event: 'listening', pid: process.pid, domain: values.domain, folder, addresses }));
  else say(...describe(values, addresses, isManaged() ? undefined : await service.consoleUrl()));
  log.info({ version, domain: values.domain, folder, addresses, settings: values.settings }, 'started');
  await tellServiceManager(['READY=1', `STATUS=serves ${values.domain}`], log);
  log.info({ reason: await lifetime.over }, 'stopping');
  void tellServiceManager(['STOPPING=1'], log);
  // With several processes, all others stop first, and then this one; both steps may take as long as one process.
  const code = await stopWithin(log, () => service.stop(), hasParts ? 2 * serviceLimits.shutdownMs : serviceLimits.shutdownMs);
  if (code === 0) log.info('stopped');
  return code;
}

function eventsOf({ json }: StartValues) {
  const tell = (event: string, { name, pid }: Child, line: string, more = {}): void =>
    say(json ? JSON.stringify({ event, name, pid, ...more }) : line);
  return {
    started: (child: Child) => tell('process', child, `  process ${child.name.padEnd(20)}pid ${child.pid}`),
    died: (child: Child, ending: Ending) =>
      tell(
        'died',
        child,
        `  process ${child.name} (pid ${child.pid}) died: ${describeEnding(ending)}; it is started again`,
        ending,
      ),
  };
}

const purposes: Readonly<Record<string, string>> = {
  c2s: 'XMPP clients (STARTTLS)',
  c2sTls: 'XMPP clients (direct TLS)',
  http: 'web client and WebSocket',
  https: 'the same over TLS',
  health: 'health checks and metrics',
};

/** @param consoleUrl a link that opens the console; absent where what is printed is kept for others to read */
function describe(values: StartValues, addresses: Addresses, consoleUrl: string | undefined): string[] {
  const { domain, data, settings } = values;
  const ports = Object.entries(addresses).map(
    ([name, { address, port }]) => `  ${(purposes[name] ?? name).padEnd(28)}${hostPort(address, port)}`,
  );
  const isOpen = registrationOf(values) === 'open';
  const where = data === './data' || settings !== undefined ? '' : ` --data ${quote(data)}`;
  return [
    `Skylark ${version} serves ${domain}; everything is kept in ${data}`,
    ...(settings === undefined ? [] : [`  ${'settings'.padEnd(28)}${settings}`]),
    ...ports,
    `Try it:          http://localhost:${addresses.http?.port}/`,
    `Add an account:  npx skylark user add you@${domain}${where}${isOpen ? '   (or in the browser: registration is open)' : ''}`,
    consoleUrl === undefined ? 'Console:         skylark console prints a link' : `Console:         ${consoleUrl}   (opens once)`,
    'Stop:            Ctrl-C',
  ];
}
