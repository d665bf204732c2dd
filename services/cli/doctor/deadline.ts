/** Everything that waits for a peer waits for a step at most, and all steps together for the whole time. */

/** A peer took too long. */
export class TooSlow extends Error {
  override name = 'TooSlow';
}

export class Deadline {
  readonly #end: number;
  readonly #stepMs: number;

  constructor(totalMs: number, stepMs: number) {
    this.#end = performance.now() + totalMs;
    this.#stepMs = stepMs;
  }

  /** For one step from now on, milliseconds; 0 when nothing is left. */
  get stepMs(): number {
    return Math.max(0, Math.min(this.#stepMs, this.#end - performance.now()));
  }

  /** @param giveUp lets go of what the work holds. @throws {TooSlow} */
  async step<Result>(what: string, work: Promise<Result>, giveUp: () => void = () => {}): Promise<Result> {
    const waitMs = this.stepMs;
    work.catch(() => {}); // when it fails later, nobody listens any more
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
