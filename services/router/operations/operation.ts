/**
 * What an operator can ask the service for, as data. One declaration serves every way in: the router checks the input by its schema and
 * gives no more than the output's schema names, and the command line reads answers with the same schemas.
 *
 * An operation is one entry in a file of its subject and one line in `operations/index.ts`.
 */
import type { z } from 'zod';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import type { Right } from '../../../lib/runtime/rights.ts';
import type { Dependencies } from '../core/dependencies.ts';

/** What an operation is told of who asks for it, and what it tells the audit log. */
export interface Asked {
  /** As the audit log names them. */
  readonly by: string;
  /** Absent for an operator on this machine, who may do everything. */
  readonly rights?: readonly Right[] | undefined;
  /** Notes what was changed, as it was before and as it is after, without secrets. */
  note(before: unknown, after: unknown): void;
}

export interface Operation<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType>
  extends OperationDescription<Input, Output> {
  /** @throws {Refusal} */
  run(dependencies: Dependencies, input: z.output<Input>, asked: Asked): Promise<z.input<Output>>;
}

/** Ties the types of `run` to those of the schemas. */
export function operation<Input extends z.ZodType, Output extends z.ZodType>(
  declared: Operation<Input, Output>,
): Operation<Input, Output> {
  return declared;
}
