/**
 * Stanzas for an XEP-0198 client: the ones that were sent and are not acknowledged, then the ones that are not sent yet because
 * the session is parked. Numbers are absolute here; on the wire they are taken modulo 2^32 (§4).
 */
import { connectionLimits } from '../limits.ts';

export interface Entry {
  /** Empty when the stanza was too large to hand over. It is in the archive under `id`. */
  readonly bytes: Buffer;
  /** The id of the archive entry of the stanza. */
  readonly id?: string;
}

export class Outbox {
  /** From `#head` on: the stanzas with the numbers `acked + 1`, `acked + 2`, … */
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #acked: number;
  #sent: number;
  /** The archive ids among the entries. Undefined for most sessions, which are idle. */
  #ids: Set<string> | undefined;

  constructor(acked = 0, unacked: readonly Entry[] = []) {
    this.#acked = acked;
    this.#sent = acked + unacked.length;
    for (const entry of unacked) this.add(entry);
  }

  /** The number of the last stanza that the client has acknowledged. */
  get acked(): number {
    return this.#acked;
  }

  /** The number of the last stanza, sent or not. */
  get last(): number {
    return this.#acked + this.size;
  }

  get size(): number {
    return this.#entries.length - this.#head;
  }

  get unackedCount(): number {
    return this.#sent - this.#acked;
  }

  get isFull(): boolean {
    return this.size >= connectionLimits.unackedStanzasMax || this.#bytes >= connectionLimits.unackedBytesMax;
  }

  /** For a parked session: even the stanzas that are not in an archive are too many. */
  get isOverfull(): boolean {
    return this.size >= 2 * connectionLimits.unackedStanzasMax || this.#bytes >= 2 * connectionLimits.unackedBytesMax;
  }

  has(id: string): boolean {
    return this.#ids?.has(id) ?? false;
  }

  get unacked(): readonly Entry[] {
    return this.#entries.slice(this.#head, this.#head + this.unackedCount);
  }

  get pending(): readonly Entry[] {
    return this.#entries.slice(this.#head + this.unackedCount);
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes.length;
    if (entry.id === undefined) return;
    this.#ids ??= new Set();
    this.#ids.add(entry.id);
  }

  /** Everything in here has been written to the client's stream. */
  markSent(): void {
    this.#sent = this.#acked + this.size;
  }

  /**
   * @param h as the client counts. @returns how many more stanzas the client has; undefined when it claims more than it was sent
   */
  countAcked(h: number): number | undefined {
    const count = (h - this.#acked) >>> 0;
    return count <= this.unackedCount ? count : undefined;
  }

  /** The client has the first `count` of the unacknowledged stanzas. @returns their archive ids */
  ack(count: number): string[] {
    const ids: string[] = [];
    for (let i = 0; i < count; i++) {
      const { bytes, id } = this.#entries[this.#head]!;
      this.#entries[this.#head++] = released;
      this.#bytes -= bytes.length;
      if (id !== undefined) {
        ids.push(id);
        this.#ids?.delete(id);
      }
    }
    this.#acked += count;
    if (this.size === 0) {
      this.#entries = [];
      this.#head = 0;
      if (this.#ids?.size === 0) this.#ids = undefined;
    } else if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return ids;
  }

  /** Forgets what was not sent and is in the archive or empty. @returns the archive ids of what was forgotten */
  shed(which: (entry: Entry) => boolean): string[] {
    const firstPending = this.#head + this.unackedCount;
    const dropped: Entry[] = [];
    const kept: Entry[] = [];
    for (const entry of this.#entries.slice(firstPending)) (which(entry) ? dropped : kept).push(entry);
    if (dropped.length === 0) return [];
    this.#entries = [...this.#entries.slice(this.#head, firstPending), ...kept];
    this.#head = 0;
    for (const { bytes, id } of dropped) {
      this.#bytes -= bytes.length;
      if (id !== undefined) this.#ids?.delete(id);
    }
    return dropped.flatMap(({ id }) => (id === undefined ? [] : [id]));
  }

  /** Counts everything as not sent: a resumed stream begins at `acked + 1`. */
  rewind(): void {
    this.#sent = this.#acked;
  }
}

const released: Entry = { bytes: Buffer.alloc(0) };
