/**
 * The networks that accounts sign in from, noted some time after the sign-in and many together: no sign-in waits for such a note, and a
 * thousand of them share a commit. A router that dies takes the notes of a second with it; the next sign-in makes them again.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { report } from '../../../lib/runtime/faults.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { update } from '../../../lib/runtime/update.ts';
import { routerLimits } from '../limits.ts';

/** When an account was last noted to sign in from a network, ms since the epoch, by the network's hashed name. */
export type Noted = Readonly<Record<string, number>>;

/** The networks are hashed, because they tell where somebody was. */
export const familiar = collection<Noted>('familiar', 'account', 'live');

interface Account {
  readonly domain: string;
  readonly local: string;
}

interface Writing {
  /** Without a deadline: the request is answered before the write. */
  readonly store: Store;
  readonly log: Logger;
}

interface Waiting extends Account {
  readonly noted: Record<string, number>;
}

export class FamiliarNetworks {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();
  #isPlanned = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is not written yet. */
  unwritten({ domain, local }: Account): Noted | undefined {
    return this.#waiting.get(`${local}@${domain}`)?.noted;
  }

  note(writing: Writing, { domain, local }: Account, network: string, nowMs: number): void {
    const account = `${local}@${domain}`;
    const waiting = this.#waiting.get(account);
    if (waiting !== undefined) waiting.noted[network] = nowMs;
    else if (this.#waiting.size < routerLimits.familiarWaitingMax)
      this.#waiting.set(account, { domain, local, noted: { [network]: nowMs } });
    if (!this.#isPlanned) this.#plan(writing);
  }

  #plan(writing: Writing): void {
    this.#isPlanned = true;
    this.#clock.after(routerLimits.familiarNoteMs, () => void this.#write(writing));
  }

  /** Writes what waits now. A note that cannot be written is dropped: the next sign-in makes it again. Never rejects. */
  async #write(writing: Writing): Promise<void> {
    const all = [...this.#waiting];
    for (let from = 0; from < all.length; from += routerLimits.familiarNotesTogether) {
      const page = all.slice(from, from + routerLimits.familiarNotesTogether);
      const results = await Promise.allSettled(page.map(([, waiting]) => write(writing.store, waiting, this.#clock.now())));
      // Until it is in the row, a sign-in must find it here.
      for (const [account] of page) this.#waiting.delete(account);
      for (const result of results) {
        if (result.status === 'fulfilled') continue;
        report(writing.log, result.reason, 'could not note where an account signed in from');
        writing.log.debug({ err: result.reason }, 'did not note where an account signed in from');
      }
    }
    if (this.#waiting.size > 0) this.#plan(writing);
    else this.#isPlanned = false;
  }
}

function write(store: Store, { domain, local, noted }: Waiting, nowMs: number): Promise<unknown> {
  const rows = Rows.ofAccount(store, domain, local);
  const note = (before: Noted = {}) => latest({ ...before, ...noted });
  return update(rows, familiar, '', note, nowMs + routerLimits.familiarKeepMs);
}

function latest(noted: Noted): Noted {
  const entries = Object.entries(noted).sort(([, a], [, b]) => b - a);
  return Object.fromEntries(entries.slice(0, routerLimits.familiarNetworksMax));
}
