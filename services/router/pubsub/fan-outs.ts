/** Tells the subscribers of nodes, page by page (fan-out-rows.ts), and goes on with what others have left. */
import { Conflict } from '../../../lib/ports/store.ts';
import { Count } from '../../../lib/runtime/counts.ts';
import { isOperating, report } from '../../../lib/runtime/faults.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type Dependencies, withDeadline, withoutDeadline } from '../core/dependencies.ts';
import type { Turns } from '../core/feature.ts';
import { Turn } from '../core/turn.ts';
import { pubsubLimits } from '../pep/limits.ts';
import { dropNode, findNode } from '../pep/nodes.ts';
import { ServiceNode } from '../pep/service-node.ts';
import { pageOfSubscribers, pendingOf } from '../pep/subscriptions.ts';
import { eraseNode } from './erase-node.ts';
import {
  changeFanOut,
  endFanOut,
  type FanOut,
  firstFanOut,
  isDone,
  isUnderWay,
  listOverdue,
  removeOverdue,
} from './fan-out-rows.ts';
import { unlistNode } from './node-directory.ts';
import { tellPage } from './tell-page.ts';

export const fanOutCount = new Count(
  'pubsub_fan_outs_total',
  'Events of pubsub services: `done` when all subscribers were told, `taken over` when another router had begun to tell them',
  ['result'],
);

const ofProcess = new WeakMap<Dependencies['deliverer'], FanOuts>();

/** One for all requests of a process. */
export function fanOutsOf(dependencies: Dependencies): FanOuts {
  let fanOuts = ofProcess.get(dependencies.deliverer);
  if (fanOuts === undefined) {
    fanOuts = new FanOuts(withoutDeadline(dependencies));
    ofProcess.set(dependencies.deliverer, fanOuts);
  }
  return fanOuts;
}

/** Stops what this process has begun, behind the pages that are under way. */
export async function stopFanOuts({ deliverer }: Dependencies): Promise<void> {
  const fanOuts = ofProcess.get(deliverer);
  ofProcess.delete(deliverer);
  await fanOuts?.stop();
}

