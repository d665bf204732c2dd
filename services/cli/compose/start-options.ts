/** The options of `skylark start`, with checks and defaults that depend on several of them. */
import { closablePortOption, countOption, flagOf, type Options, textOption, type Values } from '../core/arguments.ts';
import * as shared from '../core/options.ts';
import { UsageError } from '../core/report.ts';
import { componentOptions } from './component-options.ts';
import { federationOptions } from './federation-options.ts';
import { tracingOptions } from './tracing-options.ts';

export const startOptions = {
  domain: shared.domain,
  bind: shared.bind,
  data: shared.data,
  ...shared.clientPortOptions,
  ...shared.webPortOptions,
  ...federationOptions,
  ...componentOptions,
  registration: shared.registration,
  proveDomains: shared.proveDomains,
  auditDays: shared.auditDays,
  ...shared.certificateSourceOptions,
  region: shared.kmsRegion,
  filesUrl: shared.filesUrl,
  websocketUrl: shared.websocketUrl,
  proxyPort: closablePortOption('port of the proxy for bytestreams (XEP-0065), usually 7777; without it there is none'),
  proxyHost: textOption(
    'HOST',
    'where clients find that proxy; the default is the domain of the tenant',
    'a name or an IP address',
  ),
  healthPort: shared.healthPort,
  metricsTenants: shared.metricsTenants,
  ...tracingOptions,
  json: shared.json,
  processes: countOption('the number of processes that share the work, one per core', 64, 1),
  settings: shared.settings,
} satisfies Options;

const { json: _json, settings: _settings, ...kept } = startOptions;

/** What a file of settings can say, by the names of options: all that a service starts with. */
export const settingOptions: Options = kept;

export type StartValues = Values<typeof startOptions>;

const portNames = [
  'c2sPort',
  'c2sTlsPort',
  'httpPort',
  'httpsPort',
  's2sPort',
  's2sTlsPort',
  'componentPort',
  'proxyPort',
  'healthPort',
] as const;

/** @throws {UsageError} when two purposes have the same port */
export function checkPorts(values: Partial<Record<(typeof portNames)[number], number>>): void {
  const taken = new Map<number, string>();
  for (const name of portNames) {
    const port = values[name];
    if (port === undefined || port === 0) continue;
    const other = taken.get(port);
    if (other !== undefined)
      throw new UsageError(`${flagOf(name)}: '${port}' is the port of ${other} already; each takes one of its own`);
    taken.set(port, flagOf(name));
  }
}

/** Registration is open by default only on the loopback, which cannot be reached from outside. */
export function registrationOf(values: Pick<StartValues, 'registration' | 'bind'>): 'open' | 'closed' {
  return values.registration ?? (shared.isLoopback(values.bind) ? 'open' : 'closed');
}
