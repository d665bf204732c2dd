/** Deletes rows of the outbox, when the peer has confirmed them or their senders were told; each is tried until it succeeds. */
import { sleep } from '../../../lib/ports/clock.ts';
import { deleteFromOutbox, type PairName } from '../../../lib/runtime/outbox.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Gate } from '../core/gate.ts';
import { federationLimits } from '../limits.ts';
import { withoutRow } from './departing.ts';

interface Keyed {
  readonly key: string;
}

/**
 * The deletions of one pair: what is confirmed together is deleted together. Many rows are confirmed at once when a peer is back, at a moment
 * when the store may be slow for everybody: only some are deleted at the same time, and what fails is tried again ever later, so that
 * heartbeats and what people send are not kept from the store.
 */
export class RowDeletions {
  readonly #dependencies: Pick<Dependencies, 'store' | 'clock' | 'log'>;
  readonly #gate: Gate;
  readonly #name: PairName;
  readonly #isStopped: () => boolean;
  readonly #running = new Set<Promise<void>>();

  constructor(dependencies: Pick<Dependencies, 'store' | 'clock' | 'log'>, gate: Gate, name: PairName, isStopped: () => boolean) {
    this.#dependencies = dependencies;
    this.#gate = gate;
    this.#name = name;
    this.#isStopped = isStopped;
  }

  /** @param gone called with each whose row is gone; with none any more when the process has stopped before */
  delete<Deleted extends Keyed>(all: readonly Deleted[], gone: (one: Deleted) => void = () => {}): void {
    const { deletionRowsMax } = federationLimits;
    for (let at = 0; at < all.length; at += deletionRowsMax) {
      const deleted = this.#delete(all.slice(at, at + deletionRowsMax), gone).finally(() => this.#running.delete(deleted));
      this.#running.add(deleted);
    }
  }

  /** Resolves when none is under way; soon, when the process stops. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #delete<Deleted extends Keyed>(some: readonly Deleted[], gone: (one: Deleted) => void): Promise<void> {
    const keys = some.map(({ key }) => key).filter((key) => !key.startsWith(withoutRow));
    if (keys.length === 0 || (await this.#deleteRows(keys))) for (const one of some) gone(one);
  }

  /** @returns false when the process stops before */
  async #deleteRows(keys: readonly string[]): Promise<boolean> {
    const { store, clock, log } = this.#dependencies;
    for (let pauseMs: number = federationLimits.storeRetryMs; ; ) {
      try {
        await this.#gate.deleting(this.#name, () => deleteFromOutbox(store, this.#name, keys));
        return true;
      } catch (error) {
        log.warn({ err: error, ...this.#name, rows: keys.length }, 'rows of the outbox could not be deleted');
        if (this.#isStopped()) return false;
        await sleep(clock, pauseMs + (pauseMs * clock.randomBytes(2).readUInt16BE()) / 65_536);
        if (this.#isStopped()) return false;
        pauseMs = Math.min(2 * pauseMs, federationLimits.deletionRetryMaxMs);
      }
    }
  }
}
