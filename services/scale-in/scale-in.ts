/**
 * One run: it looks at ECS and at the heartbeats, asks a task to go, or tells ECS that one less is wanted. What is remembered is a row of
 * the deployment. Runs that overlap do not add up: the row is written by its version, and ECS is told a number, never a difference.
 */
import type { Clock } from '../../lib/ports/clock.ts';
import { Conflict, type Store } from '../../lib/ports/store.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { listNodes, markSurplus } from '../../lib/runtime/nodes.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { type Bounds, type Plan, plan, type Remembered, type TaskCounts } from './plan.ts';

/** One row beside the heartbeats. */
const scaleIn = collection<Remembered>('scale-in', 'deployment', 'live');

/** As the processes of the service call it in their heartbeats. */
const service = 'connection';

export interface Parts {
  readonly store: Store;
  readonly ecs: {
    describe(cluster: string, service: string): Promise<TaskCounts>;
    setDesired(cluster: string, service: string, desired: number): Promise<void>;
  };
  /** The wall clock: what is remembered is read by another run, perhaps on another machine. A step makes a task go earlier or later. */
  readonly clock: Clock;
}

export interface Place extends Bounds {
  readonly cluster: string;
  /** The name of the service on ECS. */
  readonly ecsService: string;
}

/** @throws {Unavailable} when the store or ECS does not answer: the next run begins where this one ended */
export async function scaleInOnce({ store, ecs, clock }: Parts, place: Place): Promise<Plan> {
  const rows = Rows.ofDeployment(store, 'nodes');
  const found = await rows.get(scaleIn);
  const [described, listed] = await Promise.all([ecs.describe(place.cluster, place.ecsService), listNodes(store, 'connection')]);
  const nodes = listed.filter(({ release, isCondemned }) => release?.service === service && !isCondemned);
  const before = found?.value ?? {};
  const planned = plan(before, { nowMs: clock.now(), service: described, nodes }, place);
  if (planned.lowerTo !== undefined) await ecs.setDesired(place.cluster, place.ecsService, planned.lowerTo);
  if (JSON.stringify(planned.next) !== JSON.stringify(before)) {
    try {
      await rows.put(scaleIn, '', planned.next, found ? { version: found.version } : 'absent');
    } catch (error) {
      if (error instanceof Conflict) return { why: 'another run was faster', next: before };
      throw error;
    }
  }
  // Only when it is known which one goes: a second one would drain beside it.
  if (planned.drain !== undefined) await markSurplus(store, planned.drain);
  return planned;
}
