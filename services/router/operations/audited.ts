/** Writes into the audit log what an operation is about to change, and then how it ended. */
import { appendAudit } from '../../../lib/runtime/audit.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { type Asker, domainOf, isRead } from './asker.ts';
import { secretFields } from './inputs.ts';
import type { Operation } from './operation.ts';
import { Refusal } from './refusal.ts';

/**
 * Runs an operation between two entries, `begun` and how it ended. If the first cannot be written, nothing is done.
 * @throws what `run` throws. @throws {Unavailable} when the log cannot be written
 */
export async function audited<Result>(
  dependencies: Dependencies,
  { name, address }: Asker,
  operation: Operation,
  input: unknown,
  run: () => Promise<Result>,
): Promise<Result> {
  if (isRead(operation)) return run();
  const facts = { by: name, address, operation: operation.name, input: auditedInput(operation, input as object) };
  const append = async (outcome: string) =>
    appendAudit(dependencies, await logOf(dependencies, operation, input), { ...facts, outcome });
  await append('begun');
  try {
    const result = await run();
    await append('done');
    return result;
  } catch (error) {
    await append(error instanceof Refusal ? `refused: ${error.message}` : 'failed');
    throw error;
  }
}

/** The tenant whose log it is. What concerns a tenant that does not exist stands in the deployment's: no removal would find it. */
async function logOf({ tenants }: Dependencies, { right }: Operation, input: unknown): Promise<string | undefined> {
  const domain = right === 'tenant' ? domainOf(input) : undefined;
  return domain !== undefined && (await tenants.find(domain)) !== undefined ? domain : undefined;
}

/** What an entry keeps of an input: names, numbers and choices, but no secret and no row. */
function auditedInput({ input }: Operation, given: object): Readonly<Record<string, unknown>> {
  const secrets = secretFields(input);
  return Object.fromEntries(
    Object.entries(given)
      .filter(([name, value]) => value !== undefined && !secrets.has(name))
      .map(([name, value]) => [name, shortened(value)]),
  );
}

function shortened(value: unknown): unknown {
  if (value instanceof Jid) return `${value}`;
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== 'object' || value === null) return value;
  const { partition } = value as { readonly partition?: unknown };
  return partition === undefined ? '…' : { partition };
}
