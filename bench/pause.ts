/** Timers of the load generator. */

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @returns whether `isDone` became true within the time */
export async function until(isDone: () => boolean, msMax: number, stepMs = 20): Promise<boolean> {
  const end = performance.now() + msMax;
  while (!isDone()) {
    if (performance.now() > end) return false;
    await pause(stepMs);
  }
  return true;
}
