/**
 * What an operator can ask the service for, as data. One declaration serves every way in: the router checks the input by its schema and
 * gives no more than the output's schema names, and the command line reads answers with the same schemas.
 *
 * An operation is one entry in a file of its subject and one line in `operations/index.ts`.
 */
import type { z } from 'zod';
import type { Dependencies } from '../core/dependencies.ts';

/** The methods that the REST API uses. */
export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/**
 * A route of the REST API, below `/api/v1`. Fields of the input come from the path, where it has them in braces, then from the query (get,
 * delete) or from the JSON body. An account is `{domain}` and `{local}` there, which make the field `jid`; where the path has no `{local}`,
 * it comes with the other fields.
 */
export interface HttpRoute {
  readonly method: Method;
  /** Such as `/tenants/{domain}/accounts`. */
  readonly path: string;
}

/**
 * The right that the asker needs. Operators of the deployment have both. `tenant` is the right over one tenant: such an operation names
 * the tenant in its input, by `domain` or `jid`, and touches no other.
 */
export type Right = 'deployment' | 'tenant';

export interface Operation<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> {
  /** The subject, then the verb: `user-add`. */
  readonly name: string;
  /** An object. Text is parsed here, so that `run` gets a `Jid` and a domain that DNS can have. */
  readonly input: Input;
  /** An object. Fields that it does not name are not sent: secrets in a row stay in the service. */
  readonly output: Output;
  readonly right: Right;
  /** True when asking a second time does no harm, so that an asker whose answer was lost may ask again. */
  readonly isRepeatable: boolean;
  /** One sentence for people. */
  readonly help: string;
  /** The commands of the command line that ask for it, or why there are none. */
  readonly commands: readonly [string, ...string[]] | { readonly whyNone: string };
  /** The route of the REST API, or why there is none. */
  readonly http: HttpRoute | { readonly whyNone: string };
  /** @throws {Refusal} */
  run(dependencies: Dependencies, input: z.output<Input>): Promise<z.input<Output>>;
}

/** Ties the types of `run` to those of the schemas. */
export function operation<Input extends z.ZodType, Output extends z.ZodType>(
  declared: Operation<Input, Output>,
): Operation<Input, Output> {
  return declared;
}
