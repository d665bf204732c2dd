/**
 * Cleans up after connection nodes that died, and after parked sessions whose clients did not come back. Every router does this,
 * at a slow pace, and it does no harm if two routers do it at the same time.
 *
 * A session that could be resumed (XEP-0198) does not end when its node dies. The state that the node had is lost, but the client
 * will bind again soon, and nobody needs to see it go and come. So its presence stays for as long as the session could have been
 * resumed. Other sessions end at once.
 */
import { repeat, sleep } from '../../../lib/ports/clock.ts';
import { Conflict } from '../../../lib/ports/store.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { condemnNode, forgetNode, isCondemned, type LiveNode } from '../../../lib/runtime/nodes.ts';
import {
  listOverdue,
  type Overdue,
  parkedLists,
  parkSession,
  readParked,
  removeDeadline,
  removeParked,
} from '../../../lib/runtime/parked.ts';
import { forgetMarks, readMark } from '../../../lib/runtime/resync.ts';
import { isParked, listHeld, type Owner, readSessions, unmarkHeld } from '../../../lib/runtime/sessions.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { nowhere, type SessionAddress } from '../../../lib/runtime/wire.ts';
import { requeue } from '../archive/cursor.ts';
import { Account } from '../core/account.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Turns } from '../core/feature.ts';
import { Turn } from '../core/turn.ts';
import { routerLimits } from '../limits.ts';
import { bounceParked, disinherit, endSession, requeueParked } from './bind.ts';
import { tellUnread } from './unanswered.ts';

/**
 * Ends or parks all sessions that the node's rows name. Two reapers at the same time do no harm, because a session ends only
 * once.
 * @returns how many sessions there were
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
    // This is asked after the page was read: if the node has come back, the page may contain new sessions.
    if (!(await isStillDead())) return count;
    for (const { sid, owner } of page) {
      const tenant = await dependencies.tenants.find(owner.domain);
      if (tenant) await release(dependencies, tenant, owner, { node, sid });
      else await unmarkHeld(dependencies.store, { node, sid });
      count++;
    }
    await sleep(dependencies.clock, routerLimits.reaperPauseMs);
  }
  if (await isStillDead()) await forgetMarks(dependencies.store, node);
  return count;
}

async function release(dependencies: Dependencies, tenant: Tenant, owner: Owner, address: SessionAddress): Promise<void> {
  const [sessions] = await readSessions(dependencies.store, [owner]);
  const entry = sessions!.find(({ node, sid }) => sid === address.sid && node === address.node);
  if (entry) {
    const missed = await readMark(dependencies.store, address);
    const account = new Account(new Turn(dependencies), tenant, owner.local);
    // The cursor can be past entries for this session alone only if there are other sessions.
    if (missed !== undefined || sessions!.length > 1)
      await requeue(account, { resource: entry.resource, missed, isUnknown: true });
    const session = { ...address, resource: entry.resource };
    await tellUnread(new Account(new Turn(dependencies), tenant, owner.local, session), true);
  }
  if (!entry?.resumeMs) return endSession(dependencies, tenant, owner.local, address);
  const silentMs = Math.min(runtimeLimits.heartbeatDeadMs, entry.resumeMs);
  await parkSession(dependencies.store, owner, address, dependencies.clock.now() + entry.resumeMs - silentMs);
  await unmarkHeld(dependencies.store, address);
}

const readAll: Turns = (lists) => lists;

/** How many lists of parked sessions, and of each feature, are read each time: all by default. A store in the cloud charges for each. */
interface ListsPerRound {
  readonly parked?: number;
  readonly features?: number;
}

/**
 * Cleans up in the background, for `NodeWatch`. A node with many sessions takes minutes, and another one may die meanwhile. Each
 * dead node is cleaned up after only once at a time.
 */
export class Reaper {
  readonly #dependencies: Dependencies;
  readonly #running = new Map<string, Promise<void>>();
  readonly #perRound: ListsPerRound;
  readonly #offset: number;
  #rounds = 0;
  #isStopped = false;

  constructor(dependencies: Dependencies, perRound: ListsPerRound = {}) {
    this.#dependencies = dependencies;
    this.#perRound = perRound;
    this.#offset = dependencies.clock.randomBytes(1)[0]!;
  }

