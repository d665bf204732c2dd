/**
 * Deploys that nobody has to conduct: a node that sees its service running in another release, begun later and up for some time, lets
 * go of its sessions (decision 5).
 *
 * What counts as newer is when its processes began, never what the release is called: a deploy that is rolled back starts processes of
 * the old release later than those of the new one, and then it is the new one that goes.
 */
import type { Clock } from '../ports/clock.ts';
import { runtimeLimits } from './limits.ts';
import type { LiveNode, Release } from './nodes.ts';

export class ReleaseWatch {
  readonly #clock: Clock;
  readonly #subject: string;
  readonly #release: Release;
  /** Processes of a newer release count when they have been seen alive for so long. */
  readonly #settleMs: number;
  #seenMs: ReadonlyMap<string, number> = new Map();
  /** Since when there is a newer release that counts, and how many nodes of others there were at most. */
  #outdated: { readonly sinceMs: number; readonly count: number } | undefined;

  /** Nodes of older releases at the last look: so many may drain at this time. */
  outdated = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly subject: string;
    readonly release: Release;
    readonly settleMs: number;
  }) {
    this.#clock = options.clock;
    this.#subject = options.subject;
    this.#release = options.release;
    this.#settleMs = options.settleMs;
  }

  /** @returns whether it is this node's turn to go: one for each node of the newest release that has settled */
  look(live: readonly LiveNode[]): boolean {
    const now = this.#clock.monotonic();
    const peers = live.filter(({ release }) => release?.service === this.#release.service);
    this.#seenMs = new Map(peers.map(({ subject }) => [subject, this.#seenMs.get(subject) ?? now]));
    const newest = peers.toSorted(byStart).at(-1);
    if (newest === undefined || newest.release?.id === this.#release.id) {
      this.#outdated = undefined;
      this.outdated = 0;
      return false;
    }
    const isNewest = ({ release }: LiveNode) => release?.id === newest.release?.id;
    this.outdated = peers.filter((node) => !isNewest(node)).length;
    const settled = peers.filter((node) => isNewest(node) && now - this.#seenMs.get(node.subject)! >= this.#settleMs);
    if (settled.length === 0) return false;
    const others = peers.filter((node) => !isNewest(node)).sort(bySubject);
    const { sinceMs = now, count = 0 } = this.#outdated ?? {};
    this.#outdated = { sinceMs, count: Math.max(count, others.length) };
    // Each node that has gone already was replaced by one of those that have settled.
    const places = settled.length - (this.#outdated.count - others.length);
    const turn = others.findIndex(({ subject }) => subject === this.#subject);
    return turn < places || now - sinceMs > runtimeLimits.releaseWaitMs;
  }
}

function byStart(a: LiveNode, b: LiveNode): number {
  return a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : bySubject(a, b);
}

function bySubject(a: LiveNode, b: LiveNode): number {
  return a.subject < b.subject ? -1 : 1;
}
