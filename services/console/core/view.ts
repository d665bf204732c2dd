/** What every page is given: who looks at it, in which language, and how it asks for operations. */
import type { Context } from 'hono';
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import type { AdminReply } from '../../../lib/runtime/admin-wire.ts';
import { askOperation } from '../../../lib/runtime/ask-operation.ts';
import type { ConsoleIdentity } from '../../../lib/runtime/console-wire.ts';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import { consoleLimits } from '../limits.ts';
import type { Live } from './live.ts';
import type { Texts } from './texts.ts';

/** A check of a domain from outside (`skylark doctor`). */
export interface Finding {
  readonly state: 'ok' | 'warn' | 'fail';
  readonly subject: string;
  readonly text: string;
  readonly advice?: string;
}

export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly data: string;
  readonly text: string;
}

/** What the program gives the console that no operation does. */
export interface Outside {
  /** Looks at a domain as other people's programs see it. */
  readonly examine?: (domain: string, seconds: number) => Promise<readonly Finding[]>;
  /**
   * The records that a domain needs, if it is served at `target`, and other servers connect to `serversTarget`.
   * @returns why there are none, as a text
   */
  readonly recordsOf?: (domain: string, target: string, serversTarget?: string) => readonly DnsRecord[] | string;
}

export interface ConsoleDependencies extends Outside {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly operations: readonly OperationDescription[];
  readonly version: string;
  /** Files by the name under which they are served. */
  readonly assets: ReadonlyMap<string, string>;
  /** Absent where this process has no figures. */
  readonly live?: Live | undefined;
}

export interface View {
  readonly c: Context;
  readonly dependencies: ConsoleDependencies;
  readonly texts: Texts;
  readonly who: ConsoleIdentity;
  /** For the forms of this session. */
  readonly csrf: string;
  /** SHA-256 of the session's token. */
  readonly session: string;
  readonly address: string;
}

/** Asks as the holder of the session. @throws {Unavailable} */
export function ask(
  { dependencies, session, address }: View,
  operation: string,
  given: Readonly<Record<string, unknown>> = {},
): Promise<AdminReply> {
  return askOperation(dependencies.bus, { operation, arguments: given, by: { session, address } }, consoleLimits.answerMs);
}

/** Thrown where a page cannot be shown. */
export class NotShown extends Error {
  override name = 'NotShown';
  readonly status: 403 | 404 | 400;

  constructor(status: 403 | 404 | 400, message: string) {
    super(message);
    this.status = status;
  }
}

/** The same, for what a page cannot do without. @throws {NotShown} @throws {Unavailable} */
export async function read<Result>(
  view: View,
  operation: string,
  given: Readonly<Record<string, unknown>> = {},
): Promise<Result> {
  const { ok, result, error = '', refusal } = await ask(view, operation, given);
  if (ok) return result as Result;
  if (refusal === 'away') throw new Unavailable(error);
  if (refusal === undefined) throw new Error(`the operation '${operation}' failed: ${error}`);
  throw new NotShown(refusal === 'forbidden' ? 403 : refusal === 'absent' ? 404 : 400, error);
}

export function operationNamed({ dependencies }: View, name: string): OperationDescription | undefined {
  return dependencies.operations.find((one) => one.name === name && !('whyNone' in one.http));
}

/** May the holder of the session ask for it at all? The router decides; this is for what is offered. */
export function isOffered({ who }: View, { right }: OperationDescription): boolean {
  return who.rights.includes(right);
}

/** The same by the name of the operation. */
export function mayDo(view: View, name: string): boolean {
  const operation = operationNamed(view, name);
  return operation !== undefined && isOffered(view, operation);
}