export class FanOuts {
  readonly #dependencies: Dependencies;
  /** By tenant and node: whether to look again when it is done. */
  readonly #running = new Map<string, { isAgain: boolean; readonly done: Promise<void> }>();
  #isStopped = false;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** Begins to tell the subscribers of a node, in the background. */
  start(tenant: Tenant, node: string): void {
    const name = `${tenant.domain} ${node}`;
    const there = this.#running.get(name);
    if (there !== undefined) there.isAgain = true;
    if (there !== undefined || this.#isStopped) return;
    const done = this.#runAll(tenant, node, name);
    this.#running.set(name, { isAgain: false, done });
    void this.#dependencies.underWay?.track(done);
  }

  /** Resolves when nothing is under way any more. Others go on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  /** Goes on with what nobody works on any more. */
  async sweep(turn: Turns): Promise<void> {
    const { store, clock, tenants } = this.#dependencies;
    for (const listed of await listOverdue(store, clock.now(), turn)) {
      const { domain, node, id } = listed.value;
      const tenant = await tenants.find(domain);
      const isLeft = tenant && (await isUnderWay(new ServiceNode(new Turn(this.#dependencies), tenant, node), id));
      if (isLeft) this.start(tenant, node);
      else await removeOverdue(store, listed);
    }
  }

  #takeAgain(name: string): boolean {
    const running = this.#running.get(name);
    const isAgain = running?.isAgain === true;
    if (running) running.isAgain = false;
    return isAgain;
  }

  /** Never rejects. */
  async #runAll(tenant: Tenant, node: string, name: string): Promise<void> {
    try {
      do await this.#run(tenant, node);
      while (this.#takeAgain(name) && !this.#isStopped);
    } catch (error) {
      const { log } = this.#dependencies;
      if (isOperating(error)) log.info({ err: error, domain: tenant.domain }, 'a fan-out is left to others, or for later');
      else report(log, error, 'a fan-out has failed');
    } finally {
      this.#running.delete(name); // in the same turn in which it was asked for more
    }
  }

  /** One fan-out after the other, until there is none that is free. */
  async #run(tenant: Tenant, node: string): Promise<void> {
    const { clock } = this.#dependencies;
    const holder = new ServiceNode(new Turn(this.#dependencies), tenant, node);
    for (let item = await firstFanOut(holder); item !== undefined; item = await firstFanOut(holder)) {
      const { untilMs = 0 } = item.value;
      if (untilMs > clock.now()) return; // whoever has it takes what follows
      if (untilMs > 0) fanOutCount.add(tenant.domain, 1, 'taken over');
      try {
        if (!(await this.#tellAll(holder, item))) return;
      } catch (error) {
        if (error instanceof Conflict) return; // somebody else works on it
        throw error;
      }
    }
  }

  /** @returns whether all of it is done */
  async #tellAll(holder: ServiceNode, first: Item<FanOut>): Promise<boolean> {
    const isNew = first.value.ids === undefined;
    let item = await this.#take(holder, first, first.value);
    if (isNew && (await isDone(holder, first.key))) {
      await endFanOut(this.#dependencies, holder, item);
      return true;
    }
    if (first.value.isDeletion) await this.#ensureDeleted(holder, first.value);
    for (let next: string | undefined = ''; next !== undefined; ) {
      if (this.#isStopped) {
        await changeFanOut(holder, item, { ...item.value, untilMs: 0 });
        return false;
      }
      next = await this.#tellOne(holder, item.value);
      // Another page has other ids: those of a page are for whoever sends it again.
      if (next !== undefined) item = await this.#take(holder, item, { ...item.value, cursor: next, ids: undefined });
    }
    if (item.value.isDeletion) await eraseNode(holder, item.value);
    await endFanOut(this.#dependencies, holder, item);
    fanOutCount.add(holder.tenant.domain, 1, 'done');
    return true;
  }

  /** Whoever was to delete the node may have died before. */
  async #ensureDeleted({ tenant, name }: ServiceNode, { key }: FanOut): Promise<void> {
    const holder = new ServiceNode(new Turn(this.#dependencies), tenant, name);
    const node = await findNode(holder, name);
    if (node?.key === key) await dropNode(holder, node);
    await unlistNode(this.#dependencies, tenant, { name, key });
  }

  /** Has it to itself for a while. @throws {Conflict} */
  #take(holder: ServiceNode, item: Item<FanOut>, value: FanOut): Promise<Item<FanOut>> {
    const { clock, ids } = this.#dependencies;
    const minted = () => Array.from({ length: pubsubLimits.subscriptionsOfPersonMax }, () => ids.mint());
    const untilMs = clock.now() + pubsubLimits.fanOutLeaseMs;
    return changeFanOut(holder, item, { ...value, ids: value.ids ?? minted(), untilMs });
  }

  /** Tells one page. @returns where the next one begins; undefined: it was the last one */
  async #tellOne(holder: ServiceNode, fanOut: FanOut): Promise<string | undefined> {
    const { xml, untilMs, cursor = '', isDeletion } = fanOut;
    if (xml === undefined) return undefined;
    // Who has stood still for longer does nothing any more: somebody else goes on.
    const timely = withDeadline(this.#dependencies, untilMs);
    const own = new ServiceNode(new Turn(timely), holder.tenant, holder.name);
    const max = Math.floor(serviceLimits.batchBytesMax / xml.length);
    const { subscribers, next } = await pageOfSubscribers(
      own,
      fanOut,
      cursor,
      Math.max(1, Math.min(max, pubsubLimits.pageSubscribersMax)),
    );
    const waiting = isDeletion && next === undefined ? await pendingOf(own, fanOut) : [];
    await tellPage(timely, own, fanOut, [...subscribers, ...waiting]);
    return next;
  }
}
