/** `skylark dns DOMAIN` prints the DNS records that a tenant's domain needs. It neither asks a server nor changes anything. */
import { say, UsageError } from '../core/report.ts';
import type { DnsValues } from './dns-options.ts';
import { jsonText, route53Text, zoneText } from './formats.ts';
import { publicDomain } from './host-name.ts';
import { planRecords } from './records.ts';

const formats = { zone: zoneText, json: jsonText, route53: route53Text };

export async function dns(values: DnsValues, positionals: readonly string[]): Promise<number> {
  const [text, ...rest] = positionals;
  if (text === undefined) throw new UsageError("'skylark dns' needs a DOMAIN; see: skylark help dns");
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is an unexpected argument; see: skylark help dns`);
  const { ascii, unicode } = publicDomain(text);
  const { target, ports, federation, acmeZone, filesHost, ttl = 3_600, format = 'zone' } = values;
  if (target === undefined)
    throw new UsageError('--target is needed; it takes the host name of the load balancer or machine that serves the domain');
  const { serversTarget = target, webHost = target, websocketHost: webSocketHost = webHost } = values;
  const hosts = { target, serversTarget, webHost, webSocketHost };
  const components = values.components?.split(',').map((label) => `${label}.${ascii}`) ?? [];
  const plan = planRecords({ domain: ascii, unicode, ...hosts, ports, federation, acmeZone, filesHost, components });
  say(...formats[format](plan, ttl));
  return 0;
}
