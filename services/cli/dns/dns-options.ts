/** The options of `skylark dns`. */
import { z } from 'zod';
import {
  choiceOption,
  countOption,
  type Option,
  type Options,
  optionalText,
  switchOption,
  type Values,
} from '../core/arguments.ts';
import { rowStoreOptions } from '../core/options.ts';
import { programLimits } from '../limits.ts';
import { hostNameOf } from './host-name.ts';

/** The ports of each service in the order of their priority. A service without a port is not served. */
export type Ports = Readonly<Record<PortKind, readonly number[]>>;
export type PortKind = 'c2s' | 'c2s-tls' | 's2s' | 's2s-tls';

const portKinds: readonly PortKind[] = ['c2s', 'c2s-tls', 's2s', 's2s-tls'];
const portsPreset: Ports = { c2s: [5222], 'c2s-tls': [5223], s2s: [5269], 's2s-tls': [5270] };
const portPattern = /^(\d{1,5}(?:\+\d{1,5})*|none)$/;

/**
 * Parses `c2s-tls=5223+443,c2s=none`; a service that is left out keeps its preset.
 * @returns undefined when the text has another form
 */
function readPorts(text: string): Ports | undefined {
  const ports: Record<PortKind, readonly number[]> = { ...portsPreset };
  const seen = new Set<string>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [name = '', list = '', ...more] = part.split('=');
    const kind = portKinds.find((one) => one === name);
    if (kind === undefined || seen.has(kind) || more.length > 0 || !portPattern.test(list)) return undefined;
    seen.add(kind);
    const numbers = list === 'none' ? [] : list.split('+').map(Number);
    const isGood = numbers.every((port) => port >= 1 && port <= 65_535) && new Set(numbers).size === numbers.length;
    if (!isGood || numbers.length > programLimits.dnsPortsPerKindMax) return undefined;
    ports[kind] = numbers;
  }
  return ports;
}

function portsOption(): Option<Ports> {
  const schema = z.string().transform((text, context) => {
    const ports = readPorts(text);
    if (ports !== undefined) return ports;
    context.addIssue('no list of ports');
    return z.NEVER;
  });
  const allowed = `services and their public ports, such as c2s=5222,c2s-tls=5223+443; services are ${portKinds.join(', ')}, and 'none' is for no port`;
  const preset = portKinds.map((kind) => `${kind}=${portsPreset[kind].join('+')}`).join(',');
  return { placeholder: 'LIST', text: 'public ports, by service', allowed, schema, preset };
}

/** An option that takes a host name and gives it as A-labels; it may be left out. */
export function hostNameOption(placeholder: string, text: string): Option<string | undefined> {
  const schema = z
    .string()
    .transform((host, context) => {
      const name = hostNameOf(host);
      if (name !== undefined) return name;
      context.addIssue('not a host name');
      return z.NEVER;
    })
    .optional();
  return { placeholder, text, allowed: 'a host name (no address), such as xmpp.example.net', schema };
}

export const dnsOptions = {
  target: hostNameOption('HOST', 'where the service is, such as its load balancer (needed without --dynamodb)'),
  ...rowStoreOptions,
  ports: portsOption(),
  federation: switchOption('the service talks to other servers: print the records for that, too'),
  serversTarget: hostNameOption('HOST', 'where other servers connect, if not at --target'),
  acmeZone: hostNameOption('ZONE', 'the zone in which certificates are proven (ACME DNS-01)'),
  components: optionalText(
    'LABEL,…',
    'components of the domain, such as irc: print their records for other servers and certificates',
    'labels below the domain, such as irc,sms',
    /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:,[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
  ),
  filesHost: hostNameOption('HOST', 'where files are served: makes files.DOMAIN a name of it'),
  webHost: hostNameOption('HOST', 'where the web service is, if not at --target'),
  websocketHost: hostNameOption('HOST', 'where WebSocket streams are, if not at --web-host'),
  ttl: countOption('how long others may keep the records, seconds', programLimits.dnsTtlSecondsMax, 3_600),
  format: choiceOption('zone|json|route53', 'zone (the default): text of a zone file', ['zone', 'json', 'route53']),
} satisfies Options;

export type DnsValues = Values<typeof dnsOptions>;
