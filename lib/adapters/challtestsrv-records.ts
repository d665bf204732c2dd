/**
 * The DnsRecords port on the HTTP interface of pebble-challtestsrv, the DNS server that comes with Let's Encrypt's test CA:
 * `POST /set-txt {"host":"name.","value":"…"}`. It is for trying certificates end to end on one machine.
 */
import type { DnsRecords } from '../ports/dns-records.ts';
import { Unavailable } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';

export function challtestsrvRecords(url: string): DnsRecords {
  const post = async (path: string, body: object): Promise<void> => {
    try {
      const answer = await fetch(new URL(path, url), {
        method: 'POST',
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(adapterLimits.awsRequestTimeoutMs),
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`status ${answer.status}`);
    } catch (cause) {
      throw new Unavailable(`challtestsrv ${path} at ${url}: ${(cause as Error).message}`, { cause });
    }
  };
  const clear = (name: string) => post('/clear-txt', { host: `${name}.` });
  return {
    async put(name, texts) {
      await clear(name); // set-txt adds to existing texts
      for (const value of texts) await post('/set-txt', { host: `${name}.`, value });
    },
    remove: clear,
  };
}
