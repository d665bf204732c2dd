/** Removals may take long, so whoever asks for one says how long they wait, is told by then how far it is, and asks again. */
import { z } from 'zod';
import { sleep } from '../../../lib/ports/clock.ts';
import { findRemoval } from '../../../lib/runtime/removals.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';

export const waitingInput = {
  /** How long the asker waits, ms; absent: until the removal has ended. */
  waitMs: z.number().min(0).optional(),
  /** True when the same asker has asked before: then the subject may be gone already. */
  again: z.boolean().optional(),
};

/** Present while the removal goes on: one line for people. */
export const progressOutput = { progress: z.string().optional() };

/** @param name of the removal's row */
export async function answerInTime<Result extends object>(
  dependencies: Dependencies,
  waitMs: number | undefined,
  name: string,
  result: Result,
  work: () => Promise<void>,
): Promise<Result & { readonly progress?: string }> {
  const working = work().then(() => result);
  if (waitMs === undefined) return working;
  const waiting = sleep(dependencies.clock, Math.min(waitMs, routerLimits.removalAnswerMs)).then(() => undefined);
  const done = await Promise.race([working, waiting]);
  if (done) return done;
  working.catch(() => {}); // told when it is asked again
  return { ...result, progress: (await findRemoval(dependencies.store, name))?.progress ?? 'almost done' };
}
