/** The DnsRecords port on Route 53: UPSERTs the whole record set, then waits until all servers have it (`INSYNC`). */
import {
  type Change,
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53';
import { type Clock, sleep } from '../ports/clock.ts';
import type { DnsRecords } from '../ports/dns-records.ts';
import { Unavailable } from '../ports/store.ts';
import { type AwsAccess, awsClientOptions } from './aws-client.ts';
import { adapterLimits } from './limits.ts';

export interface Route53Options extends AwsAccess {
  readonly hostedZoneId: string;
  readonly clock: Clock;
}

/** Seconds. The CA asks the zone's own servers, so this matters only to other people's resolvers. */
const ttl = 60;

export function route53Records({ hostedZoneId, clock, ...access }: Route53Options): DnsRecords {
  const client = new Route53Client(awsClientOptions(access));

  async function ask<Answer>(what: string, send: () => Promise<Answer>): Promise<Answer> {
    try {
      return await send();
    } catch (cause) {
      const { name, message } = cause as Error;
      throw new Unavailable(`Route 53 ${what}: ${name}: ${message}`, { cause });
    }
  }

  async function change(changes: Change[]): Promise<void> {
    const command = new ChangeResourceRecordSetsCommand({ HostedZoneId: hostedZoneId, ChangeBatch: { Changes: changes } });
    let info = (await ask('ChangeResourceRecordSets', () => client.send(command))).ChangeInfo;
    const untilMs = clock.monotonic() + adapterLimits.dnsChangeMs;
    while (info?.Status !== 'INSYNC') {
      if (clock.monotonic() >= untilMs) {
        throw new Unavailable(
          `Route 53 did not publish the change to all its servers within ${adapterLimits.dnsChangeMs / 1000} s`,
        );
      }
      await sleep(clock, adapterLimits.dnsPollMs);
      const question = new GetChangeCommand({ Id: info?.Id });
      info = (await ask('GetChange', () => client.send(question))).ChangeInfo;
    }
  }

  /** The record set as it is: a deletion must repeat what it deletes. */
  async function find(name: string): Promise<ResourceRecordSet | undefined> {
    const command = new ListResourceRecordSetsCommand({
      HostedZoneId: hostedZoneId,
      StartRecordName: name,
      StartRecordType: 'TXT',
      MaxItems: 1,
    });
    const [found] = (await ask('ListResourceRecordSets', () => client.send(command))).ResourceRecordSets ?? [];
    return found?.Type === 'TXT' && found.Name === `${name}.` ? found : undefined;
  }

  return {
    put: (name, texts) =>
      change([
        {
          Action: 'UPSERT',
          ResourceRecordSet: {
            Name: name,
            Type: 'TXT',
            TTL: ttl,
            ResourceRecords: texts.map((text) => ({ Value: quoted(text) })),
          },
        },
      ]),
    async remove(name) {
      const found = await find(name);
      if (found !== undefined) await change([{ Action: 'DELETE', ResourceRecordSet: found }]);
    },
  };
}

/** Decodes the escapes of RFC 1035 §5.1. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
