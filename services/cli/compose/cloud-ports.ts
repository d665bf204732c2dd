/** Opens the bus and the store of a process in a cluster: NATS and DynamoDB. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { createTables, type DynamoOptions, type DynamoStore, openDynamoStore } from '../../../lib/adapters/dynamodb-store.ts';
import { type NatsAccess, parseNatsAccess } from '../../../lib/adapters/nats-access.ts';
import { connectNatsBus, type NatsBus } from '../../../lib/adapters/nats-bus.ts';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import { type Clock, repeat } from '../../../lib/ports/clock.ts';
import { Refusal, reasonOf, UsageError } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import { engineOptions } from './engine-options.ts';

export interface DynamoValues {
  readonly dynamodb: string | undefined;
  readonly region: string;
  readonly tablePrefix: string;
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

export interface BusValues {
  readonly nats: string | undefined;
  readonly natsAccess: string | undefined;
  readonly name: string;
}

/** Waits until a server lets this process in, and logs meanwhile that it waits. @throws {UsageError} for wrong options */
export async function openCloudBus({ nats, natsAccess, name }: BusValues, log: Logger): Promise<NatsBus> {
  if (nats === undefined)
    throw new UsageError('--nats is needed; it takes the URL of a NATS server, such as nats://127.0.0.1:4222');
  const access = natsAccess === undefined ? undefined : readAccess(natsAccess);
  const pause = () => programLimits.busWaitLogMs;
  let toldMs = Number.NEGATIVE_INFINITY;
  const onRefused = (error: unknown) => {
    if (systemClock.monotonic() - toldMs < pause()) return;
    toldMs = systemClock.monotonic();
    log.warn({ err: error }, 'the bus refuses something');
  };
  const waits = async () =>
    log.warn({ nats }, 'the bus has not let this process in yet: is it there, and does --nats-access fit it?');
  const waiting = repeat(systemClock, pause, waits, onRefused);
  try {
    return await connectNatsBus({ servers: [nats], clock: systemClock, name, access, onRefused });
  } finally {
    waiting.cancel();
  }
}

/** @param given a file, or what stands in it */
function readAccess(given: string): NatsAccess {
  const isText = given.trimStart().startsWith('{');
  const shown = isText ? 'the text' : `'${given}'`;
  try {
    return parseNatsAccess(isText ? given : readFileSync(given, 'utf8'));
  } catch (error) {
    throw new UsageError(`--nats-access: ${shown} is not what a bus gives out: ${reasonOf(error)}`);
  }
}
