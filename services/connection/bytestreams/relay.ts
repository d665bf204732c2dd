/** Passes bytes between the two connections of a bytestream, at a bounded rate, and slows down whoever sends faster. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { TokenBucket } from '../../../lib/runtime/rate-limit.ts';
import { bytestreamLimits } from './limits.ts';

export class Relay {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  readonly #all: TokenBucket;
  readonly #sockets: readonly [Socket, Socket];
  readonly #passed: (bytes: number) => void;
  #idle: Timer | undefined;

  /** @param all the rate of all relays of the process */
  constructor(clock: Clock, all: TokenBucket, sockets: readonly [Socket, Socket], passed: (bytes: number) => void) {
    this.#clock = clock;
    this.#all = all;
    this.#sockets = sockets;
    this.#passed = passed;
    this.#bucket = new TokenBucket(clock, {
      perSecond: bytestreamLimits.bytesPerSecond,
      burst: bytestreamLimits.bytesBurst,
    });
  }

  start(): void {
    const [one, other] = this.#sockets;
    this.#watch();
    this.#join(one, other);
    this.#join(other, one);
  }

  destroy(): void {
    this.#idle?.cancel();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(from: Socket, to: Socket): void {
    let isSlow = false;
    let isFull = false;
    const steer = () => (isSlow || isFull ? from.pause() : from.resume());
    from.on('data', (chunk: Buffer) => {
      this.#watch();
      this.#passed(chunk.length);
      this.#bucket.spend(chunk.length);
      this.#all.spend(chunk.length);
      isFull = !to.write(chunk);
      const waitMs = Math.max(this.#bucket.waitMs(0), this.#all.waitMs(0));
      if (waitMs > 0) {
        isSlow = true;
        this.#clock.after(waitMs, () => {
          isSlow = false;
          steer();
        });
      }
      steer();
    });
    to.on('drain', () => {
      isFull = false;
      steer();
    });
    from.on('end', () => to.end());
    // 'end' has come before, unless the connection broke: then nobody may take the rest for the whole.
    from.on('close', (hadError) => (hadError || !from.readableEnded ? this.destroy() : undefined));
    from.resume();
  }

  #watch(): void {
    this.#idle?.cancel();
    this.#idle = this.#clock.after(bytestreamLimits.idleMs, () => this.destroy());
  }
}
