/**
 * Accounts and tenants that are being removed (docs/decisions/0010-erasure.md): a row of `#removals` for each, under its address. It is
 * written before anything is erased and deleted after everything is, so it reserves the name, and whatever process sees it can go on
 * where another one died.
 *
 * One process at a time works on a removal: it says so in the row, again and again. Whoever sees the row stand still for longer than the
 * other could go on without a word takes it over.
 */
import type { Clock } from '../ports/clock.ts';
import { Conflict, type Store, Unavailable } from '../ports/store.ts';
import { Jid } from '../xmpp/jid.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';
import type { Tenant } from './tenants.ts';
import { update } from './update.ts';

export interface RemovalRow {
  /** As it was; its own row may be gone. */
  readonly tenant: Tenant;
  /** The account's local part; absent when the tenant itself is removed. */
  readonly local?: string;
  /** The event that tells of it, the same if it is told again (lib/runtime/hooks.ts). */
  readonly event?: { readonly id: string; readonly atMs: number };
  /** The process that works on it. */
  readonly by: string;
  /** Changes whenever that process says that it is there. */
  readonly beats: number;
  /** How far it is, for people. */
  readonly progress: string;
}

const removals = collection<RemovalRow>('removal', 'deployment');

function rowsOf(store: Store): Rows {
  return Rows.ofDeployment(store, 'removals');
}

/** A bare JID, or a domain. */
export function removalName({ domain }: { readonly domain: string }, local?: string): string {
  return local === undefined ? domain : Jid.of(local, domain).toString();
}

/** undefined: the name is free, or in use. */
export async function findRemoval(store: Store, name: string): Promise<RemovalRow | undefined> {
  return (await rowsOf(store).get(removals, name))?.value;
}

/** In the order of their names, at most `limit`, after the one named. */
export async function listRemovals(store: Store, limit: number, after?: string) {
  return rowsOf(store).list(removals, { limit, after });
}

/** All of a tenant's accounts that are being removed. */
export async function removedAccountsOf(store: Store, domain: string): Promise<string[]> {
  const locals: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await listRemovals(store, runtimeLimits.adminPageMax, after);
    for (const { value } of page) if (value.tenant.domain === domain && value.local !== undefined) locals.push(value.local);
    if (page.length < runtimeLimits.adminPageMax) return locals;
    after = page.at(-1)!.key;
  }
}

/** The right of this process to work on a removal, for as long as it says so in time. */
export class RemovalLease {
  readonly name: string;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #by: string;
  #beatAt: number;

  private constructor(store: Store, clock: Clock, name: string, by: string, beatAt: number) {
    this.#store = store;
    this.#clock = clock;
    this.name = name;
    this.#by = by;
    this.#beatAt = beatAt;
  }

  /**
   * @param row is written when there is none; absent: only a removal that has begun is taken up
   * @param mayTake of a removal that another process works on, or did
   * @returns undefined when there is none, or another process has it
   */
  static async take(
    { store, clock }: { readonly store: Store; readonly clock: Clock },
    name: string,
    by: string,
    {
      row,
      mayTake,
    }: { readonly row?: Pick<RemovalRow, 'tenant' | 'local' | 'event'>; readonly mayTake: (row: RemovalRow) => boolean },
  ): Promise<RemovalLease | undefined> {
    const beatAt = clock.monotonic();
    const taken = await update(rowsOf(store), removals, name, (there) => {
      if (!there) return row && { ...row, by, beats: 0, progress: 'begun' };
      return there.by === by || mayTake(there) ? { ...there, by, beats: there.beats + 1 } : there;
    });
    return taken?.by === by ? new RemovalLease(store, clock, name, by, beatAt) : undefined;
  }

  /** Before each step that cannot be taken back. @throws {Unavailable} when somebody else may have taken over */
  readonly check = (): void => {
    if (this.#clock.monotonic() - this.#beatAt <= runtimeLimits.removalLeaseMs) return;
    throw new Unavailable(`this process stood still while it removed ${this.name}; the removal is taken up again`);
  };

  /** Says that this process is there, and how far it is; not more often than it has to. @throws {Unavailable} */
  readonly beat = async (progress: string): Promise<void> => {
    if (this.#clock.monotonic() - this.#beatAt < runtimeLimits.removalBeatMs) return;
    this.check();
    const beatAt = this.#clock.monotonic();
    const row = await update(rowsOf(this.#store), removals, this.name, (there) =>
      there?.by === this.#by ? { ...there, beats: there.beats + 1, progress } : there,
    );
    if (row?.by !== this.#by) throw new Unavailable(`another process removes ${this.name}`);
    this.#beatAt = beatAt;
  };

  /** Everything is erased: the name is free. @throws {Unavailable} */
  async end(): Promise<void> {
    this.check();
    const rows = rowsOf(this.#store);
    const found = await rows.get(removals, this.name);
    if (found?.value.by !== this.#by) throw new Unavailable(`another process removes ${this.name}`);
    try {
      await rows.delete(removals, this.name, { version: found.version });
    } catch (error) {
      if (error instanceof Conflict) throw new Unavailable(`another process removes ${this.name}`);
      throw error;
    }
  }
}
