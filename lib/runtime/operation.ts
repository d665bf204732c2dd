/**
 * What is known of an operation without the code that does it: from this the command line, the REST API and its document follow. The router
 * declares the operations (services/router/operations).
 */
import type { z } from 'zod';
import type { Right } from './rights.ts';

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
  /**
   * The field that names the version of what the path stands for: of the output, for what is read, which becomes the `ETag`; of the input,
   * for what changes it, which `If-Match` gives.
   */
  readonly version?: string;
}

export interface OperationDescription<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> {
  /** The subject, then the verb: `user-add`. */
  readonly name: string;
  /** An object. Text is parsed here, so that `run` gets a `Jid` and a domain that DNS can have. */
  readonly input: Input;
  /** An object. Fields that it does not name are not sent: secrets in a row stay in the service. */
  readonly output: Output;
  /**
   * The right that the asker needs. An operation with a right over one tenant names the tenant in its input, by `domain` or `jid`, and
   * touches no other. Fields may need more (field-rights.ts).
   */
  readonly right: Right;
  /** True when asking a second time does no harm, so that an asker whose answer was lost may ask again. */
  readonly isRepeatable: boolean;
  /** True for an operation that changes nothing. One with a route says it by its method. */
  readonly isReadOnly?: true;
  /** True for an operation for which whoever is in the console shows again who they are, as for those that delete. */
  readonly isGrave?: true;
  /** One sentence for people. */
  readonly help: string;
  /** The commands of the command line that ask for it, or why there are none. */
  readonly commands: readonly [string, ...string[]] | { readonly whyNone: string };
  /** The route of the REST API, or why there is none. */
  readonly http: HttpRoute | { readonly whyNone: string };
}

/**
 * Why an operation cannot be done, for programs:
 * - `invalid`: the input is not allowed
 * - `absent`: what it names does not exist
 * - `conflict`: it does not fit what exists
 * - `stale`: what it is for has changed since the asker looked
 * - `mismatch`: the Idempotency-Key was used for another request
 * - `unknown-key`: the API key of the asker is not valid
 * - `forbidden`: the asker may not do it
 * - `unproven`: whoever asks has to show again who they are
 * - `unanswered`: the process that it is for did not do it
 */
export type RefusalKind =
  | 'invalid'
  | 'absent'
  | 'conflict'
  | 'stale'
  | 'mismatch'
  | 'unknown-key'
  | 'forbidden'
  | 'unproven'
  | 'unanswered';
