/**
 * RFC 8305, Happy Eyeballs: IPv6 and IPv4 addresses of one host take turns, and the next is tried when the one before has failed or has not
 * answered for a moment. After the first that has connected, the others can still be had: its TLS may fail.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import type { Attempt } from './dial.ts';
import { findingLimits } from './limits.ts';

export interface RaceOptions {
  readonly clock: Clock;
  /** @throws {Error} whose message says why there are none */
  readonly addresses: (family: 4 | 6) => Promise<readonly string[]>;
  readonly dial: (address: string) => Attempt;
  readonly onFailure: (error: Error) => void;
}

export interface Dialled {
  readonly address: string;
  readonly socket: Socket;
}

export class AddressRace {
  readonly #options: RaceOptions;
  readonly #waiting: Record<4 | 6, string[]> = { 4: [], 6: [] };
  readonly #running = new Map<string, Attempt>();
  /** Families whose addresses are not known yet. */
  readonly #unknown = new Set<4 | 6>([4, 6]);
  #turn: 4 | 6 = 6;
  #timer: Timer | undefined;
  /** Nothing starts while there is a timer that nobody has cut short. */
  #isHeld = false;
  #finish: ((dialled: Dialled | undefined) => void) | undefined;

  constructor(options: RaceOptions) {
    this.#options = options;
    for (const family of [6, 4] as const) void this.#look(family);
  }

  /** One call at a time. @returns undefined when no address is left */
  next(): Promise<Dialled | undefined> {
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#go();
    });
  }

  /** Ends all attempts. A call of `next` that waits gets undefined. */
  stop(): void {
    this.#waiting[4] = [];
    this.#waiting[6] = [];
    this.#unknown.clear();
    this.#end(undefined);
  }

  async #look(family: 4 | 6): Promise<void> {
    const { addresses, onFailure } = this.#options;
    try {
      const found = await addresses(family);
      if (this.#unknown.has(family)) this.#waiting[family].push(...found);
    } catch (error) {
      if (this.#unknown.has(family)) onFailure(error as Error);
    }
    this.#unknown.delete(family);
    // RFC 8305 §3: A that comes first waits a moment for AAAA.
    if (family === 4 && this.#unknown.has(6) && this.#waiting[4].length > 0) this.#hold(findingLimits.resolutionDelayMs);
    else if (family === 6 && this.#running.size === 0) this.#release();
    this.#go();
  }

  #hold(delayMs: number): void {
    this.#timer?.cancel();
    this.#isHeld = true;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#isHeld = false;
      this.#go();
    });
  }

  #release(): void {
    this.#timer?.cancel();
    this.#isHeld = false;
  }

  #go(): void {
    if (this.#finish === undefined || this.#isHeld) return;
    const address = this.#take();
    if (address !== undefined) this.#start(address);
    else if (this.#running.size === 0 && this.#unknown.size === 0) this.#end(undefined);
  }

  #take(): string | undefined {
    const family = this.#waiting[this.#turn].length > 0 ? this.#turn : this.#turn === 6 ? 4 : 6;
    this.#turn = family === 6 ? 4 : 6;
    return this.#waiting[family].shift();
  }

  #start(address: string): void {
    const attempt = this.#options.dial(address);
    this.#running.set(address, attempt);
    this.#hold(findingLimits.attemptDelayMs);
    attempt.connected.then(
      (socket) => {
        if (!this.#running.delete(address)) return void socket.destroy();
        this.#end({ address, socket });
      },
      (error: Error) => {
        if (!this.#running.delete(address)) return; // it was cancelled
        this.#options.onFailure(error);
        this.#release();
        this.#go();
      },
    );
  }

  /** Those that had no time to answer come first if the winner turns out to be useless. */
  #end(dialled: Dialled | undefined): void {
    this.#release();
    for (const [address, attempt] of this.#running) {
      attempt.cancel();
      if (dialled !== undefined) this.#waiting[address.includes(':') ? 6 : 4].unshift(address);
    }
    this.#running.clear();
    const finish = this.#finish;
    this.#finish = undefined;
    finish?.(dialled);
  }
}
