/**
 * The function that makes the keys and certificates of the bus. Its bundle is `dist/bus-keys-lambda`. It is called
 *
 * - by CloudFormation, before the servers of the bus are made and whenever the rights change;
 * - once a day, `{}`: it replaces the servers' certificate in time;
 * - by an operator, `{"renew":"keys"}`: the next generation of keys and of the authority becomes the present one.
 *
 * It needs the rights to read and write its secrets, and to start a deployment of the servers.
 */
import pino from 'pino';
import { z } from 'zod';
import { type AwsSecrets, openAwsSecrets } from '../../lib/adapters/aws-secrets.ts';
import { type EcsServices, openEcsServices } from '../../lib/adapters/ecs-services.ts';
import { makeNatsKey, natsTrustConfig } from '../../lib/adapters/nats-access.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { type BusTier, busTiers } from '../../lib/runtime/bus-rights.ts';
import { advance, digest, parseState, type Signing, serversSecret, tierSecret } from './generations.ts';
import { busKeyLimits } from './limits.ts';

const needed = z.string('is needed').min(1);
const settingsForm = z.object({
  AWS_REGION: needed,
  /** ARNs of secrets. */
  SKYLARK_KEYS_SECRET: needed,
  SKYLARK_SERVERS_SECRET: needed,
  SKYLARK_BUS_HOST: needed,
  SKYLARK_CLUSTER: needed,
  SKYLARK_BUS_SERVICE: needed,
});

interface Settings extends z.infer<typeof settingsForm> {
  /** The secret of each tier. */
  readonly tiers: ReadonlyMap<BusTier, string>;
}

/** @throws {TypeError} that names each wrong variable */
function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const { data, error } = settingsForm.safeParse(environment);
  if (error) throw new TypeError(error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
  const tiers = busTiers.flatMap((tier) => {
    const id = environment[`SKYLARK_${tier.toUpperCase()}_SECRET`];
    return id ? [[tier, id] as const] : [];
  });
  if (tiers.length === 0) throw new TypeError('SKYLARK_…_SECRET: no tier has a secret');
  return { ...data, tiers: new Map(tiers) };
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html */
const requestForm = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
});
const askedForm = z.strictObject({ renew: z.literal('keys').optional() });

export interface Summary {
  /** Names of secrets that have changed: `servers`, or a tier. */
  readonly written: readonly string[];
  /** The servers are being replaced. */
  readonly deploys: boolean;
}

export const natsSigning: Signing = { makeKey: makeNatsKey, trustConfig: natsTrustConfig };

interface Engines {
  readonly secrets: AwsSecrets;
  readonly ecs: Pick<EcsServices, 'redeploy'>;
  readonly clock: Clock;
}

/** @param isFirst the servers are made after this, and start with what is there */
export async function renew(
  { secrets, ecs, clock }: Engines,
  settings: Settings,
  { renewsKeys = false, isFirst = false },
): Promise<Summary> {
  const written: string[] = [];
  const put = async (name: string, id: string, text: string): Promise<void> => {
    if ((await secrets.read(id)) === text) return;
    await secrets.write(id, text);
    if (name !== 'keys') written.push(name);
  };
  const before = parseState(await secrets.read(settings.SKYLARK_KEYS_SECRET));
  const tiers = [...settings.tiers.keys()];
  const after = await advance(before, { host: settings.SKYLARK_BUS_HOST, tiers, renewsKeys }, clock, natsSigning);
  const servers = JSON.stringify(serversSecret(after));
  const isDue = !isFirst && after.deployed !== digest(servers);
  // First what is known only here: all else follows from it again if this ends in between.
  await put('keys', settings.SKYLARK_KEYS_SECRET, JSON.stringify(after));
  await put('servers', settings.SKYLARK_SERVERS_SECRET, servers);
  for (const [tier, id] of settings.tiers) await put(tier, id, JSON.stringify(tierSecret(after, tier)));
  if (isDue) await ecs.redeploy(settings.SKYLARK_CLUSTER, settings.SKYLARK_BUS_SERVICE);
  await put('keys', settings.SKYLARK_KEYS_SECRET, JSON.stringify({ ...after, deployed: digest(servers) }));
  return { written, deploys: isDue };
}

/** @throws {TypeError} for wrong settings or another event; {Unavailable} when AWS does not answer, so that it is tried again */
export async function handler(event: unknown): Promise<Summary | undefined> {
  const request = requestForm.safeParse(event).data;
  if (request === undefined) {
    const { data, error } = askedForm.safeParse(event);
    if (error) throw new TypeError('the event is not known; it may be {} or {"renew":"keys"}');
    return run({ renewsKeys: data.renew === 'keys' });
  }
  let failure: string | undefined;
  try {
    if (request.RequestType !== 'Delete') await run({ isFirst: request.RequestType === 'Create' });
  } catch (error) {
    failure = `${error instanceof Error ? error.message : error}`.slice(0, busKeyLimits.reasonCharactersMax);
  }
  const { StackId, RequestId, LogicalResourceId } = request;
  const answer = {
    ...{ StackId, RequestId, LogicalResourceId, PhysicalResourceId: 'bus-keys' },
    ...(failure === undefined ? { Status: 'SUCCESS' } : { Status: 'FAILED', Reason: failure }),
  };
  const signal = AbortSignal.timeout(busKeyLimits.answerMs);
  const { ok, status } = await fetch(request.ResponseURL, { method: 'PUT', body: JSON.stringify(answer), signal });
  if (!ok) throw new Error(`CloudFormation has not accepted the answer: ${status}`);
  return undefined;
}

async function run(asked: Parameters<typeof renew>[2]): Promise<Summary> {
  const settings = readSettings(process.env);
  const access = { region: settings.AWS_REGION };
  const [secrets, ecs] = [openAwsSecrets(access), openEcsServices(access)];
  try {
    const summary = await renew({ secrets, ecs, clock: systemClock }, settings, asked);
    const log = pino({ base: { service: 'bus-keys' } }, pino.destination({ dest: 1, sync: true }));
    log.info(summary, 'the keys of the bus are as they should be');
    return summary;
  } finally {
    secrets.close();
    ecs.close();
  }
}
