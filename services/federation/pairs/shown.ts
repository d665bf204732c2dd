/**
 * Which presence of ours the peer was shown last. A row that this process was not told of may come to light after presence that was written
 * later has left: its writer died before it could tell anybody. What such a row says of the same two addresses is out of date.
 *
 * It is in memory alone: an owner that has just begun knows nothing of what was before.
 */
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { federationLimits } from '../limits.ts';
import { type Departing, type Entry, replaces, type Shows, showsOf } from './departing.ts';
import { Unsaid } from './unsaid.ts';

interface Written {
  /** When its row was, by the deployment's clock. */
  readonly at: number;
  readonly shows: Shows;
}

export class Shown {
  /** By `from` and `to`; those that were written to last come last. */
  readonly #last = new Map<string, Written>();
  /** By the accounts of both: when somebody of the one was last shown to be there. */
  readonly #present = new Map<string, number>();
  readonly #unsaid = new Unsaid();

  /** Something was given up that is to be said when the peer is back. */
  get isDue(): boolean {
    return !this.#unsaid.isEmpty;
  }

  /** What is for the peer. */
  note(entry: Entry): void {
    const { at, departing } = entry;
    this.#unsaid.note(entry);
    for (const one of departing) {
      if (!one.isState) continue;
      const shows = showsOf(one.stanza);
      if (shows !== 'end') put(this.#present, one.accounts, Math.max(at, this.#present.get(one.accounts) ?? at));
      if ((this.#last.get(one.addresses)?.at ?? at) <= at) put(this.#last, one.addresses, { at, shows });
    }
  }

  /** @returns what was written before the presence that was noted last, which says all that matters of it */
  outdated({ at, departing }: Entry): Departing[] {
    return departing.filter((one) => {
      if (one.saysNobody && (this.#present.get(one.accounts) ?? at) > at) return true;
      const last = one.isState ? this.#last.get(one.addresses) : undefined;
      return last !== undefined && last.at > at && replaces(last.shows, showsOf(one.stanza));
    });
  }

  /** It waited for too long, and nobody is told so. @param at when its row was written */
  giveUp(at: number, one: Departing): void {
    this.#unsaid.keep(at, one);
  }

  /** The peer is back. @returns what was given up and still holds, a few at a time */
  due(clock: DeploymentClock): Entry[] {
    return this.#unsaid.take(federationLimits.standingPerTick, clock).filter((entry) => this.outdated(entry).length === 0);
  }
}

/** The last place is for what was written to last, and the first one goes when there are too many. */
function put<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > federationLimits.shownMax) map.delete(map.keys().next().value!);
}
