/** Requests that are being handled, for whoever has to wait until those that began before him are over. */
export class UnderWay {
  readonly #running = new Set<Promise<unknown>>();

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const running = work();
    const settled = running.catch(() => {});
    this.#running.add(settled);
    try {
      return await running;
    } finally {
      this.#running.delete(settled);
    }
  }

  /** Resolves when all that run now have ended, whatever came of them. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }
}
