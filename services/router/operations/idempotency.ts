/**
 * A request of the API that is sent again under the same key is done once, and answered as the first time: for programs whose answer was lost.
 *
 * A row is written before the operation is begun and holds the answer afterwards, for a day. Answers may have secrets in them, and requests
 * passwords, so both are kept under a key that is made of the secret of the API key, which no row has. What failed is forgotten: it may be
 * tried again under the same key. A process may die in between; then an operation that is not repeatable is not done again, because nobody
 * knows how far it came.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { Conflict } from '../../../lib/ports/store.ts';
import type { AdminReply } from '../../../lib/runtime/admin-wire.ts';
import type { ApiAsker } from '../../../lib/runtime/api-keys.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { tenantNamed } from './inputs.ts';
import { operationLimits } from './limits.ts';
import type { Operation } from './operation.ts';
import { Refusal } from './refusal.ts';

interface KeptRequest {
  /** Tells this request from another one under the same key. */
  readonly fingerprint: string;
  readonly startedMs: number;
  /** Sealed; absent while it is being done. */
  readonly answer?: string;
}

const ofTenant = collection<KeptRequest>('idempotency', 'tenant', 'live');
const ofDeployment = collection<KeptRequest>('idempotency', 'deployment', 'live');

export interface OnceRequest {
  readonly by: ApiAsker;
  readonly idempotencyKey: string;
  readonly operation: Operation;
  /** As it was sent. */
  readonly given: unknown;
  /** As the schema gives it. */
  readonly input: unknown;
}

/** @throws {Refusal} `mismatch`, `conflict`. @throws what `run` throws. @throws {Unavailable} */
export async function once(
  dependencies: Dependencies,
  { by, idempotencyKey, operation, given, input }: OnceRequest,
  run: () => Promise<AdminReply>,
): Promise<AdminReply> {
  const { clock } = dependencies;
  const { rows, kept } = await placeOf(dependencies, operation, input);
  const key = createHash('sha256').update(`${by.key.id} ${idempotencyKey}`).digest('base64url');
  const secret = Buffer.from(by.key.seal, 'base64url');
  const fingerprint = createHmac('sha256', secret)
    .update(canonical([operation.name, given]))
    .digest('base64url');
  const expiresMs = clock.now() + operationLimits.idempotencyMs;
  const begun: KeptRequest = { fingerprint, startedMs: clock.now() };
  let version: string;
  try {
    version = await rows.put(kept, key, begun, 'absent', expiresMs);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    const found = await rows.get(kept, key);
    if (found === undefined) throw notEnded(); // it has just failed, or its day is over
    const ageMs = clock.now() - found.value.startedMs;
    if (ageMs < operationLimits.idempotencyMs) {
      if (found.value.fingerprint !== fingerprint)
        throw new Refusal('mismatch', 'this Idempotency-Key was used for another request');
      const answer = found.value.answer === undefined ? undefined : opened(secret, found.value.answer);
      if (answer !== undefined) return { ...answer, isReplayed: true };
      if (ageMs < operationLimits.idempotencyRunMs) throw notEnded();
      if (!operation.isRepeatable)
        throw new Refusal(
          'conflict',
          'nobody knows how the first request with this Idempotency-Key ended: look, and use another',
        );
    }
    version = await rows.put(kept, key, begun, { version: found.version }, expiresMs);
  }
  try {
    const reply = await run();
    const answer = seal(dependencies, secret, reply);
    if (isFinal(reply) && answer.length <= operationLimits.idempotencyAnswerCharactersMax)
      await rows.put(kept, key, { ...begun, answer }, { version }, expiresMs).catch(ignoreConflict);
    else await rows.delete(kept, key, { version }).catch(ignoreConflict);
    return reply;
  } catch (error) {
    await rows.delete(kept, key, { version }).catch(() => {}); // the first error says more
    throw error;
  }
}

function notEnded(): Refusal {
  return new Refusal('conflict', 'the first request with this Idempotency-Key has not ended; ask again in a moment');
}

/** Somebody who took longer than the others waited, and was overtaken. */
function ignoreConflict(error: unknown): void {
  if (!(error instanceof Conflict)) throw error;
}

/** Would the same be answered if it were asked again? */
function isFinal({ ok, refusal }: AdminReply): boolean {
  return ok || (refusal !== 'busy' && refusal !== 'unanswered');
}

async function placeOf(dependencies: Dependencies, operation: Operation, input: unknown) {
  const domain = await tenantNamed(dependencies, operation, input);
  return domain === undefined
    ? { rows: Rows.ofDeployment(dependencies.store, 'idempotency'), kept: ofDeployment }
    : { rows: Rows.ofTenant(dependencies.store, domain), kept: ofTenant };
}

/** The order of fields says nothing. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([left], [right]) => (left < right ? -1 : 1)))
      : one,
  );
}

const [ivBytes, tagBytes] = [12, 16];

function seal({ clock }: Dependencies, secret: Buffer, reply: AdminReply): string {
  const iv = clock.randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', secret, iv);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(reply)), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
}

/** @returns undefined when the key has another secret by now */
function opened(secret: Buffer, text: string): AdminReply | undefined {
  const bytes = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, ivBytes));
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
    return JSON.parse(plain.toString()) as AdminReply;
  } catch {
    return undefined;
  }
}
