/** Writes into the audit log what an operation is about to change, and then how it ended. */
import { createHash } from 'node:crypto';
import { type AuditFacts, appendAudit } from '../../../lib/runtime/audit.ts';
import { contentRight } from '../../../lib/runtime/rights.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { type Asker, isRead } from './asker.ts';
import { secretFields, tenantNamed } from './inputs.ts';
import { operationLimits } from './limits.ts';
import type { Asked, Operation } from './operation.ts';
import { Refusal } from './refusal.ts';

/**
 * Runs an operation between two entries, `begun` and how it ended. If the first cannot be written, nothing is done. A look at messages leaves
 * entries, too, although it changes nothing.
 * @throws what `run` throws. @throws {Unavailable} when the log cannot be written
 */
export async function audited<Result>(
  dependencies: Dependencies,
  { name, address }: Asker,
  operation: Operation,
  input: unknown,
  run: (note: Asked['note']) => Promise<Result>,
): Promise<Result> {
  if (isRead(operation) && operation.right !== contentRight) return run(() => {});
  let change: AuditFacts['change'];
  const facts = { by: name, address, operation: operation.name, input: auditedInput(operation, input as object) };
  const append = async (outcome: string) =>
    // What concerns a tenant that does not exist stands in the deployment's log: no removal would find it.
    appendAudit(dependencies, await tenantNamed(dependencies, operation, input), {
      ...facts,
      outcome,
      ...(change && { change }),
    });
  await append('begun');
  try {
    const result = await run((before, after) => {
      change = { before: cutFields(before), after: cutFields(after) };
    });
    await append('done');
    return result;
  } catch (error) {
    await append(error instanceof Refusal ? `refused: ${error.message}` : 'failed');
    throw error;
  }
}

/** What an entry keeps of an input: names, numbers and choices, but no secret and no row. */
function auditedInput({ input }: Operation, given: object): Readonly<Record<string, unknown>> {
  const secrets = secretFields(input);
  return Object.fromEntries(
    Object.entries(given)
      .filter(([name, value]) => value !== undefined && !secrets.has(name))
      .map(([name, value]) => [name, cut(shortened(value))]),
  );
}

/** An entry is one row: of what is long, it keeps how long it was and what tells it from another one. */
function cut(value: unknown): unknown {
  const text = JSON.stringify(value) ?? '';
  const bytes = Buffer.byteLength(text);
  if (bytes <= operationLimits.auditValueBytesMax) return value;
  return `${bytes} bytes, SHA-256 ${createHash('sha256').update(text).digest('hex')}`;
}

function cutFields(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return cut(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, cut(one)]));
}

function shortened(value: unknown): unknown {
  if (value instanceof Jid) return `${value}`;
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== 'object' || value === null) return value;
  const { partition } = value as { readonly partition?: unknown };
  return partition === undefined ? '…' : { partition };
}
