/**
 * The canary: a function that signs in every few minutes as a client would, from outside, writes and hears itself. An error, and silence, ring
 * an alarm. This is a main file: it reads the environment and chooses adapters.
 *
 * | Variable | What | Default |
 * |---|---|---|
 * | SKYLARK_DOMAIN | the tenant whose account it has | needed |
 * | SKYLARK_CANARY_USER | the account, the part before the @ | `canary` |
 * | SKYLARK_REGION, else AWS_REGION | the region of DynamoDB | |
 * | SKYLARK_TABLE_PREFIX | the prefix of the tables' names | `skylark-` |
 * | SKYLARK_DYNAMODB | the URL of a DynamoDB, or `aws` | `aws` |
 * | SKYLARK_DNS_SERVER | a DNS server to ask, such as `192.0.2.1:53` | the system's |
 * | SKYLARK_WEB_URL | where the pages for people are, which it looks at, too | none |
 */
import pino from 'pino';
import { openDynamoStore } from '../../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { programLimits } from '../limits.ts';
import { fly } from './flight.ts';
import { passesMetric } from './metric.ts';

export interface Landed {
  readonly checks: number;
  /** A sentence for each check that failed; empty when all is well. */
  readonly failed: readonly string[];
  readonly tookMs: number;
}

/** An empty variable counts as none. */
function variable(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** @throws {TypeError} for missing variables; {Unavailable} when the store is away. What fails in flight is told, and counted as a metric. */
export async function handler(): Promise<Landed> {
  const region = variable('SKYLARK_REGION') ?? variable('AWS_REGION');
  const domain = variable('SKYLARK_DOMAIN');
  if (region === undefined || domain === undefined) throw new TypeError('SKYLARK_REGION and SKYLARK_DOMAIN are needed');
  const tablePrefix = variable('SKYLARK_TABLE_PREFIX') ?? 'skylark-';
  const dynamodb = variable('SKYLARK_DYNAMODB') ?? 'aws';
  const log = pino(
    { level: variable('SKYLARK_LOG_LEVEL') ?? 'info', base: { service: 'canary' } },
    pino.destination({ dest: 1, sync: true }),
  );
  const store = await openDynamoStore({ region, tablePrefix, clock, ...(dynamodb !== 'aws' && { endpoint: dynamodb }) });
  const began = clock.monotonic();
  const awake = setInterval(() => {}, programLimits.keepAwakeMs);
  let failed: readonly string[] = ['it did not end'];
  try {
    const user = variable('SKYLARK_CANARY_USER') ?? 'canary';
    const findings = await fly({
      store,
      clock,
      domain,
      user,
      dnsServer: variable('SKYLARK_DNS_SERVER'),
      webUrl: variable('SKYLARK_WEB_URL'),
    });
    failed = findings.filter(({ state }) => state === 'fail').map(({ subject, text }) => `${subject}: ${text}`);
    for (const text of failed) log.error({ check: text }, 'the canary has failed');
    return { checks: findings.length, failed, tookMs: Math.round(clock.monotonic() - began) };
  } finally {
    clearInterval(awake);
    await store.close();
    const passes = failed.length === 0 ? 1 : 0;
    process.stdout.write(`${passesMetric(passes, clock.monotonic() - began, tablePrefix, clock.now())}\n`);
  }
}
