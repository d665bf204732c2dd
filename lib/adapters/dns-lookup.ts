/** What DNS says, through the resolvers of this machine or those that are named. */
import { Resolver } from 'node:dns/promises';
import { limits } from '../limits.ts';
import type { DnsLookup } from '../ports/dns-records.ts';
import { Unavailable } from '../ports/store.ts';

/** There is no such name, or it has no such record. */
const nothing: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);

/** @param servers `192.0.2.1`, `127.0.0.1:5353`; none: those of the system. @throws {TypeError} when one is no address */
export function dnsLookup(servers: readonly string[] = []): DnsLookup {
  const resolver = new Resolver({ timeout: limits.dnsTimeoutMs, tries: limits.dnsTriesMax });
  if (servers.length > 0) resolver.setServers(servers);
  const ask = async <Answer>(what: string, send: () => Promise<Answer[]>): Promise<Answer[]> => {
    try {
      return await send();
    } catch (cause) {
      const { code = '' } = cause as NodeJS.ErrnoException;
      if (nothing.has(code)) return [];
      throw new Unavailable(`DNS does not say what ${what} is: ${code}`, { cause });
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
