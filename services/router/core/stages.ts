/**
 * Stages rarely wait, because the rows that they look at were read before (`reads`). A promise for each call would cost a message
 * more than all the work that the stages do, so a stage returns a promise only where there is something to wait for.
 */
export type Pending = Promise<void> | void;

/** Calls each stage when the one before it is done. @returns a promise if one of them has to wait */
export function inOrder<Arguments extends readonly unknown[]>(
  stages: readonly ((...given: Arguments) => Pending)[],
  ...given: Arguments
): Pending {
  for (let at = 0; at < stages.length; at++) {
    const pending = stages[at]!(...given);
    if (pending !== undefined) return pending.then(() => inOrder(stages.slice(at + 1), ...given));
  }
}
