/** What an operation throws when it refuses, and which other errors mean that it does. */
import { Conflict } from '../../../lib/ports/store.ts';
import type { RefusalKind } from '../../../lib/runtime/operation.ts';
import { StanzaError, type StanzaErrorCondition } from '../../../lib/xmpp/errors.ts';
import { InvalidPassword } from '../sasl/passwords.ts';
import { operationLimits } from './limits.ts';

/** Thrown when an operation cannot be done as it was asked for; asking again will not help. The message is a sentence for people. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(shortened(message));
    this.kind = kind;
  }
}

/** Messages quote what was given, which may be long, and stand in the audit log. */
function shortened(message: string): string {
  const { sentenceCharactersMax } = operationLimits;
  if (message.length <= sentenceCharactersMax) return message;
  return `${message.slice(0, sentenceCharactersMax).toWellFormed()}…`;
}

/** Every other condition says that the input is not allowed as it is. */
const kinds: Partial<Record<StanzaErrorCondition, RefusalKind>> = {
  'item-not-found': 'absent',
  conflict: 'conflict',
  forbidden: 'forbidden',
  'not-allowed': 'forbidden',
  'remote-server-timeout': 'unanswered',
};

/** Conditions that do not come from what was asked for. */
const failures: ReadonlySet<StanzaErrorCondition> = new Set(['internal-server-error', 'resource-constraint']);

/** What was thrown, as a refusal if whoever asks can do something about it: code that stanzas reach, too, has errors of its own. */
export function asRefusal(error: unknown): unknown {
  if (error instanceof InvalidPassword) return new Refusal('invalid', error.message);
  if (error instanceof Conflict) return new Refusal('conflict', 'somebody else has changed it at the same time; try again');
  if (!(error instanceof StanzaError) || failures.has(error.condition)) return error;
  return new Refusal(kinds[error.condition] ?? 'invalid', error.text ?? error.message);
}
