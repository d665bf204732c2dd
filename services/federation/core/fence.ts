/**
 * Which process owns a shard of pairs: a row that names it.
 *
 *     #s2s-<shard>            owner/                              the process, or '' when it has given the shard up
 *
 * Whoever is to have the shard waits until the process before has given it up, or is dead: others call it dead only after its own lease is
 * over (lib/runtime/nodes.ts). So two processes that disagree about who lives never write to the streams of one pair at the same time.
 */
import { Conflict, type Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Rows } from '../../../lib/runtime/rows.ts';

const owners = collection<{ readonly process: string }>('owner', 'deployment', 'live');

export interface FenceOptions {
  readonly store: Store;
  /** Names this process and no other one, before or after. */
  readonly process: string;
  /** May that process still write to a socket? Asked of one that is named in a row, which may be newer than what was known of processes. */
  readonly isLive: (process: string) => Promise<boolean>;
}

export class Fence {
  readonly #options: FenceOptions;

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  /** @returns false when another process has the shard. @throws {Unavailable} */
  async take(shard: number): Promise<boolean> {
    const { process, isLive } = this.#options;
    const rows = this.#rowsOf(shard);
    const found = await rows.get(owners, '');
    const holder = found?.value.process ?? '';
    if (holder === process) return true;
    if (holder !== '' && (await isLive(holder))) return false;
    return write(() => rows.put(owners, '', { process }, found ? { version: found.version } : 'absent'));
  }

  /** The next process need not wait. @throws {Unavailable} */
  async giveUp(shard: number): Promise<void> {
    const rows = this.#rowsOf(shard);
    const found = await rows.get(owners, '');
    if (found?.value.process !== this.#options.process) return;
    await write(() => rows.put(owners, '', { process: '' }, { version: found.version }));
  }

  #rowsOf(shard: number): Rows {
    return Rows.ofDeployment(this.#options.store, `s2s-${shard}`);
  }
}

/** @returns false when another process was faster. @throws {Unavailable} */
async function write(put: () => Promise<unknown>): Promise<boolean> {
  try {
    await put();
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}
