/** The requests that are being handled, for work that must wait until all earlier requests are done. */
export class UnderWay {
  readonly #running = new Set<Promise<unknown>>();

  /** Remembers the request until it is done. @returns the same promise */
  track<Result>(request: Promise<Result>): Promise<Result> {
    const done = (): void => void this.#running.delete(request);
    this.#running.add(request);
    request.then(done, done);
    return request;
  }

  /** Resolves when all requests that are handled now are done, whether they succeed or fail. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }
}
