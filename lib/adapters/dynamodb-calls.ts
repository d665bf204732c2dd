/**
 * Calls to DynamoDB: the client, its time limits, retries, and what its errors mean to a caller of the port.
 *
 * The SDK's own retries are off. Ours pause by the port's clock, so that a seed can replay them, and they tell the caller whether
 * an earlier try may have succeeded although no answer came.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Clock, sleep } from '../ports/clock.ts';
import { Unavailable } from '../ports/store.ts';
import { adapterLimits } from './limits.ts';

export interface DynamoOptions {
  /** The URL of an engine other than AWS, such as DynamoDB Local. */
  readonly endpoint?: string;
  readonly region: string;
  /** Default: the SDK's own chain (environment, task role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
  /** The tables are `<prefix>core`, `<prefix>archive` and `<prefix>live`. */
  readonly tablePrefix: string;
  readonly clock: Clock;
}

/** HTTP requests since the store was opened, retries included: a request costs CPU, whatever it carries. */
export type DynamoCalls = Record<'batchGet' | 'batchWrite' | 'get' | 'put' | 'delete' | 'update' | 'query', number>;

/** Counts since the store was opened: throttled tries, and calls that failed for good. */
export interface DynamoTroubles {
  throttles: number;
  failures: number;
}

/** What is known after several tries of one call. */
export interface Tries {
  /** An earlier try got no answer (time-out, reset, 5xx), so it may have been carried out. */
  isUncertain: boolean;
}

/** Errors that the service returns before it does anything. */
const refusals: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'ReplicatedWriteConflictException',
  'TransactionConflictException',
]);

/** Our own mistakes, and the one answer that callers expect. Everything else counts as an outage. */
const verdicts: ReadonlySet<string> = new Set([
  'ConditionalCheckFailedException',
  'ValidationException',
  'SerializationException',
]);

interface Failure extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
}

type Verdict = 'final' | 'refused' | 'uncertain' | 'unavailable';

function judge(error: Failure): Verdict {
  const status = error.$metadata?.httpStatusCode;
  if (verdicts.has(error.name) || (error instanceof TypeError && error.code === undefined)) return 'final';
  if (refusals.has(error.name) || error.code === 'ECONNREFUSED' || error.$metadata?.clockSkewCorrected) return 'refused';
  // With a status below 500 the refusal is final: access denied, unknown table, bad signature.
  if (status !== undefined && status >= 400 && status < 500) return 'unavailable';
  if (error.name === 'CredentialsProviderError') return 'unavailable';
  return 'uncertain';
}

export class DynamoCaller {
  readonly client: DynamoDBClient;
  readonly calls: DynamoCalls = { batchGet: 0, batchWrite: 0, get: 0, put: 0, delete: 0, update: 0, query: 0 };
  readonly troubles: DynamoTroubles = { throttles: 0, failures: 0 };
  readonly clock: Clock;
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor({ endpoint, region, credentials, clock }: DynamoOptions) {
    this.clock = clock;
    const agent = { keepAlive: true, maxSockets: adapterLimits.dynamoSocketsMax };
    this.client = new DynamoDBClient({
      region,
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials !== undefined && { credentials }),
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: adapterLimits.dynamoConnectTimeoutMs,
        requestTimeout: adapterLimits.dynamoRequestTimeoutMs,
        throwOnRequestTimeout: true,
        httpAgent: agent,
        httpsAgent: agent,
      },
    });
  }

  /**
   * Tries until an answer comes, a few times at most. `send` makes one try.
   * @throws {Unavailable}. `ConditionalCheckFailedException` and validation errors of the SDK pass unchanged.
   */
  async call<T>(kind: keyof DynamoCalls, send: () => Promise<T>, tries: Tries = { isUncertain: false }): Promise<T> {
    if (this.#isClosed) throw new Unavailable('the store is closed');
    if (this.#underWay.size >= adapterLimits.storeWaitingMax)
      throw new Unavailable(`${this.#underWay.size} calls are already running`);
    const run = this.#tryAgain(kind, send, tries);
    this.#underWay.add(run);
    try {
      return await run;
    } finally {
      this.#underWay.delete(run);
    }
  }

  async #tryAgain<T>(kind: keyof DynamoCalls, send: () => Promise<T>, tries: Tries): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      this.calls[kind]++;
      try {
        return await send();
      } catch (error) {
        const verdict = judge(error as Failure);
        if (refusals.has((error as Failure).name)) this.troubles.throttles++;
        if (verdict === 'final') throw error;
        if (verdict === 'uncertain') tries.isUncertain = true;
        if (verdict === 'unavailable' || attempt >= adapterLimits.dynamoTriesMax) {
          this.troubles.failures++;
          throw new Unavailable(`DynamoDB ${kind}: ${(error as Failure).name}: ${(error as Failure).message}`, { cause: error });
        }
      }
      await this.pause(attempt);
    }
  }

  /** Waits a random time within a bound that doubles, so that callers who were refused together do not come back together. */
  pause(attempt: number): Promise<void> {
    const boundMs = Math.min(adapterLimits.dynamoPauseMaxMs, adapterLimits.dynamoPauseBaseMs * 2 ** (attempt - 1));
    return sleep(this.clock, (this.clock.randomBytes(2).readUInt16BE() / 0x1_0000) * boundMs);
  }

  /** Lets running calls finish; their tries are bounded. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
    this.client.destroy();
  }
}
