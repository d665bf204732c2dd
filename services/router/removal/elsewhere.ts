/**
 * What others hold about an address that is removed: roster items and the like of every account, affiliations in every room and at every node
 * of pubsub, of all tenants of the deployment. Nothing leads from an address to those who have granted it something, so all of them are walked, at a pace
 * that leaves the store to those who wait for it. One walk serves all removals that are waiting when it begins.
 */
import { sleep } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { accountNames, pagesOfNames, roomNames } from '../../../lib/runtime/directory.ts';
import { ask, checkDone } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { roomShard } from '../../../lib/runtime/shards.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type RoomErasureRequest, roomAnswer } from '../../../lib/runtime/wire.ts';
import { Account } from '../core/account.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';

export type Beat = (progress: string) => Promise<void>;

interface Walk {
  readonly names: string[];
  readonly beats: Beat[];
  readonly done: Promise<void>;
}

export class ElsewhereWalks {
  readonly #dependencies: Dependencies;
  /** The one that has not begun. */
  #next: Walk | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** Resolves when nobody grants anything to these addresses any more. @param names bare JIDs, or domains */
  forget(names: readonly string[], beat: Beat): Promise<void> {
    this.#next ??= this.#plan();
    this.#next.names.push(...names);
    this.#next.beats.push(beat);
    return this.#next.done;
  }

  #plan(): Walk {
    const names: string[] = [];
    const beats: Beat[] = [];
    const done = this.#last
      .catch(() => {}) // those who waited for that one were told
      .then(() => {
        this.#next = undefined;
        return walk(this.#dependencies, new GoneAddresses(names), async (progress) => {
          const told = await Promise.allSettled([...beats, ...(this.#next?.beats ?? [])].map((beat) => beat(progress)));
          if (told.slice(0, beats.length).every(({ status }) => status === 'rejected')) {
            throw new Unavailable('other processes have taken over the removals that this walk was for');
          }
        });
      });
    this.#last = done;
    return { names, beats, done };
  }
}

async function walk(dependencies: Dependencies, gone: GoneAddresses, beat: Beat): Promise<void> {
  const { store, clock, tenants } = dependencies;
  let [accounts, rooms] = [0, 0];
  const pause = async () => {
    await beat(`looked for what others keep about it: ${accounts} accounts, ${rooms} rooms`);
    await sleep(clock, routerLimits.forgetPauseMs);
  };
  for (let after: string | undefined; ; ) {
    const page = await tenants.list(runtimeLimits.adminPageMax, after);
    for (const tenant of page) {
      if (gone.names.includes(tenant.domain)) continue;
      for await (const locals of pagesOfNames(store, tenant.domain, accountNames, routerLimits.forgetPageMax)) {
        await Promise.all(locals.map((local) => forgetIn(dependencies, tenant, local, gone)));
        accounts += locals.length;
        await pause();
      }
      for await (const names of pagesOfNames(store, tenant.domain, roomNames, routerLimits.forgetPageMax)) {
        const { domain } = tenant;
        await Promise.all(names.map((room) => askRoom(dependencies, { kind: 'forget', domain, room, addresses: gone.names })));
        rooms += names.length;
        await pause();
      }
      for (const tenantForgets of dependencies.features.of('tenantForgets'))
        await tenantForgets.forget(dependencies, tenant, gone, pause);
    }
    if (page.length < runtimeLimits.adminPageMax) return;
    after = page.at(-1)!.domain;
  }
}

async function forgetIn(dependencies: Dependencies, tenant: Tenant, local: string, gone: GoneAddresses): Promise<void> {
  const turn = new Turn(dependencies);
  const holder = new Account(turn, tenant, local);
  if (gone.has(holder.jid)) return;
  for (const forgets of dependencies.features.of('forgets')) await forgets.forget(holder, gone);
  await turn.finish();
}

/** The worker that owns the room changes it, whether it is in memory or not. @throws {Unavailable} */
export async function askRoom({ bus, clock }: Dependencies, request: RoomErasureRequest): Promise<void> {
  const subject = roomShard(request.domain, request.room);
  for (let tries = 1; ; tries++) {
    try {
      checkDone(await ask(bus, roomAnswer, subject, encodeFrame(request), routerLimits.roomErasureTimeoutMs), subject);
      return;
    } catch (error) {
      if (!(error instanceof Unavailable) || tries === routerLimits.roomErasureTriesMax) throw error;
      await sleep(clock, tries * serviceLimits.batchBackoffMs); // workers come and go
    }
  }
}
