/** Asks fifty times a second. @throws when it does not come true in time */
export async function until(isTrue: () => boolean, what: () => string, msMax = 30_000): Promise<void> {
  for (let waited = 0; waited < msMax; waited += 20) {
    if (isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what()}: not within ${msMax} ms`);
}
