/**
 * Stages rarely wait, because the rows that they look at were read before (`reads`). A promise for each call would cost a message
 * more than all the work that the stages do, so a stage returns a promise only where there is something to wait for.
 */
export type Pending = Promise<void> | void;

/**
 * Calls `next` when `pending` is done, and at once if there is nothing to wait for. The arguments are passed along, because a closure
 * would cost memory with each message, whether it waits or not.
 */
export function after<A, B, C, D>(pending: Pending, next: (a: A, b: B, c: C, d: D) => Pending, a: A, b: B, c: C, d: D): Pending {
  return pending === undefined ? next(a, b, c, d) : whenDone(pending, next, a, b, c, d);
}

async function whenDone<A, B, C, D>(
  pending: Promise<void>,
  next: (a: A, b: B, c: C, d: D) => Pending,
  a: A,
  b: B,
  c: C,
  d: D,
): Promise<void> {
  await pending;
  await next(a, b, c, d);
}

type Stage<A, B, C, D> = (a: A, b: B, c: C, d: D) => Pending;

/**
 * Calls each stage when the one before it is done. Stages that take fewer arguments ignore the rest.
 * @returns a promise if one of them has to wait
 */
export function inOrder<A, B, C, D>(stages: readonly Stage<A, B, C, D>[], a: A, b: B, c: C, d: D): Pending {
  for (let at = 0; at < stages.length; at++) {
    const pending = stages[at]!(a, b, c, d);
    if (pending !== undefined) return theRest(pending, stages.slice(at + 1), a, b, c, d);
  }
}

async function theRest<A, B, C, D>(
  pending: Promise<void>,
  stages: readonly Stage<A, B, C, D>[],
  a: A,
  b: B,
  c: C,
  d: D,
): Promise<void> {
  await pending;
  await inOrder(stages, a, b, c, d);
}
