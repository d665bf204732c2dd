/**
 * The scheduled Lambda: every few hours it issues and renews what is due. Its bundle is `dist/certificates-lambda`. In a Region
 * it needs the rights to read the tenants, to read and write `#certificates`, `#acme` and the partitions `<domain>/c` of `core`,
 * to generate and decrypt data keys, and to change TXT records of one zone.
 */
import { readFileSync } from 'node:fs';
import pino from 'pino';
import { challtestsrvRecords } from '../../lib/adapters/challtestsrv-records.ts';
import { dnsLookup } from '../../lib/adapters/dns-lookup.ts';
import { openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { openKmsKeys } from '../../lib/adapters/kms-keys.ts';
import { route53Records } from '../../lib/adapters/route53-records.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { accountKey } from './account.ts';
import { openAuthority } from './authority.ts';
import { certificateLimits } from './limits.ts';
import { daysLeftMetric } from './metric.ts';
import type { Result } from './renewal.ts';
import { readSettings, type Settings } from './settings.ts';
import { renewAll } from './tenant-walk.ts';

interface Context {
  getRemainingTimeInMillis(): number;
}

export interface Summary {
  readonly domains: number;
  readonly issued: readonly string[];
  readonly failed: readonly string[];
}

/** @throws {TypeError} for wrong settings; {Unavailable} when store or keys are away, so that the schedule tries again */
export async function handler(_event: unknown, context?: Context): Promise<Summary> {
  const { AWS_REGION, ...environment } = process.env;
  const settings = readSettings(environment, AWS_REGION);
  const log = pino(
    { level: settings.SKYLARK_LOG_LEVEL, base: { service: 'certificates' } },
    pino.destination({ dest: 1, sync: true }),
  );
  const untilMs = context && clock.monotonic() + context.getRemainingTimeInMillis();
  const awake = setInterval(() => {}, certificateLimits.keepAwakeMs);
  const results = await run(settings, log, untilMs).finally(() => clearInterval(awake));
  const metric = daysLeftMetric(results, settings.SKYLARK_TABLE_PREFIX, clock.now());
  if (metric !== undefined) process.stdout.write(`${metric}\n`);
  const of = (wanted: Result['outcome']) => results.filter(({ outcome }) => outcome === wanted).map(({ domain }) => domain);
  return { domains: results.length, issued: of('issued'), failed: of('failed') };
}

async function run(settings: Settings, log: pino.Logger, untilMs?: number): Promise<Result[]> {
  const { SKYLARK_REGION: region, SKYLARK_DNS: dns, SKYLARK_DNS_ZONE: zone, SKYLARK_ACME: url } = settings;
  const at = (engine: string) => ({ region, clock, ...(engine !== 'aws' && { endpoint: engine }) });
  const store = await openDynamoStore({ ...at(settings.SKYLARK_DYNAMODB), tablePrefix: settings.SKYLARK_TABLE_PREFIX });
  const keys = openKmsKeys({ ...at(settings.SKYLARK_KMS), keyId: settings.SKYLARK_KMS_KEY });
  const records =
    dns === 'aws' ? route53Records({ ...at('aws'), hostedZoneId: settings.SKYLARK_DNS_ZONE_ID! }) : challtestsrvRecords(dns);
  const lookup = dnsLookup(settings.SKYLARK_DNS_SERVERS);
  try {
    const authority = openAuthority({
      ...{ url, clock, records, lookup, zone, email: settings.SKYLARK_ACME_EMAIL },
      accountKey: await accountKey(store, keys, url),
      trusted: settings.SKYLARK_ACME_CA && readFileSync(settings.SKYLARK_ACME_CA, 'utf8'),
    });
    return await renewAll({ store, keys, clock, lookup, authority, zone }, { log, untilMs });
  } finally {
    keys.close();
    await store.close();
  }
}
