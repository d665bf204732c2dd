/**
 * What a worker knows of a room's `state` row: which version it may replace, the order of archive ids, and which requests were
 * handled already (a retry carries the same id and is not done twice).
 */
import { roomLimits } from '../limits.ts';
import type { Redo, RoomState } from './room-rows.ts';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

export class Fence {
  /** undefined: the row is not there. */
  version: string | undefined;
  #epoch: number;
  #seq: number;
  lastId: string;
  /** In the order of handling; bounded. */
  readonly #handled = new Set<string>();
  /**
   * Requests of a batch that another worker (or this one) wrote and may not have delivered, with the messages it wrote for them:
   * when they come again, these are delivered again.
   */
  readonly unfinished = new Map<string, readonly Buffer[]>();

  constructor(version: string | undefined, state: RoomState | undefined) {
    this.version = version;
    this.#epoch = (state?.epoch ?? 0) + 1;
    this.#seq = 0;
    this.lastId = state?.lastId ?? '';
    for (const id of state?.handled ?? []) this.markHandled(id);
    for (const id of state?.redo.ids ?? []) {
      const written = state!.redo.puts.map(({ value }) => value as { request?: string; xml?: string } | undefined);
      const mine = written.filter((value) => value?.request === id && value.xml !== undefined);
      this.unfinished.set(
        id,
        mine.map((value) => Buffer.from(value!.xml!)),
      );
    }
  }

  isHandled(id: string): boolean {
    return this.#handled.has(id);
  }

  markHandled(id: string): void {
    this.unfinished.delete(id);
    this.#handled.add(id);
    if (this.#handled.size > roomLimits.handledMax) {
      for (const oldest of this.#handled) {
        this.#handled.delete(oldest);
        break;
      }
    }
  }

  /** The row that this batch puts in place of the last. */
  next(redo: Redo): RoomState {
    this.#seq++;
    const handled = [...this.#handled].slice(-roomLimits.handledStoredMax);
    return { epoch: this.#epoch, seq: this.#seq, lastId: this.lastId, handled, redo };
  }

  /** An archive id behind all earlier ones of the room, although another worker's clock may have been ahead. */
  nextId(minted: string): string {
    this.lastId = minted > this.lastId ? minted : successor(this.lastId);
    return this.lastId;
  }
}

/** The next text of the same length in the alphabet of ids. */
export function successor(id: string): string {
  for (let at = id.length - 1; at >= 0; at--) {
    const next = alphabet[alphabet.indexOf(id[at]!) + 1];
    if (next !== undefined) return id.slice(0, at) + next + alphabet[0]!.repeat(id.length - at - 1);
  }
  return `${id}${alphabet[0]}`;
}
