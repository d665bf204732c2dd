/**
 * Stages hardly ever wait: what they look at was read beforehand (`reads`). A promise for each call of each would cost a message more than
 * all that they do, so they return one only where there is something to wait for.
 */
export type Pending = Promise<void> | void;

/** Each stage when the one before it is done. @returns a promise from the first on that waits */
export function inOrder<Stage>(stages: readonly Stage[], run: (stage: Stage) => Pending, from = 0): Pending {
  for (let at = from; at < stages.length; at++) {
    const pending = run(stages[at]!);
    if (pending !== undefined) return pending.then(() => inOrder(stages, run, at + 1));
  }
}
