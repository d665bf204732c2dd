/** Writes a plan of records as a zone file, as JSON for programs, or as a change batch for Route 53. */
import type { DnsPlan, DnsRecord } from './records.ts';

/** Writes a zone file (RFC 1035 §5.1). Records that need not be published are written as comments. */
export function zoneText({ domain, unicode, records, later, hostMeta }: DnsPlan, ttlSeconds: number): string[] {
  const width = Math.max(...[...records, ...later].map(({ name }) => name.length)) + 1;
  const line = ({ name, type, data }: DnsRecord) => `${`${name}.`.padEnd(width)} ${ttlSeconds} IN ${type} ${data}`;
  const block = (list: readonly DnsRecord[], mark: string) =>
    list.flatMap((record, index) => [
      ...(record.text === list[index - 1]?.text ? [] : [`; ${record.text}`]),
      `${mark}${line(record)}`,
    ]);
  return [
    `; ${unicode === domain ? domain : `${unicode} (${domain})`}`,
    ...block(records, ''),
    ...(later.length === 0
      ? []
      : [
          ';',
          '; For other servers, where their ports are open (--s2s-port, --s2s-tls-port). Where nothing listens, these records',
          '; would make other servers wait in vain. With --federation they are printed as records.',
          ...block(later, '; '),
        ]),
    ';',
    '; Browsers ask the domain itself, over HTTPS with a certificate for it (XEP-0156), and any origin must be let in',
    '; (Access-Control-Allow-Origin: *). Whatever serves these:',
    ...hostMeta.urls.map((url) => `;   ${url}`),
    '; should redirect or proxy to:',
    ...hostMeta.sources.map((url) => `;   ${url}`),
    '; or answer, as the .json of it:',
    `;   ${JSON.stringify(hostMeta.json)}`,
  ];
}

export function jsonText({ domain, unicode, records, later, hostMeta }: DnsPlan, ttlSeconds: number): string[] {
  const rows = [...records.map((one) => ({ ...one, publish: true })), ...later.map((one) => ({ ...one, publish: false }))];
  return [JSON.stringify({ domain, unicode, ttlSeconds, records: rows, hostMeta }, undefined, 2)];
}

/** Writes the input of `aws route53 change-resource-record-sets --change-batch`, with one record set for each name and type. */
export function route53Text({ domain, records }: DnsPlan, ttlSeconds: number): string[] {
  const sets = new Map<string, { readonly name: string; readonly type: string; readonly data: string[] }>();
  for (const { name, type, data } of records) {
    const key = `${type} ${name}`;
    const set = sets.get(key) ?? { name, type, data: [] };
    set.data.push(data);
    sets.set(key, set);
  }
  const changes = [...sets.values()].map(({ name, type, data }) => ({
    Action: 'UPSERT',
    ResourceRecordSet: { Name: `${name}.`, Type: type, TTL: ttlSeconds, ResourceRecords: data.map((Value) => ({ Value })) },
  }));
  return [JSON.stringify({ Comment: `XMPP records of ${domain}`, Changes: changes }, undefined, 2)];
}
