/** Sends one batch after the other while there are any, never two at the same time. It can be stopped between two batches. */
export interface PumpOptions<Batch> {
  /** Takes the next batch; undefined when there is nothing to do until `start` is called again. */
  readonly next: () => Batch | undefined;
  /** Sends the batch and handles the answer. */
  readonly run: (batch: Batch) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export class Pump<Batch> {
  readonly #options: PumpOptions<Batch>;
  #isRunning = false;
  #isFrozen = false;
  #waiting: (() => void)[] = [];

  constructor(options: PumpOptions<Batch>) {
    this.#options = options;
  }

  start(): void {
    if (!this.#isRunning && !this.#isFrozen) void this.#run();
  }

  /** Resolves when no batch is under way. None starts until `thaw`. */
  async freeze(): Promise<void> {
    this.#isFrozen = true;
    if (this.#isRunning) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  thaw(): void {
    this.#isFrozen = false;
    this.start();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (!this.#isFrozen) {
        const batch = this.#options.next();
        if (batch === undefined) break;
        await this.#options.run(batch);
      }
      this.#isRunning = false;
    } catch (error) {
      this.#isRunning = false;
      this.#options.failed(error);
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
