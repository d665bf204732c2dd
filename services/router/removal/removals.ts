/**
 * The removals that this process works on. A removal is a row before it is anything else (lib/runtime/removals.ts), so every one that
 * has begun comes to its end: here, or in whatever process looks for those that stand still.
 */
import { repeat, sleep } from '../../../lib/ports/clock.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import {
  findRemoval,
  listRemovals,
  RemovalLease,
  type RemovalRow,
  removalName,
  removedAccountsOf,
} from '../../../lib/runtime/removals.ts';
import type { Tenant, Tenants } from '../../../lib/runtime/tenants.ts';
import { findAccount, unlistAccount } from '../core/accounts.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { removeAccount } from './account-removal.ts';
import { deleteDoomedFiles } from './doomed-files.ts';
import { ElsewhereWalks } from './elsewhere.ts';
import { removeDue } from './leaving.ts';
import { removeTenant } from './tenant-removal.ts';

/** A removal that another process works on, as it was seen first. */
interface Seen {
  readonly by: string;
  readonly beats: number;
  readonly atMs: number;
}

type Subject = Pick<RemovalRow, 'tenant' | 'local' | 'event'>;

interface Begin {
  /** Absent: only one that has begun is gone on with. */
  readonly row?: Subject;
  readonly own?: { readonly sid: string } | undefined;
  readonly onEnded?: () => void;
}

const ofProcess = new WeakMap<Tenants, Removals>();

/** One for all requests of a process. */
export function removalsOf(dependencies: Dependencies): Removals {
  let removals = ofProcess.get(dependencies.tenants);
  if (!removals) {
    removals = new Removals(withoutDeadline(dependencies));
    ofProcess.set(dependencies.tenants, removals);
  }
  return removals;
}

class Removals {
  readonly #dependencies: Dependencies;
  readonly #by: string;
  readonly #walks: ElsewhereWalks;
  readonly #running = new Map<string, Promise<void>>();
  readonly #seen = new Map<string, Seen>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#by = dependencies.clock.randomBytes(9).toString('base64url');
    this.#walks = new ElsewhereWalks(dependencies);
  }

  /** Resolves when the name is free. @returns false when there was nothing to remove. @throws {Unavailable} it is gone on with later */
  async account(tenant: Tenant, local: string): Promise<boolean> {
    const { store } = this.#dependencies;
    const name = removalName(tenant, local);
    const isThere = (await findAccount(store, tenant.domain, local)) !== undefined;
    if (!isThere && (await findRemoval(store, name)) === undefined) {
      await unlistAccount(store, tenant.domain, local); // an entry of the directory that has no account
      return false;
    }
    await this.#run(name, { row: this.#rowOf(tenant, local) });
    return true;
  }

  /** Resolves when nobody can sign in, and those who knew the account are told; what is left goes on in the background. */
  endAccount(tenant: Tenant, local: string, own?: { readonly sid: string }): Promise<void> {
    const name = removalName(tenant, local);
    return new Promise((resolve, reject) => {
      this.#run(name, { row: this.#rowOf(tenant, local), own, onEnded: resolve }).then(resolve, (error: unknown) => {
        this.#dependencies.log.warn({ err: error, name }, 'a removal is not complete; it continues later');
        reject(error as Error);
      });
    });
  }

  #rowOf(tenant: Tenant, local: string): Subject {
    const { ids, clock } = this.#dependencies;
    return { tenant, local, event: { id: ids.mint(), atMs: clock.now() } };
  }

  /** Resolves when the domain is free. @throws {Unavailable} it is gone on with later */
  tenant(tenant: Tenant): Promise<void> {
    return this.#run(tenant.domain, { row: { tenant } });
  }

  /** Goes on with those that nobody works on any more. */
  async resume(): Promise<void> {
    for (let after: string | undefined; ; ) {
      const page = await listRemovals(this.#dependencies.store, runtimeLimits.adminPageMax, after);
      for (const { key, value } of page) if (this.#mayTake(key, value)) this.#goOn(key);
      if (page.length < runtimeLimits.adminPageMax) return;
      after = page.at(-1)!.key;
    }
  }

  #goOn(name: string): void {
    if (this.#running.has(name)) return;
    this.#run(name, {}).catch((error: unknown) => {
      this.#dependencies.log.warn({ err: error, name }, 'a removal is not complete; it continues later');
    });
  }

  #run(name: string, begin: Begin): Promise<void> {
    const before = this.#running.get(name);
    if (before !== undefined) return before;
    const running = this.#work(name, begin).finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return running;
  }

  async #work(name: string, { row, own, onEnded }: Begin): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      const mayTake = (there: RemovalRow) => this.#mayTake(name, there);
      const lease = await RemovalLease.take(this.#dependencies, name, this.#by, { row: isFirst ? row : undefined, mayTake });
      const there = await findRemoval(this.#dependencies.store, name);
      if (!there) return; // another process has come to its end
      if (lease) return this.#carryOut(lease, there, { own, onEnded });
      await sleep(this.#dependencies.clock, runtimeLimits.removalBeatMs);
    }
  }

  #carryOut(lease: RemovalLease, { tenant, local, event }: Subject, { own, onEnded }: Begin): Promise<void> {
    if (local !== undefined) return removeAccount(this.#dependencies, lease, this.#walks, { tenant, local, event, own, onEnded });
    const finishAccounts = async () => {
      const locals = await removedAccountsOf(this.#dependencies.store, tenant.domain);
      await Promise.all(locals.map((one) => this.#run(removalName(tenant, one), {})));
    };
    return removeTenant({ dependencies: this.#dependencies, lease, tenant }, this.#walks, finishAccounts);
  }

  /** The only process of a deployment need not wait: whoever else has written the row is dead. */
  #mayTake(name: string, { by, beats }: RemovalRow): boolean {
    if (by === this.#by || this.#dependencies.underWay !== undefined) return true;
    const nowMs = this.#dependencies.clock.monotonic();
    const seen = this.#seen.get(name);
    if (seen?.by === by && seen.beats === beats) return nowMs - seen.atMs > routerLimits.removalStaleMs;
    if (this.#seen.size >= routerLimits.removalsSeenMax) this.#seen.clear();
    this.#seen.set(name, { by, beats, atMs: nowMs });
    return false;
  }
}

/** Looks for removals that nobody works on, at once and from time to time. */
export function resumeRemovals(dependencies: Dependencies): { stop(): void } {
  const { blobs, clock, log, store } = dependencies;
  let looks = 0;
  const look = async (): Promise<void> => {
    const removals = removalsOf(dependencies);
    await removeDue(dependencies, (tenant, local) => removals.endAccount(tenant, local));
    await removals.resume();
    if (blobs && looks++ % routerLimits.doomedFilesLooks === 0) await deleteDoomedFiles(store, blobs, clock.now());
  };
  const onError = (error: unknown) => log.warn({ err: error }, 'cannot look for interrupted removals');
  const timer = repeat(clock, (round) => (round === 0 ? 0 : routerLimits.removalSweepMs), look, onError);
  return { stop: () => timer.cancel() };
}
