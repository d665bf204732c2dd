/** What an operation throws when it refuses. */
import type { RefusalKind } from '../../../lib/runtime/operation.ts';

/** Thrown when an operation cannot be done as it was asked for; asking again will not help. The message is a sentence for people. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