  /** Called with the nodes that are dead now. */
  clean(dead: readonly LiveNode[]): void {
    for (const node of dead) this.#start(node.subject, () => this.#reap(node));
    const ofFeatures = this.#turn(this.#perRound.features);
    const ofParked = this.#turn(this.#perRound.parked);
    this.#rounds++;
    for (const { spec, sweep } of this.#dependencies.features.all)
      if (sweep !== undefined) this.#start(`what is left of ${spec}`, () => sweep(this.#dependencies, ofFeatures));
    this.#start('parked sessions', () => sweepParked(this.#dependencies, () => this.#isStopped, ofParked));
  }

  /** Stops, and resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running.values());
  }

  #turn(perRound = Number.POSITIVE_INFINITY): Turns {
    const rounds = this.#rounds;
    return (lists) => {
      const count = Math.min(perRound, lists.length);
      const first = this.#offset + rounds * count;
      return Array.from({ length: count }, (_, index) => lists[(first + index) % lists.length]!);
    };
  }

  #start(what: string, work: () => Promise<unknown>): void {
    if (this.#isStopped || this.#running.has(what)) return;
    const running = work()
      .catch((error: unknown) =>
        this.#dependencies.log.warn({ err: error, what }, 'could not clean up after a node or a session'),
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
      log.warn(
        { node: name, sessions: count },
        `node silent for ${runtimeLimits.heartbeatDeadMs} ms: its sessions were ended or parked`,
      );
    }
    // The node's own row goes last. If this reaper dies before, another one carries on.
    if (await isStillDead()) await forgetNode(store, subject);
  }
}

/** Ends overdue parked sessions from time to time, in a process that does not watch nodes. */
export function sweepRegularly(dependencies: Dependencies): { stop(): void } {
  const { clock, log } = dependencies;
  const sweep = async () => {
    await sweepParked(dependencies);
    for (const sweep of dependencies.features.of('sweep')) await sweep(dependencies, readAll);
  };
  const onError = (error: unknown) => log.warn({ err: error }, 'cannot look for overdue parked sessions');
  const timer = repeat(clock, () => runtimeLimits.heartbeatMs, sweep, onError);
  return { stop: () => timer.cancel() };
}

/** Ends parked sessions that nobody has resumed in time. @returns how many there were, up to a bound */
export async function sweepParked(
  dependencies: Dependencies,
  isOver: () => boolean = () => false,
  turn: Turns = readAll,
): Promise<number> {
  const { store, clock } = dependencies;
  const overdue = await listOverdue(store, clock.now(), routerLimits.parkedSweepMax, turn(parkedLists));
  for (const [index, one] of overdue.entries()) {
    if (isOver()) break;
    if (index > 0 && index % 20 === 0) await sleep(dependencies.clock, routerLimits.reaperPauseMs);
    await sweep(dependencies, one);
  }
  return overdue.length;
}

async function sweep(dependencies: Dependencies, { sid, owner, deadline, list }: Overdue): Promise<void> {
  const { store, clock } = dependencies;
  const tenant = await dependencies.tenants.find(owner.domain);
  if (!tenant) {
    await removeParked(store, owner, sid);
    await removeDeadline(store, sid, deadline, list);
    return;
  }
  const row = await readParked(store, owner, sid);
  // A node has claimed the session, and a router will hear of it soon.
  if (row?.value.claimedBy !== undefined && clock.now() < deadline + routerLimits.parkedClaimMs) return;
  const [sessions] = await readSessions(store, [owner]);
  const entry = sessions!.find((other) => other.sid === sid);
  if (entry !== undefined && isParked(entry) && entry.parked!.deadline <= clock.now()) {
    const account = new Account(new Turn(dependencies), tenant, owner.local);
    await requeueParked(account, entry, row);
    try {
      if (row) await removeParked(store, owner, sid, row.version);
    } catch (error) {
      if (error instanceof Conflict) return; // a node has claimed it at the last moment
      throw error;
    }
    await bounceParked(account, row);
    await endSession(dependencies, tenant, owner.local, { node: nowhere, sid });
  } else if (row !== undefined && row.value.deadline === deadline && (entry === undefined || !isParked(entry))) {
    await removeParked(store, owner, sid); // an attempt to park has failed and left this row
  }
  const heir = sessions!.find(({ inherited }) => inherited?.sid === sid);
  if (heir) await disinherit(dependencies, tenant, owner.local, heir);
  await removeDeadline(store, sid, deadline, list);
}
