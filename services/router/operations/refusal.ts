/**
 * Why an operation cannot be done, for programs:
 * - `invalid`: the input is not allowed
 * - `absent`: what it names does not exist
 * - `conflict`: it does not fit what exists
 * - `forbidden`: the asker may not do it
 * - `unanswered`: the process that it is for did not do it
 */
export const refusalKinds = ['invalid', 'absent', 'conflict', 'forbidden', 'unanswered'] as const;
export type RefusalKind = (typeof refusalKinds)[number];

/** Thrown when an operation cannot be done as it was asked for; asking again will not help. The message is a sentence for people. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
