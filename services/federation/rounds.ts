/**
 * Looks at each pair once in each tick: some at a time, because thousands in one turn of the event loop would hold up everybody else. The
 * figures of all pairs are added up on the way, so that reading them costs nothing.
 */
import type { Clock, Timer } from '../../lib/ports/clock.ts';
import { federationLimits } from './limits.ts';
import type { Pair } from './pairs/pair.ts';

export interface RoundsOptions {
  readonly clock: Clock;
  /** Those that there are now. */
  readonly pairs: () => Iterable<Pair>;
  /** Before the first pair of each round. */
  readonly begin: () => void;
  /** @param now monotonic @returns false when the pair is not there any more */
  readonly look: (pair: Pair, now: number) => boolean;
}

/** The figures of all pairs, as a round has found them. */
export class PairFigures {
  /** Pairs with something waiting, or a stream. */
  pairs = 0;
  streams = 0;
  /** Pairs with something waiting whose last try to reach the other server has failed. */
  failing = 0;
  /** When the oldest row of the outbox was written, and of those for servers that are connected, by the deployment's clock. */
  oldestAt = Number.POSITIVE_INFINITY;
  lateAt = Number.POSITIVE_INFINITY;

  add({ carrier, waiting, way, oldestAt = Number.POSITIVE_INFINITY }: Pair): void {
    if (carrier !== undefined || waiting > 0) this.pairs++;
    if (waiting > 0 && way.lastError !== undefined) this.failing++;
    this.oldestAt = Math.min(this.oldestAt, oldestAt);
    if (carrier === undefined) return;
    this.streams++;
    this.lateAt = Math.min(this.lateAt, oldestAt);
  }
}

export class Rounds {
  readonly #options: RoundsOptions;
  #timer: Timer | undefined;
  /** Those that this round has not looked at. */
  #left: Pair[] = [];
  /** How many are looked at in one turn of this round, and how long it is until the next turn, ms. */
  #perTurn = 0;
  #pauseMs: number = federationLimits.tickMs;
  #counting = new PairFigures();
  #counted = this.#counting;
  #isStopped = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Those of the last round, which ended at most a tick ago. */
  get figures(): Readonly<PairFigures> {
    return this.#counted;
  }

  start(): void {
    this.#turnLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #turnLater(): void {
    if (!this.#isStopped) this.#timer = this.#options.clock.after(this.#pauseMs, () => this.#turn());
  }

  #turn(): void {
    if (this.#left.length === 0) this.#begin();
    const now = this.#options.clock.monotonic();
    for (const pair of this.#left.splice(0, this.#perTurn)) if (this.#options.look(pair, now)) this.#counting.add(pair);
    if (this.#left.length === 0) this.#counted = this.#counting;
    this.#turnLater();
  }

  #begin(): void {
    const { pairsPerTurn, pairTurnsMax, tickMs } = federationLimits;
    this.#options.begin();
    this.#left = [...this.#options.pairs()];
    this.#counting = new PairFigures();
    this.#perTurn = Math.max(pairsPerTurn, Math.ceil(this.#left.length / pairTurnsMax));
    this.#pauseMs = tickMs / Math.max(1, Math.ceil(this.#left.length / this.#perTurn));
  }
}
