/**
 * Reads what the archive holds for a session, because the archive is the queue. It reads page by page, as fast as the client
 * takes it.
 *
 * Meanwhile deliveries of archive entries are held back, so that the client gets everything once and in order.
 */
import type { StepReply } from '../../../lib/runtime/wire.ts';
import { connectionLimits } from '../limits.ts';

/** Whether the queue of the account is open for this session, as a router has said. */
export type Queue = StepReply['queue'];

export interface PageEntry {
  readonly id: string;
  readonly bytes: Buffer;
}

/**
 * `asking`: presence that may open the queue is on its way, and the router will answer it. `reading`: a page must be asked for.
 * `waiting`: a page was asked for.
 */
type Phase = 'off' | 'asking' | 'reading' | 'waiting';

export class CatchUp {
  readonly #give: (entry: PageEntry) => void;
  readonly #finished: () => void;
  phase: Phase = 'off';
  #after = '';
  /** Created when there is something to hold back. */
  #held: Map<string, Buffer> | undefined;
  #heldBytes = 0;
  /** True when an entry was not held back since the last page was asked for. Then the archive must be read further. */
  #isIncomplete = false;
  /** The smallest id that is known to be missing here. It may be smaller than the id where a router would begin. */
  #missed: string | undefined;
  /** What a router has said last; undefined while it has not answered presence that may change it. */
  #queue: 'open' | 'closed' | undefined = 'closed';

  /**
   * @param give writes an entry to the client, unless the session has had it
   * @param finished is called when everything has been read and given
   */
  constructor(give: (entry: PageEntry) => void, finished: () => void) {
    this.#give = give;
    this.#finished = finished;
  }

  get missed(): string | undefined {
    return this.#missed;
  }

  /** While the queue is closed, what the session is given does not move the cursor. */
  get isAside(): boolean {
    return this.#queue === 'closed';
  }

  /**
   * Prepares for presence that may open the queue: deliveries may arrive as soon as the router has it.
   * @param mayReopen true when the presence may close an open queue first
   */
  ask(mayReopen: boolean): void {
    if (this.phase === 'off' && (mayReopen || this.#queue !== 'open')) this.phase = 'asking';
  }

  /** @param queue undefined: the presence was refused and has changed nothing */
  answered(queue: Queue): void {
    const before = this.#queue;
    this.#queue = queue === 'opened' ? 'open' : (queue ?? before);
    if (queue === 'opened' || (queue === 'open' && before !== 'open')) this.#read('');
    else if (this.phase === 'asking') {
      if (this.#isIncomplete || this.#missed !== undefined) this.#read('');
      else this.#finish();
    } else if (this.#queue === 'closed' && this.phase === 'reading') {
      // What was held back comes after what is not read now. All of it is read when the queue opens again.
      for (const id of this.#held?.keys() ?? []) this.miss(id);
      this.#clear();
      this.#read('');
    }
  }

  /** No router has answered the presence. The answer to the next page will show what became of it. */
  unanswered(): void {
    this.#queue = undefined;
    this.#read('');
  }

  /** It is not known whether the queue is open: the session was read while it was closed, or must be read again. */
  forgetQueue(): void {
    this.#queue = undefined;
  }

  /** An entry must be read from the archive at some time. */
  miss(id: string | undefined): void {
    if (id !== undefined && (this.#missed === undefined || id < this.#missed)) this.#missed = id;
  }

  /** There was a resync mark, or a gap in the deliveries. */
  start(): void {
    if (this.phase === 'off') this.#read('');
    else this.#isIncomplete = true;
  }

  /** @returns true when the entry is held back, or will be read */
  hold(entry: PageEntry): boolean {
    if (this.phase === 'off') return false;
    if (this.#held?.has(entry.id)) return true;
    this.#held ??= new Map();
    if (
      this.#held.size >= connectionLimits.catchUpBufferStanzasMax ||
      this.#heldBytes >= connectionLimits.catchUpBufferBytesMax
    ) {
      this.#isIncomplete = true;
      this.miss(entry.id);
      return true;
    }
    this.#held.set(entry.id, entry.bytes);
    this.#heldBytes += entry.bytes.length;
    return true;
  }

  /** Begins a page. @returns the id after which it begins */
  takePage(): string {
    this.phase = 'waiting';
    this.#isIncomplete = false;
    return this.#after;
  }

  /** No router has answered. */
  retryPage(): void {
    if (this.phase === 'waiting') this.phase = 'reading';
  }

  page(entries: readonly PageEntry[], { queue, next }: Pick<StepReply, 'queue' | 'next'>): void {
    const before = this.#queue;
    this.#queue = queue === 'opened' ? 'open' : (queue ?? before);
    if (this.phase !== 'waiting') return; // the session was parked meanwhile, and will read everything again
    if (this.#queue === 'open' && before !== 'open' && this.#after !== '') this.#isIncomplete = true;
    for (const entry of entries) {
      const held = this.#held?.get(entry.id);
      if (held !== undefined) {
        this.#held!.delete(entry.id);
        this.#heldBytes -= held.length;
      }
      this.#give(entry);
      if (this.phase !== 'waiting') return; // the client could not take it
    }
    if (next !== undefined) this.#read(next);
    // Reading begins at the cursor and not here, because the entries that were dropped may have smaller ids than the ones that
    // were read.
    else if (this.#isIncomplete) this.#read('');
    else this.#finish();
  }

  /** The client is gone. @returns true when there was something to read or to give */
  abort(): boolean {
    if (this.phase === 'off') return false;
    this.phase = 'off';
    for (const id of this.#held?.keys() ?? []) this.miss(id);
    this.#clear();
    return true;
  }

  #read(after: string): void {
    this.phase = 'reading';
    this.#after = after;
  }

  #finish(): void {
    const held = [...(this.#held ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    this.phase = 'off';
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
