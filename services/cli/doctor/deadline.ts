/** Bounds how long the checks wait for a peer: each step has a limit, and all steps together have another. */

/** A peer took too long. */
export class TooSlow extends Error {
  override name = 'TooSlow';
}

export class Deadline {
  readonly #end: number;
  readonly #stepMs: number;

  /** The total time starts now. */
  constructor(totalMs: number, stepMs: number) {
    this.#end = performance.now() + totalMs;
    this.#stepMs = stepMs;
  }

  /** How long a step that starts now may take, milliseconds; 0 when the total time is over. */
  get stepMs(): number {
    return Math.max(0, Math.min(this.#stepMs, this.#end - performance.now()));
  }

  /** @param giveUp releases what the work holds, when it took too long. @throws {TooSlow} */
  async step<Result>(what: string, work: Promise<Result>, giveUp: () => void = () => {}): Promise<Result> {
    const waitMs = this.stepMs;
    work.catch(() => {}); // a failure after the deadline must not become an unhandled rejection
    let timer: NodeJS.Timeout | undefined;
    const tooSlow = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        giveUp();
        reject(
          new TooSlow(waitMs < this.#stepMs ? `no time was left for ${what}` : `${what} took more than ${waitMs / 1_000} s`),
        );
      }, waitMs);
    });
    try {
      return await Promise.race([work, tooSlow]);
    } finally {
      clearTimeout(timer);
    }
  }
}
