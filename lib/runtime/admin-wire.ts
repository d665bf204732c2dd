/** What operators ask routers for, whichever way. */
import { answerKind } from './answer.ts';
import type { ApiAsker } from './api-keys.ts';
import type { ConsoleAsker } from './console-wire.ts';

/** command line, REST API or console → `rt`. */
export interface AdminRequest {
  readonly kind: 'admin';
  /** The name of one of the router's operations. */
  readonly operation: string;
  /** The operation's input, which the router checks. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Who asks. Absent: an operator on this machine, who may do everything. */
  readonly by?: ApiAsker | ConsoleAsker;
  /** With a key of the API: a request that comes again under it is done once. */
  readonly idempotencyKey?: string | undefined;
}

/** With ok false it is final. */
export interface AdminReply {
  readonly ok: boolean;
  /** For people. */
  readonly error?: string | undefined;
  readonly result?: unknown;
  /** Why it was refused, for programs: a `RefusalKind` of the router, `busy`, `away` (a store is), or absent when it failed. */
  readonly refusal?: string;
  /** It was done before, and this is what was answered then. */
  readonly isReplayed?: true | undefined;
}

export const adminAnswer = answerKind<AdminReply>('admin', {
  ...{ ok: true, error: true, result: true, refusal: true, isReplayed: true },
});
