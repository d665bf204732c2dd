/**
 * Does what an operator asks for: checks who asks, finds the operation, checks the input and the right, runs it between two entries of the
 * audit log, and checks what it gives.
 */
import type { z } from 'zod';
import type { AdminReply, AdminRequest } from '../../../lib/runtime/admin-wire.ts';
import { Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { inputFault } from '../../../lib/runtime/operation-input.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { type Asker, askerOf, checkMay } from './asker.ts';
import { audited } from './audited.ts';
import { once } from './idempotency.ts';
import { operations } from './index.ts';
import type { Operation } from './operation.ts';
import { asRefusal, Refusal } from './refusal.ts';

/**
 * Errors are sentences for people that quote the value and say what to do.
 * @throws {Unavailable} when the store is away
 */
export async function perform(
  dependencies: Dependencies,
  request: AdminRequest,
  list: readonly Operation[] = operations,
): Promise<AdminReply> {
  try {
    return await performAs(dependencies, await askerOf(dependencies, request), request, list);
  } catch (error) {
    return refusalOf(error);
  }
}

type Asked = Pick<AdminRequest, 'operation' | 'arguments' | 'by' | 'idempotencyKey'>;

/** The same for somebody who is known already. */
export async function performAs(
  dependencies: Dependencies,
  asker: Asker,
  { operation: name, arguments: given, by, idempotencyKey }: Asked,
  list: readonly Operation[] = operations,
): Promise<AdminReply> {
  try {
    const operation = list.find((one) => one.name === name);
    if (!operation)
      throw new Refusal('absent', `unknown operation '${name}'; there are: ${list.map((one) => one.name).join(', ')}`);
    const input = readInput(operation, given);
    await checkMay(dependencies, asker, operation, input);
    const asked = { by: asker.name, rights: asker.scope?.rights };
    const run = async (): Promise<AdminReply> => {
      try {
        const result = await audited(dependencies, asker, operation, input, (note) =>
          runRefusing(operation, dependencies, input, { ...asked, note }),
        );
        return { ok: true, result: operation.output.parse(result) };
      } catch (error) {
        return refusalOf(error);
      }
    };
    if (idempotencyKey === undefined || by === undefined || !('key' in by)) return await run();
    return await once(dependencies, { by, idempotencyKey, operation, given, input }, run);
  } catch (error) {
    return refusalOf(error);
  }
}

/** The audit log is told of a refusal, whichever part of the service has refused. @throws {Refusal} @throws what `run` throws */
async function runRefusing(operation: Operation, ...given: Parameters<Operation['run']>): Promise<unknown> {
  try {
    return await operation.run(...given);
  } catch (error) {
    throw asRefusal(error);
  }
}

/** @throws errors that are not refusals */
function refusalOf(thrown: unknown): AdminReply {
  const error = asRefusal(thrown);
  if (error instanceof Refusal) return { ok: false, error: error.message, refusal: error.kind };
  if (error instanceof Overloaded) return { ok: false, error: `${error.message}; try again in a moment`, refusal: 'busy' };
  throw error;
}

/** @throws {Refusal} with the first thing that is wrong */
function readInput({ name, input }: Operation, given: unknown): unknown {
  const fault = inputFault(given);
  if (fault !== undefined) throw new Refusal('invalid', fault);
  const result = input.safeParse(given, { error: (issue) => sentenceOf(name, issue) });
  if (result.success) return result.data;
  throw new Refusal('invalid', result.error.issues[0]!.message);
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  object: 'an object',
};

/** What is wrong, where the schema does not say it itself. Values are quoted from lists of choices only: others may be secret. */
function sentenceOf(operation: string, issue: z.core.$ZodRawIssue): string {
  const field = (issue.path ?? []).map(String).join('.');
  if (issue.code === 'unrecognized_keys') return `'${operation}' does not take '${issue.keys[0]}'`;
  if (field === '') return `'${operation}' takes an object`;
  if (issue.input === undefined || issue.input === '') return `the operation needs '${field}'`;
  if (issue.code === 'invalid_value') {
    return `${field} is ${issue.values.map((value) => `'${String(value)}'`).join(' or ')}, not '${String(issue.input)}'`;
  }
  if (issue.code === 'too_big' && issue.origin === 'string') return `'${field}' has more than ${issue.maximum} characters`;
  const expected = issue.code === 'invalid_type' ? kinds[issue.expected] : undefined;
  return `'${field}' ${expected === undefined ? 'is not allowed as it is' : `takes ${expected}`}`;
}
