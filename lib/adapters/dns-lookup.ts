/** The DnsLookup port, through this machine's resolvers or given ones. */
import { Resolver } from 'node:dns/promises';
import type { DnsLookup } from '../ports/dns-records.ts';
import { Unavailable } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';

/** The name does not exist, or has no record of this type. */
const nothing: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);

/** @param servers such as `192.0.2.1` or `127.0.0.1:5353`; none: the system's. @throws {TypeError} when one is not an address */
export function dnsLookup(servers: readonly string[] = []): DnsLookup {
  const resolver = new Resolver({ timeout: adapterLimits.dnsTimeoutMs, tries: adapterLimits.dnsTriesMax });
  if (servers.length > 0) resolver.setServers(servers);
  const ask = async <Answer>(what: string, send: () => Promise<Answer[]>): Promise<Answer[]> => {
    try {
      return await send();
    } catch (cause) {
      const { code = '' } = cause as NodeJS.ErrnoException;
      if (nothing.has(code)) return [];
      throw new Unavailable(`DNS lookup of ${what} failed: ${code}`, { cause });
    }
  };
  return {
    async alias(name) {
      const [target] = await ask(name, () => resolver.resolveCname(name));
      return target?.toLowerCase().replace(/\.$/, '');
    },
    async texts(name) {
      const records = await ask(name, () => resolver.resolveTxt(name));
      return records.map((parts) => parts.join(''));
    },
  };
}
