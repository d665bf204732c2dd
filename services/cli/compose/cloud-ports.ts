/** Opens the bus and the store of a process in a cluster: NATS and DynamoDB. */
import { createTables, type DynamoOptions, type DynamoStore, openDynamoStore } from '../../../lib/adapters/dynamodb-store.ts';
import { connectNatsBus, type NatsBus } from '../../../lib/adapters/nats-bus.ts';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Refusal, UsageError } from '../core/report.ts';

export interface DynamoValues {
  readonly dynamodb: string | undefined;
  readonly region: string;
  readonly tablePrefix: string;
}

/**
 * Credentials for an engine on this machine. It requires some, and accepts any.
 * @returns undefined when the environment names credentials
 */
export function localCredentials(): { accessKeyId: string; secretAccessKey: string } | undefined {
  const isNamed = process.env.AWS_ACCESS_KEY_ID || process.env.AWS_PROFILE;
  return isNamed ? undefined : { accessKeyId: 'local', secretAccessKey: 'local' };
}

/** Options for a client of the AWS SDK. @param engine `aws`, or the URL of an engine elsewhere */
export function engineOptions(engine: string, region: string) {
  const credentials = engine === 'aws' ? undefined : localCredentials();
  return { region, ...(engine !== 'aws' && { endpoint: engine }), ...(credentials && { credentials }) };
}

/** @throws {UsageError} when --dynamodb is missing */
function dynamoOptions({ dynamodb, region, tablePrefix }: DynamoValues, clock: Clock): DynamoOptions {
  if (dynamodb === undefined)
    throw new UsageError("--dynamodb is needed; it takes the URL of a DynamoDB, or 'aws' for that of the region");
  return { ...engineOptions(dynamodb, region), tablePrefix, clock };
}

/** @param clock decides when rows expire */
export function openCloudStore(values: DynamoValues, clock: Clock = systemClock): Promise<DynamoStore> {
  return openDynamoStore(dynamoOptions(values, clock));
}

/** Creates the tables of an engine on one machine. In a Region the stacks create them. @throws {Refusal} when that fails */
export async function ensureTables(values: DynamoValues): Promise<void> {
  if (values.dynamodb === 'aws') return;
  try {
    await createTables(dynamoOptions(values, systemClock));
  } catch (error) {
    throw new Refusal(`--dynamodb: no tables at ${values.dynamodb}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Counts of the HTTP requests of this process to the store, for `skylark status --json`: `store.batchGet` … */
export function callFigures({ calls }: DynamoStore): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(calls).map(([kind, count]) => [`store.${kind}`, count]));
}

/** Waits until a server can be reached. @throws {UsageError} when --nats is missing */
export function openCloudBus(nats: string | undefined, name: string): Promise<NatsBus> {
  if (nats === undefined)
    throw new UsageError('--nats is needed; it takes the URL of a NATS server, such as nats://127.0.0.1:4222');
  return connectNatsBus({ servers: [nats], clock: systemClock, name });
}
