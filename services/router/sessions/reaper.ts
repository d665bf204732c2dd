/**
 * Cleans up after connection nodes that died, and after parked sessions whose clients did not come back. Every router
 * watches; paced, and it does no harm when two do it at once.
 *
 * A session that its client could resume (XEP-0198) is not over when its node dies: what the node knew of it is lost, but the client
 * binds again in a moment, and nobody needs to see it go and come. So its presence stays for as long as it could have been resumed. Others
 * end at once.
 */
import { sleep, type Timer } from '../../../lib/ports/clock.ts';
import { Conflict } from '../../../lib/ports/store.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { condemnNode, forgetNode, isCondemned, type LiveNode } from '../../../lib/runtime/nodes.ts';
import {
  listOverdue,
  type Overdue,
  parkSession,
  readParked,
  removeDeadline,
  removeParked,
  unpark,
} from '../../../lib/runtime/parked.ts';
import { readMark } from '../../../lib/runtime/resync.ts';
import { isParked, listHeld, type Owner, readSessions, unmarkHeld } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { nowhere, type SessionAddress } from '../../../lib/runtime/wire.ts';
import { requeue } from '../archive/cursor.ts';
import { Account } from '../core/account.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { bounceParked, disinherit, endSession, requeueParked } from './bind.ts';

/**
 * Lets go of all sessions that the node's rows name. Two reapers at once do no harm: a session ends once. The node's own row goes last,
 * so that a reaper that dies half-way is followed by another.
 */
export async function reapNode(
  dependencies: Dependencies,
  node: string,
  isStillDead: () => Promise<boolean> = async () => true,
): Promise<number> {
  let count = 0;
  for (
    let page = await listHeld(dependencies.store, node, routerLimits.reaperPageMax);
    page.length > 0;
    page = await listHeld(dependencies.store, node, routerLimits.reaperPageMax)
  ) {
    // After the page was read: if the node has come back, there may be sessions in it that began since.
    if (!(await isStillDead())) break;
    for (const { sid, owner } of page) {
      const tenant = await dependencies.tenants.find(owner.domain);
      if (tenant) await release(dependencies, tenant, owner, { node, sid });
      else await unmarkHeld(dependencies.store, { node, sid });
      count++;
    }
    await sleep(dependencies.clock, routerLimits.reaperPauseMs);
  }
  return count;
}

async function release(dependencies: Dependencies, tenant: Tenant, owner: Owner, address: SessionAddress): Promise<void> {
  const [sessions] = await readSessions(dependencies.store, [owner]);
  const entry = sessions!.find(({ node, sid }) => sid === address.sid && node === address.node);
  if (entry) {
    const missed = await readMark(dependencies.store, address);
    const account = new Account(new Turn(dependencies), tenant, owner.local);
    // Only other sessions move the account's cursor past what was sent to this one alone.
    if (missed !== undefined || sessions!.length > 1)
      await requeue(account, { resource: entry.resource, missed, isUnknown: true });
  }
  if (!entry?.resumeMs) return endSession(dependencies, tenant, owner.local, address);
  const silentMs = Math.min(runtimeLimits.heartbeatDeadMs, entry.resumeMs);
  await parkSession(dependencies.store, owner, address, dependencies.clock.now() + entry.resumeMs - silentMs);
  await unmarkHeld(dependencies.store, address);
}

/**
 * For `NodeWatch`: cleans up beside its looks, because a node of many sessions takes minutes, in which another one may die; after each dead
 * node once at a time.
 */
export class Reaper {
  readonly #dependencies: Dependencies;
  readonly #running = new Map<string, Promise<void>>();
  #isStopped = false;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** After a look. */
  clean(dead: readonly LiveNode[]): void {
    for (const node of dead) this.#start(node.subject, () => this.#reap(node));
    this.#start('parked sessions', () => sweepParked(this.#dependencies, () => this.#isStopped));
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running.values());
  }

  #start(what: string, work: () => Promise<unknown>): void {
    if (this.#isStopped || this.#running.has(what)) return;
    const running = work()
      .catch((error: unknown) =>
        this.#dependencies.log.warn({ err: error, what }, 'what somebody left behind could not be cleaned up'),
      )
      .then(() => void this.#running.delete(what));
    this.#running.set(what, running);
  }

  async #reap(node: LiveNode): Promise<void> {
    const { store, log } = this.#dependencies;
    const { subject, kind, name } = node;
    if (!(await condemnNode(store, node))) return;
    const isStillDead = async () => !this.#isStopped && (await isCondemned(store, subject));
    if (kind === 'connection') {
      const count = await reapNode(this.#dependencies, subject, isStillDead);
      log.warn({ node: name, sessions: count }, `node silent for ${runtimeLimits.heartbeatDeadMs} ms: its sessions were let go`);
    }
    if (await isStillDead()) await forgetNode(store, subject);
  }
}

/** For a process that watches no nodes. */
export function sweepRegularly(dependencies: Dependencies): { stop(): void } {
  let timer: Timer | undefined;
  let isStopped = false;
  const schedule = () => {
    timer = dependencies.clock.after(runtimeLimits.heartbeatMs, async () => {
      try {
        await sweepParked(dependencies);
      } catch (error) {
        dependencies.log.warn({ err: error }, 'parked sessions could not be looked at');
      }
      if (!isStopped) schedule();
    });
  };
  schedule();
  return {
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}

/** Ends parked sessions that nobody came for in time. @returns how many there were, up to a bound */
export async function sweepParked(dependencies: Dependencies, isOver: () => boolean = () => false): Promise<number> {
  const overdue = await listOverdue(dependencies.store, dependencies.clock.now(), routerLimits.parkedSweepMax);
  for (const [index, one] of overdue.entries()) {
    if (isOver()) break;
    if (index > 0 && index % 20 === 0) await sleep(dependencies.clock, routerLimits.reaperPauseMs);
    await sweep(dependencies, one);
  }
  return overdue.length;
}

async function sweep(dependencies: Dependencies, { sid, owner, deadline }: Overdue): Promise<void> {
  const { store, clock } = dependencies;
  const tenant = await dependencies.tenants.find(owner.domain);
  if (!tenant) return unpark(store, owner, sid, deadline);
  const row = await readParked(store, owner, sid);
  // A node has it: a router is about to hear so.
  if (row?.value.claimedBy !== undefined && clock.now() < deadline + routerLimits.parkedClaimMs) return;
  const [sessions] = await readSessions(store, [owner]);
  const entry = sessions!.find((other) => other.sid === sid);
  if (entry !== undefined && isParked(entry) && entry.parked!.deadline <= clock.now()) {
    const account = new Account(new Turn(dependencies), tenant, owner.local);
    await requeueParked(account, entry, row);
    try {
      if (row) await removeParked(store, owner, sid, row.version);
    } catch (error) {
      if (error instanceof Conflict) return; // claimed in the last moment
      throw error;
    }
    await bounceParked(account, row);
    await endSession(dependencies, tenant, owner.local, { node: nowhere, sid });
  } else if (row !== undefined && row.value.deadline === deadline && (entry === undefined || !isParked(entry))) {
    await removeParked(store, owner, sid); // what an attempt to park has left behind
  }
  const heir = sessions!.find(({ inherited }) => inherited?.sid === sid);
  if (heir) await disinherit(dependencies, tenant, owner.local, heir);
  await removeDeadline(store, sid, deadline);
}
