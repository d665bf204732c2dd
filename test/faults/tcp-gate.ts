/**
 * Stands between two servers that talk over TLS, so it sees bytes and no stanzas. It does to connections what networks, and machines that
 * die, do to them.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../simulator/random.ts';
import type { Door } from './door.ts';

/**
 * `slow`: late, and a few bytes at a time. `swallowing`: what the near end sends is taken and goes nowhere, as in the sockets of a machine
 * that dies; `mute`: what comes back is, so nothing is confirmed; `deaf and mute`: both. `closed`: whoever connects
 * is reset.
 */
export type GateWeather = 'fair' | 'slow' | 'swallowing' | 'mute' | 'deaf and mute' | 'closed';

const slow = { leastMs: 20, mostMs: 250, bytes: 700 };

interface Passage {
  readonly near: Socket;
  far: Socket | undefined;
}

export class TcpGate {
  readonly door: Door;
  weather: GateWeather = 'fair';
  readonly #server: Server;
  readonly #random: Random;
  readonly #passages = new Set<Passage>();
  /** Bytes are missing on these: they can only be broken. */
  readonly #holed = new Set<Passage>();
  /** Those behind the gate. They take turns; one that refuses is passed over. */
  readonly #doors: () => readonly Door[];
  #turn = 0;

  private constructor(server: Server, door: Door, doors: () => readonly Door[], random: Random) {
    this.#server = server;
    this.door = door;
    this.#doors = doors;
    this.#random = random;
    server.on('connection', (near: Socket) => void this.#pass(near));
  }

  static async open(host: string, doors: () => readonly Door[], random: Random): Promise<TcpGate> {
    const server = createServer({ allowHalfOpen: true }).listen(0, host);
    await once(server, 'listening');
    return new TcpGate(server, { host, port: (server.address() as { port: number }).port }, doors, random);
  }

  /** Has something been lost since the last {@link heal}? */
  get isHoled(): boolean {
    return this.#holed.size > 0;
  }

  /** Neither end is told more than that it is gone; new connections may be made at once. @returns how many there were */
  cut(): number {
    const count = this.#passages.size;
    for (const { near, far } of this.#passages) {
      near.resetAndDestroy();
      far?.resetAndDestroy();
    }
    return count;
  }

  /** What has lost bytes is reset. */
  heal(): void {
    this.weather = 'fair';
    for (const { near, far } of this.#holed) {
      near.resetAndDestroy();
      far?.resetAndDestroy();
    }
  }

  close(): void {
    this.#server.close();
    for (const { near, far } of this.#passages) {
      near.destroy();
      far?.destroy();
    }
  }

  async #pass(near: Socket): Promise<void> {
    const passage: Passage = { near, far: undefined };
    this.#passages.add(passage);
    const end = () => {
      near.destroy();
      passage.far?.destroy();
      this.#passages.delete(passage);
      this.#holed.delete(passage);
    };
    near.setNoDelay(true).on('error', end).once('close', end);
    const far = this.weather === 'closed' ? undefined : await this.#reach();
    if (far === undefined || near.destroyed) {
      far?.destroy();
      near.resetAndDestroy();
      return end();
    }
    passage.far = far;
    far.setNoDelay(true).on('error', end).once('close', end);
    const swallows = { there: ['swallowing', 'deaf and mute'], back: ['mute', 'deaf and mute'] };
    void this.#carry(passage, near, far, swallows.there).catch(end);
    void this.#carry(passage, far, near, swallows.back).catch(end);
  }

  async #reach(): Promise<Socket | undefined> {
    const doors = this.#doors();
    const first = this.#turn++;
    for (let step = 0; step < doors.length; step++) {
      const socket = connect({ ...doors[(first + step) % doors.length]!, allowHalfOpen: true });
      const { promise, resolve } = Promise.withResolvers<boolean>();
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      if (await promise) return socket;
    }
    return undefined;
  }

  /** One chunk after the other, so that whoever sends is held up when whoever reads is slow. */
  async #carry(passage: Passage, from: Socket, to: Socket, swallowed: readonly string[]): Promise<void> {
    for await (const chunk of from) {
      const bytes = chunk as Buffer;
      if (swallowed.includes(this.weather)) this.#holed.add(passage);
      else if (this.weather === 'slow') await this.#dribble(to, bytes);
      else await write(to, bytes);
    }
    to.end();
  }

  async #dribble(to: Socket, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += slow.bytes) {
      if (this.weather === 'slow') {
        const ms = this.#random.between(slow.leastMs, slow.mostMs);
        await new Promise((resolve) => setTimeout(resolve, ms));
      }
      await write(to, bytes.subarray(at, at + slow.bytes));
    }
  }
}

function write(to: Socket, bytes: Buffer): Promise<void> | undefined {
  if (to.destroyed || !to.writable) return undefined;
  if (to.write(bytes)) return undefined;
  return new Promise((resolve) => {
    const done = () => {
      to.off('drain', done).off('close', done);
      resolve();
    };
    to.on('drain', done).on('close', done);
  });
}
