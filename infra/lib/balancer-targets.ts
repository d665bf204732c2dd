/**
 * How many targets the load balancers get. A task counts once for each of its target groups, and a deployment may double the tasks.
 * The quota is one of each load balancer: 500 where, as here, it forwards across zones.
 */
import { clientDoors, serverDoors } from './streams-balancer.ts';

export interface TargetSizes {
  readonly shape: 'small' | 'cell';
  readonly connectionTasksMax: number;
  readonly peersTasksMax: number;
  readonly balancerTargetsMax: number;
}

function targetsOf({ connectionTasksMax, peersTasksMax }: TargetSizes) {
  return { connection: 2 * connectionTasksMax * clientDoors.length, peers: 2 * peersTasksMax * serverDoors.length };
}

/** Whether other servers get a load balancer of their own, because one would have too many targets. */
export function needsServersBalancer(sizes: TargetSizes): boolean {
  const { connection, peers } = targetsOf(sizes);
  return sizes.shape === 'cell' && connection + peers > sizes.balancerTargetsMax;
}

/** @returns a sentence for each setting that asks for more than a load balancer of its own may have */
export function targetFaults(sizes: TargetSizes): readonly { readonly name: string; readonly fault: string }[] {
  if (sizes.shape === 'small') return [];
  const wanted = targetsOf(sizes);
  const max = sizes.balancerTargetsMax;
  return (['connection', 'peers'] as const)
    .filter((tier) => wanted[tier] > max)
    .map((tier) => {
      const name = `${tier}TasksMax` as const;
      const fault =
        `-c ${name}=${sizes[name]} may take ${wanted[tier]} targets of a load balancer while a deployment doubles the tasks, ` +
        `and balancerTargetsMax is ${max}: have AWS raise the quota, and set it`;
      return { name, fault };
    });
}
