/**
 * Bounds how much one account may send in a day (UTC), in bytes of messages. The bytes are counted in memory and added to the
 * account's row a mebibyte at a time, so a message costs no write of its own. A router that dies forgets less than a mebibyte per
 * account.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { Rows } from '../../../lib/runtime/rows.ts';
import { update } from '../../../lib/runtime/update.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { routerLimits } from '../limits.ts';

interface Day {
  readonly day: string;
  readonly bytes: number;
}

const sentBytes = collection<Day>('sentBytes', 'account', 'live');
const dayMs = 24 * 60 * 60 * 1000;

/** The parts of an account that are used here. */
interface Sender {
  readonly jid: Jid;
  readonly rows: Rows;
  readonly turn: {
    afterCommit(run: () => undefined): void;
    readonly dependencies: { readonly log: Logger; readonly clock: Clock };
  };
}

interface Count {
  /** Days since the epoch: a text of it would be made with every message. */
  day: number;
  /** What the row holds, as far as this process knows: other routers add to it as well. */
  known: number;
  /** What was not added to the row yet. */
  fresh: number;
}

export class KeptMessages {
  /** In the order of their last use. */
  readonly #counts = new Map<string, Count>();

  /**
   * Counts a message before it is accepted.
   * @throws {StanzaError} resource-constraint until the next day if the account sent too much
   */
  charge(account: Sender, bytes: number): void {
    const count = this.#count(account);
    if (count.known + count.fresh + bytes > routerLimits.keptBytesPerDayMax) {
      throw new StanzaError(
        'resource-constraint',
        `an account may send at most ${routerLimits.keptBytesPerDayMax} bytes of messages a day`,
      );
    }
    count.fresh += bytes;
    if (count.fresh >= routerLimits.keptBytesStep) account.turn.afterCommit(() => this.#write(account, count));
  }

  #count({ jid, turn }: Sender): Count {
    const key = jid.toString();
    const day = Math.floor(turn.dependencies.clock.now() / dayMs);
    const there = this.#counts.get(key);
    this.#counts.delete(key);
    if (this.#counts.size >= routerLimits.keptAccountsMax) this.#counts.delete(this.#counts.keys().next().value!);
    const count = there?.day === day ? there : { day, known: 0, fresh: 0 };
    this.#counts.set(key, count);
    return count;
  }

  /** Adds the fresh bytes to the row, and nobody waits for that. If it fails, they are added along with the next mebibyte. */
  #write({ rows, turn }: Sender, count: Count): undefined {
    const { log, clock } = turn.dependencies;
    const { fresh } = count;
    const day = new Date(count.day * dayMs).toISOString().slice(0, 'yyyy-mm-dd'.length);
    count.fresh = 0;
    count.known += fresh;
    const add = (before: Day | undefined) => ({ day, bytes: (before?.day === day ? before.bytes : 0) + fresh });
    update(rows, sentBytes, '', add, clock.now() + 2 * dayMs).then(
      (row) => {
        count.known = Math.max(count.known, row?.bytes ?? 0);
      },
      (error: unknown) => {
        count.known -= fresh;
        count.fresh += fresh;
        log.debug({ err: error }, "could not add to the count of an account's bytes of today");
      },
    );
  }
}
