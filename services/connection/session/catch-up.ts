/**
 * Reading what the archive holds for a session (DESIGN §2: the archive is the queue), page by page as the client takes it.
 *
 * While this goes on, deliveries of archive entries are held back, so that the client gets everything once and in order.
 */
import { limits } from '../../../lib/limits.ts';
import type { StepReply } from '../../../lib/runtime/wire.ts';

export interface PageEntry {
  readonly id: string;
  readonly bytes: Buffer;
}

/**
 * `asking`: initial presence is on its way, the router will say whether there is anything to read. `reading`: a page is wanted.
 * `waiting`: a page was asked for.
 */
type Phase = 'off' | 'asking' | 'reading' | 'waiting';

export class CatchUp {
  readonly #give: (entry: PageEntry) => void;
  readonly #finished: () => void;
  #phase: Phase = 'off';
  #after = '';
  /** Made when there is something to hold back. */
  #held: Map<string, Buffer> | undefined;
  #heldBytes = 0;
  /** Something was not held back since the last page was asked for: the archive must be read on. */
  #isIncomplete = false;
  /** The smallest id that is known not to have got here: it may be older than where a router would begin. */
  #missed: string | undefined;

  /**
   * @param give writes an entry to the client, unless the session has it
   * @param finished everything was read and given
   */
  constructor(give: (entry: PageEntry) => void, finished: () => void) {
    this.#give = give;
    this.#finished = finished;
  }

  get isOff(): boolean {
    return this.#phase === 'off';
  }

  get missed(): string | undefined {
    return this.#missed;
  }

  get wantsPage(): boolean {
    return this.#phase === 'reading';
  }

  /** Before the batch with initial presence leaves: from when the router has it, deliveries may come. */
  ask(): void {
    if (this.#phase === 'off') this.#phase = 'asking';
  }

  answered(catchUp: StepReply['catchUp']): void {
    if (this.#phase !== 'asking') return;
    if (catchUp === 'start' || this.#isIncomplete) this.#read('');
    else this.#finish();
  }

  /** An entry has to be read from the archive, sooner or later. */
  miss(id: string | undefined): void {
    if (id !== undefined && (this.#missed === undefined || id < this.#missed)) this.#missed = id;
  }

  /** A resync mark, or a gap in what was delivered. */
  start(): void {
    if (this.#phase === 'off') this.#read('');
    else this.#isIncomplete = true;
  }

  /** @returns whether the entry is held back (or will be read) */
  hold(entry: PageEntry): boolean {
    if (this.#phase === 'off') return false;
    if (this.#held?.has(entry.id)) return true;
    this.#held ??= new Map();
    if (this.#held.size >= limits.catchUpBufferStanzasMax || this.#heldBytes >= limits.catchUpBufferBytesMax) {
      this.#isIncomplete = true;
      this.miss(entry.id);
      return true;
    }
    this.#held.set(entry.id, entry.bytes);
    this.#heldBytes += entry.bytes.length;
    return true;
  }

  /** Begins a page. @returns where it starts */
  takePage(): string {
    this.#phase = 'waiting';
    this.#isIncomplete = false;
    return this.#after;
  }

  /** No router answered. */
  retryPage(): void {
    if (this.#phase === 'waiting') this.#phase = 'reading';
  }

  page(entries: readonly PageEntry[], catchUp: StepReply['catchUp']): void {
    if (this.#phase !== 'waiting') return; // the session was parked meanwhile, and will read it all again
    for (const entry of entries) {
      const held = this.#held?.get(entry.id);
      if (held !== undefined) {
        this.#held!.delete(entry.id);
        this.#heldBytes -= held.length;
      }
      this.#give(entry);
      if (this.#phase !== 'waiting') return; // it was too much for the client
    }
    if (typeof catchUp === 'object') this.#read(catchUp.next);
    // From the cursor again and not from here: what was let go may have a smaller id than what was read (DESIGN §2).
    else if (this.#isIncomplete) this.#read('');
    else this.#finish();
  }

  /** The client is gone. @returns whether there was something to read or to give */
  abort(): boolean {
    if (this.#phase === 'off') return false;
    this.#phase = 'off';
    for (const id of this.#held?.keys() ?? []) this.miss(id);
    this.#clear();
    return true;
  }

  #read(after: string): void {
    this.#phase = 'reading';
    this.#after = after;
  }

  #finish(): void {
    const held = [...(this.#held ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#phase = 'off';
    this.#missed = undefined;
    this.#clear();
    for (const [id, bytes] of held) this.#give({ id, bytes });
    this.#finished();
  }

  #clear(): void {
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#isIncomplete = false;
  }
}
