/**
 * What a worker knows of a room's `state` row: which version of it the worker may replace, the last archive id, and which
 * requests were handled already. A retry carries the id of the first try, and is not carried out twice.
 */

import type { Store } from '../../../lib/ports/store.ts';
import type { Rows } from '../../../lib/runtime/rows.ts';
import { roomLimits } from '../limits.ts';
import { type PendingWrites, type RoomState, states } from './room-rows.ts';

export class Fence {
  /** undefined: there is no such row. */
  #version: string | undefined;
  readonly #epoch: number;
  #seq = 0;
  lastId: string;
  /** In the order of handling; bounded. */
  readonly #handled = new Set<string>();
  /**
   * Requests of a batch that another worker (or this one) wrote and may not have delivered, with the messages that it wrote for
   * them. When such a request comes again, its messages are delivered again.
   */
  readonly unfinished = new Map<string, readonly Buffer[]>();

  constructor(version: string | undefined, state: RoomState | undefined) {
    this.#version = version;
    this.#epoch = (state?.epoch ?? 0) + 1;
    this.lastId = state?.lastId ?? '';
    this.markHandled(state?.handled ?? []);
    for (const id of state?.pendingWrites.ids ?? []) {
      const written = state!.pendingWrites.puts.map(({ value }) => value as { request?: string; xml?: string } | undefined);
      const own = written.filter((value) => value?.request === id && value.xml !== undefined);
      this.unfinished.set(
        id,
        own.map((value) => Buffer.from(value!.xml!)),
      );
    }
  }

  isHandled(id: string): boolean {
    return this.#handled.has(id);
  }

  markHandled(ids: Iterable<string>): void {
    for (const id of ids) {
      this.unfinished.delete(id);
      this.#handled.add(id);
      if (this.#handled.size <= roomLimits.handledMax) continue;
      const [oldest] = this.#handled;
      this.#handled.delete(oldest!);
    }
  }

  /**
   * Puts a row for the next batch in the place of the last one, and notes that the requests of the batch are handled.
   * @param ids of these requests. @param expiresAtMs the end of the row, when the room has ended
   * @throws {Conflict} when another worker has written to the room
   */
  async advance(
    store: Store,
    rows: Rows,
    { pendingWrites, ids, expiresAtMs }: { pendingWrites: PendingWrites; ids: Iterable<string>; expiresAtMs: number | undefined },
  ): Promise<void> {
    this.#seq++;
    const handled = [...this.#handled].slice(-roomLimits.handledStoredMax);
    const state: RoomState = { epoch: this.#epoch, seq: this.#seq, lastId: this.lastId, handled, pendingWrites };
    const condition = this.#version === undefined ? 'absent' : { version: this.#version };
    this.#version = await store.put(rows.row(states, '', state, expiresAtMs), condition);
    this.markHandled(ids);
  }
}
