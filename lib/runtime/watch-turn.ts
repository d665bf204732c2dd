/**
 * Which of many processes of a kind watch all others: the first few in the order of their subjects that show signs of life. The
 * others read no more than the rows of these, and step in when one of them is silent.
 */
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { runtimeLimits } from './limits.ts';
import { type LiveNode, type NodeKind, pageOfNodes } from './nodes.ts';

export interface WatchTurnOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly kind: NodeKind;
  /** The subject of this process. */
  readonly subject: string;
}

type Beats = Map<string, { readonly beat: number; readonly sinceMs: number }>;

export class WatchTurn {
  readonly #options: WatchTurnOptions;
  #seen: Beats = new Map();

  constructor(options: WatchTurnOptions) {
    this.#options = options;
  }

  async isMine(): Promise<boolean> {
    const { store, kind, subject } = this.#options;
    const { nodeWatchersMax } = runtimeLimits;
    const seen: Beats = new Map();
    let watching = 0;
    for (let after: string | undefined; ; ) {
      const page = await pageOfNodes(store, 2 * nodeWatchersMax, kind, after);
      for (const node of page) {
        if (node.subject === subject) return this.#settle(seen, true);
        if (this.#lives(node, seen)) watching++;
        if (watching >= nodeWatchersMax) return this.#settle(seen, false);
      }
      if (page.length < 2 * nodeWatchersMax) return this.#settle(seen, true); // the own row is not there (yet)
      after = page.at(-1)!.subject;
    }
  }

  #settle(seen: Beats, isMine: boolean): boolean {
    this.#seen = seen;
    return isMine;
  }

  #lives({ subject, beat, isCondemned }: LiveNode, seen: Beats): boolean {
    const now = this.#options.clock.monotonic();
    const before = this.#seen.get(subject);
    const sinceMs = before?.beat === beat ? before.sinceMs : now;
    seen.set(subject, { beat, sinceMs });
    return isCondemned !== true && now - sinceMs <= runtimeLimits.heartbeatDeadMs;
  }
}
