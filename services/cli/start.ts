/** `skylark start`. */
import { startEmbedded } from './embedded.ts';
import { beginLifetime, openLog, stopWithin } from './lifetime.ts';
import { type Addresses, hostPort } from './listening.ts';
import { quote, say, UsageError } from './report.ts';
import { registrationOf, type StartValues } from './start-options.ts';
import { version } from './version.ts';

export async function start(values: StartValues, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is one argument too many; see: skylark help start`);
  process.umask(0o077); // whatever we make is for our eyes
  const log = openLog();
  const lifetime = beginLifetime(log);
  const service = await startEmbedded(values, log);
  const { addresses, folder } = service;
  if (values.json) say(JSON.stringify({ event: 'listening', pid: process.pid, domain: values.domain, folder, addresses }));
  else say(...describe(values, addresses));
  log.info({ version, domain: values.domain, folder, addresses }, 'started');
  log.info({ reason: await lifetime.over }, 'stopping');
  const code = await stopWithin(log, () => service.stop());
  if (code === 0) log.info('stopped');
  return code;
}

const purposes: Readonly<Record<string, string>> = {
  c2s: 'XMPP clients (STARTTLS)',
  c2sTls: 'XMPP clients (direct TLS)',
  http: 'web client and WebSocket',
  https: 'the same over TLS',
};

function describe(values: StartValues, addresses: Addresses): string[] {
  const { domain, data } = values;
  const ports = Object.entries(addresses).map(
    ([name, { address, port }]) => `  ${(purposes[name] ?? name).padEnd(28)}${hostPort(address, port)}`,
  );
  const isOpen = registrationOf(values) === 'open';
  const where = data === './data' ? '' : ` --data ${quote(data)}`;
  return [
    `Skylark ${version} serves ${domain}; everything is kept in ${data}`,
    ...ports,
    `Try it:          http://localhost:${addresses.http?.port}/`,
    `Add an account:  npx skylark user add you@${domain}${where}${isOpen ? '   (or in the browser: registration is open)' : ''}`,
    'Stop:            Ctrl-C',
  ];
}
