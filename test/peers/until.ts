const waitMs = 30_000;

/** Asks ten times a second. @throws when it does not come true in time */
export async function until(isTrue: () => boolean, what: () => string): Promise<void> {
  for (let waited = 0; waited < waitMs; waited += 100) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what()}: not within ${waitMs} ms`);
}
