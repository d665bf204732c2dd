/**
 * How much one account sends that is kept: bytes of its messages in a day (UTC). They are counted in memory and added to the account's row
 * by the mebibyte, so a message costs no write of its own, and a router that dies forgets less than that.
 */
import type { Logger } from 'pino';
import { limits } from '../../../lib/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { Rows } from '../../../lib/runtime/rows.ts';
import { update } from '../../../lib/runtime/update.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';

interface Day {
  readonly day: string;
  readonly bytes: number;
}

const sentBytes = collection<Day>('sentBytes', 'account', 'live');
const dayMs = 24 * 60 * 60 * 1000;

/** What of an account is looked at. */
interface Sender {
  readonly jid: Jid;
  readonly rows: Rows;
  readonly now: Date;
  readonly turn: { afterCommit(run: () => undefined): void; readonly dependencies: { readonly log: Logger } };
}

interface Count {
  day: string;
  /** In the row, as far as this process knows: other routers add to it as well. */
  known: number;
  /** Not yet in the row. */
  fresh: number;
}

export class KeptMessages {
  /** The one used last stands last. */
  readonly #counts = new Map<string, Count>();

  /** Before a message is taken. @throws {StanzaError} resource-constraint, until the next day */
  charge(account: Sender, bytes: number): void {
    const count = this.#count(account);
    if (count.known + count.fresh + bytes > limits.keptBytesPerDayMax) {
      throw new StanzaError(
        'resource-constraint',
        `an account sends at most ${limits.keptBytesPerDayMax} bytes of messages a day`,
      );
    }
    count.fresh += bytes;
    if (count.fresh >= limits.keptBytesStep) account.turn.afterCommit(() => this.#write(account, count));
  }

  #count({ jid, now }: Sender): Count {
    const key = jid.toString();
    const day = now.toISOString().slice(0, 'yyyy-mm-dd'.length);
    const there = this.#counts.get(key);
    this.#counts.delete(key);
    if (this.#counts.size >= limits.keptAccountsMax) this.#counts.delete(this.#counts.keys().next().value!);
    const count = there?.day === day ? there : { day, known: 0, fresh: 0 };
    this.#counts.set(key, count);
    return count;
  }

  /** Nobody waits for it; what fails is tried with the next mebibyte. */
  #write({ rows, now, turn }: Sender, count: Count): undefined {
    const { fresh, day } = count;
    count.fresh = 0;
    count.known += fresh;
    const add = (before: Day | undefined) => ({ day, bytes: (before?.day === day ? before.bytes : 0) + fresh });
    update(rows, sentBytes, '', add, now.getTime() + 2 * dayMs).then(
      (row) => {
        count.known = Math.max(count.known, row?.bytes ?? 0);
      },
      (error: unknown) => {
        count.known -= fresh;
        count.fresh += fresh;
        turn.dependencies.log.debug({ err: error }, 'what an account has sent could not be noted');
      },
    );
  }
}
