/**
 * Reads what the archive holds for a session, because the archive is the queue, page by page as the client takes it.
 *
 * While this goes on, deliveries of archive entries are held back, so that the client gets everything once and in order.
 */
import type { StepReply } from '../../../lib/runtime/wire.ts';
import { connectionLimits } from '../limits.ts';

/** Whether what waits for the account is for this session, as a router says. */
export type Queue = StepReply['queue'];

export interface PageEntry {
  readonly id: string;
  readonly bytes: Buffer;
}

/**
 * `asking`: presence is on its way that may open the queue; the router will say so. `reading`: a page is wanted.
 * `waiting`: a page was asked for.
 */
type Phase = 'off' | 'asking' | 'reading' | 'waiting';

export class CatchUp {
  readonly #give: (entry: PageEntry) => void;
  readonly #finished: () => void;
  phase: Phase = 'off';
  #after = '';
  /** Made when there is something to hold back. */
  #held: Map<string, Buffer> | undefined;
  #heldBytes = 0;
  /** Something was not held back since the last page was asked for: the archive must be read on. */
  #isIncomplete = false;
  /** The smallest id that is known not to have got here: it may be older than where a router would begin. */
  #missed: string | undefined;
  /** As a router said last; undefined: it has not answered what may have changed it. */
  #queue: 'open' | 'closed' | undefined = 'closed';

  /**
   * @param give writes an entry to the client, unless the session has it
   * @param finished everything was read and given
   */
  constructor(give: (entry: PageEntry) => void, finished: () => void) {
    this.#give = give;
    this.#finished = finished;
  }

  get missed(): string | undefined {
    return this.#missed;
  }

  /** What the session is given now says nothing of what waits for the account. */
  get isAside(): boolean {
    return this.#queue === 'closed';
  }

  /**
   * Before a batch leaves with presence that may open the queue: from when the router has it, deliveries may come.
   * @param mayReopen it may close an open one first
   */
  ask(mayReopen: boolean): void {
    if (this.phase === 'off' && (mayReopen || this.#queue !== 'open')) this.phase = 'asking';
  }

  /** @param queue undefined: the presence was refused, and changed nothing */
  answered(queue: Queue): void {
    const before = this.#queue;
    this.#queue = queue === 'opened' ? 'open' : (queue ?? before);
    if (queue === 'opened' || (queue === 'open' && before !== 'open')) this.#read('');
    else if (this.phase === 'asking') {
      if (this.#isIncomplete || this.#missed !== undefined) this.#read('');
      else this.#finish();
    } else if (this.#queue === 'closed' && this.phase === 'reading') {
      // What was held back comes behind what is not read now: all of it is read when the queue opens again.
      for (const id of this.#held?.keys() ?? []) this.miss(id);
      this.#clear();
      this.#read('');
    }
  }

  /** No router has answered such presence: with the next page it is known what became of it. */
  unanswered(): void {
    this.#queue = undefined;
    this.#read('');
  }

  /** The session was read with the queue closed, or is to be read anew: whether it is open is not known. */
  forgetQueue(): void {
    this.#queue = undefined;
  }

  /** An entry has to be read from the archive, sooner or later. */
  miss(id: string | undefined): void {
    if (id !== undefined && (this.#missed === undefined || id < this.#missed)) this.#missed = id;
  }

  /** A resync mark, or a gap in what was delivered. */
  start(): void {
    if (this.phase === 'off') this.#read('');
    else this.#isIncomplete = true;
  }

  /** @returns whether the entry is held back (or will be read) */
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

  /** Begins a page. @returns where it starts */
  takePage(): string {
    this.phase = 'waiting';
    this.#isIncomplete = false;
    return this.#after;
  }

  /** No router answered. */
  retryPage(): void {
    if (this.phase === 'waiting') this.phase = 'reading';
  }

  page(entries: readonly PageEntry[], { queue, next }: Pick<StepReply, 'queue' | 'next'>): void {
    const before = this.#queue;
    this.#queue = queue === 'opened' ? 'open' : (queue ?? before);
    if (this.phase !== 'waiting') return; // the session was parked meanwhile, and will read it all again
    if (this.#queue === 'open' && before !== 'open' && this.#after !== '') this.#isIncomplete = true;
    for (const entry of entries) {
      const held = this.#held?.get(entry.id);
      if (held !== undefined) {
        this.#held!.delete(entry.id);
        this.#heldBytes -= held.length;
      }
      this.#give(entry);
      if (this.phase !== 'waiting') return; // it was too much for the client
    }
    if (next !== undefined) this.#read(next);
    // From the cursor again and not from here: what was let go may have a smaller id than what was read.
    else if (this.#isIncomplete) this.#read('');
    else this.#finish();
  }

  /** The client is gone. @returns whether there was something to read or to give */
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
