/**
 * Asks the tenant's own system whether a password is right: `POST` to the address of its policy, in JSON, signed with the secret that both
 * have. docs/operations.md says which bytes are signed.
 *
 * Hostile: an address of an inner network, a redirect, an answer that is large or slow or does not come, or that is not what was agreed on:
 * nobody is let in then. The guard that dials is that of other servers (services/federation/finding).
 */
import { z } from 'zod';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { networkOf } from '../../../lib/runtime/networks.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { openPolicySecret } from '../core/policy-secrets.ts';
import { signedHeaders } from '../core/signed-post.ts';
import { prepareName } from './credentials.ts';
import { outsideLimits } from './limits.ts';
import { type PasswordAttempt, type Vouched, vouchedRoles } from './vouching.ts';

const answerSchema = z.object({
  allowed: z.boolean(),
  name: z.string().optional(),
  role: z.enum(vouchedRoles).optional(),
  /** Seconds since the epoch. */
  expires: z.number().positive().optional(),
});

/** @returns undefined when the password is wrong. @throws {SaslFailure} temporary-auth-failure when nobody can tell */
export async function askWebhook(
  dependencies: Dependencies,
  { tenant, local, password, address }: PasswordAttempt,
): Promise<Vouched | undefined> {
  const { postDocument, clock, log } = dependencies;
  const { domain, policy } = tenant;
  const secret = await openPolicySecret(dependencies, tenant, 'webhookSecret');
  try {
    if (postDocument === undefined || policy.webhookUrl === '' || !secret) throw new Error('it has no address or no secret');
    const body = JSON.stringify({ domain, name: local, password, address });
    const headers = signedHeaders(dependencies, secret, body);
    const { webhookAnswerBytesMax: bytesMax, outsideMs: msMax } = outsideLimits;
    const path = [domain, networkOf(address), local];
    const answer = await dependencies.shares.asking.run(path, () =>
      postDocument(new URL(policy.webhookUrl), { body, headers }, { bytesMax, msMax }),
    );
    if (answer.status === 401 || answer.status === 403) return undefined;
    if (answer.status !== 200) throw new Error(`it answered with status ${answer.status}`);
    const { allowed, name, role, expires } = answerSchema.parse(JSON.parse(answer.body));
    if (!allowed) return undefined;
    const named = name === undefined ? local : prepareName(name, tenant);
    if (named === undefined) throw new Error('it named an account that cannot be');
    const untilMs = expires === undefined ? undefined : expires * 1_000;
    if (untilMs !== undefined && untilMs <= clock.timeOfDay()) return undefined;
    return { way: 'webhook', local: named, role, untilMs };
  } catch (error) {
    if (error instanceof Overloaded) throw error;
    log.warn(
      { err: error instanceof z.ZodError ? new Error('it did not answer as was agreed') : error, domain },
      'the webhook cannot be asked',
    );
    throw new SaslFailure('temporary-auth-failure', 'passwords cannot be checked now');
  }
}
