/** `skylark dns DOMAIN` prints the DNS records that a tenant's domain needs. It changes nothing, and asks nobody but, with `--dynamodb`, the tables. */
import type { Cell } from '../../../lib/runtime/cells.ts';
import { cellList } from '../../router/operations/cells.ts';
import { Refusal, say, UsageError } from '../core/report.ts';
import type { DnsValues } from '../dns/dns-options.ts';
import { jsonText, route53Text, zoneText } from '../dns/formats.ts';
import { publicDomain } from '../dns/host-name.ts';
import { planRecords } from '../dns/records.ts';
import { adminOf, withAdmin } from './admin-command.ts';

/** What the tables of the cell say of where it is. @throws {Refusal} */
async function cellOf(values: DnsValues, domain: string): Promise<Cell> {
  let found: readonly Cell[] = [];
  await withAdmin(adminOf({ ...values, data: '.' }), async (admin) => {
    ({ cells: found } = await admin.ask(cellList, { domain }));
  });
  const [cell] = found;
  if (cell === undefined) throw new Refusal(`no cell has told where '${domain}' is served; give --target`);
  return cell;
}

const formats = { zone: zoneText, json: jsonText, route53: route53Text };

export async function dns(values: DnsValues, positionals: readonly string[]): Promise<number> {
  const [text, ...rest] = positionals;
  if (text === undefined) throw new UsageError("'skylark dns' needs a DOMAIN; see: skylark help dns");
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is an unexpected argument; see: skylark help dns`);
  const { ascii, unicode } = publicDomain(text);
  const { ports, federation, acmeZone, filesHost, ttl = 3_600, format = 'zone' } = values;
  const cell = values.dynamodb === undefined || values.target !== undefined ? undefined : await cellOf(values, unicode);
  const target = values.target ?? cell?.host;
  if (target === undefined)
    throw new UsageError('--target is needed; it takes the host name of the load balancer or machine that serves the domain');
  const { serversTarget = cell?.serversHost ?? target, webHost = target, websocketHost: webSocketHost = webHost } = values;
  const hosts = { target, serversTarget, webHost, webSocketHost };
  const components = values.components?.split(',').map((label) => `${label}.${ascii}`) ?? [];
  const plan = planRecords({ domain: ascii, unicode, ...hosts, ports, federation, acmeZone, filesHost, components });
  say(...formats[format](plan, ttl));
  return 0;
}
