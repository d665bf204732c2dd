/** The effects of the requests of one room that are handled together: rows, what is sent, and what is done in the background. */
import type { SentPage } from './prefetch.ts';
import type { PendingKey, PendingPut, PendingWrite, PendingWrites } from './room-rows.ts';
import type { Background, RoomTurn } from './room-turn.ts';
import type { Sending } from './sending.ts';

export class Batch {
  readonly #ids: string[] = [];
  /** By key, because only the last write of a row counts. */
  readonly #writes = new Map<string, PendingWrite>();
  #isCleared = false;
  readonly sendings: Sending[] = [];
  readonly background: Background[] = [];
  readonly sentPages: SentPage[] = [];
  /** It does something that others see, which only the worker that owns the room may do. */
  needsFence = false;
  bytes = 0;

  /**
   * The messages of this request are in the archive. Until this batch is delivered, whoever reads its row has to deliver them.
   */
  deliversAgain(requestId: string): void {
    this.#ids.push(requestId);
    this.needsFence = true;
  }

  /** Takes over the effects of a request that was handled. */
  absorb(turn: RoomTurn): void {
    if (turn.isCleared) {
      this.#writes.clear();
      this.#isCleared = true;
    }
    for (const write of turn.writes) this.#writes.set(`${write.table} ${write.partition} ${write.sort}`, write);
    this.sendings.push(...turn.sendings);
    this.background.push(...turn.background);
    this.sentPages.push(...turn.sentPages);
    this.needsFence ||= turn.needsFence;
    this.bytes += turn.bytes;
    if (turn.requestId !== undefined && turn.needsFence) this.#ids.push(turn.requestId);
  }

  toPendingWrites(): PendingWrites {
    const puts: PendingPut[] = [];
    const deletes: PendingKey[] = [];
    for (const write of this.#writes.values()) {
      if (write.value === undefined) deletes.push(write);
      else puts.push(write as PendingPut);
    }
    return { ids: this.#ids, isCleared: this.#isCleared || undefined, puts, deletes };
  }
}
