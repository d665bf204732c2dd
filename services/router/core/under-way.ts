/** The requests that are being handled, for work that must wait until all earlier requests are done. */
export class UnderWay {
  readonly #running = new Set<Promise<unknown>>();

  /** Remembers the request until it is done. @returns the same result */
  async track<Result>(request: Promise<Result>): Promise<Result> {
    const settled = request.catch(() => {});
    this.#running.add(settled);
    try {
      return await request;
    } finally {
      this.#running.delete(settled);
    }
  }

  /** Resolves when all requests that are handled now are done, whether they succeed or fail. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }
}
