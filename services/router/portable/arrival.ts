/** What is taken in with one request: an account, and what is told of it. */
import { isOperating } from '../../../lib/runtime/faults.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import type { ArchiveEntry } from '../archive/archive.ts';
import type { Account } from '../core/account.ts';
import { portableLimits } from './limits.ts';

export class Arrival {
  readonly account: Account;
  /** True: the account is being made from the file. What it has already came from there, or arrived since. */
  readonly isNew: boolean;
  readonly madeAtMs: number;
  /** Messages of the archive are after this moment: those of one second, which many servers do not tell apart, keep their order. */
  afterMs: number;
  /** Messages that this request has queued, by their ids. */
  readonly messages = new Map<string, ArchiveEntry>();
  readonly #taken = new Map<string, number>();
  readonly #leftOut: string[] = [];
  #leftOutCount = 0;

  constructor(account: Account, given: { readonly isNew: boolean; readonly madeAtMs: number; readonly afterMs: number }) {
    this.account = account;
    this.isNew = given.isNew;
    this.madeAtMs = given.madeAtMs;
    this.afterMs = given.afterMs;
  }

  /** Counts what was written, or was there already. */
  count(what: string): void {
    this.#taken.set(what, (this.#taken.get(what) ?? 0) + 1);
  }

  leaveOut(what: string, why: string): void {
    this.#leftOutCount += 1;
    if (this.#leftOut.length < portableLimits.leftOutMax)
      this.#leftOut.push(`${what}: ${why}`.slice(0, portableLimits.leftOutCharactersMax));
  }

  /**
   * Takes one thing in. What cannot be kept is left out, and the rest goes on.
   * @param kind under which it is counted, if `work` says that it was taken or was there. @throws what is not the fault of the thing
   */
  async take(kind: string, what: string, work: () => Promise<boolean>): Promise<void> {
    try {
      if (await work()) this.count(kind);
    } catch (error) {
      if (isOperating(error) || !(error instanceof StanzaError || error instanceof StreamError)) throw error;
      this.leaveOut(what, error.text ?? error.condition);
    }
  }

  get taken(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#taken);
  }

  get leftOut(): readonly string[] {
    const more = this.#leftOutCount - this.#leftOut.length;
    return more === 0 ? this.#leftOut : [...this.#leftOut, `and ${more} more`];
  }
}
