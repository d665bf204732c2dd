/**
 * How many tasks a load needs. The number for the busiest hour is paid all month, since users of one Region are awake together.
 */
import type { Load } from './load.ts';
import type { Service } from './measured.ts';

/** Tasks as `infra` defines them: each has 1 vCPU and 4 GB, those for other servers a half of it. Autoscaling aims at this many streams and this share of the vCPU. */
export const streamsPerTask = 12_000;
const coreShareMax = 0.6;
const tasksMin: Readonly<Record<Service, number>> = { connection: 3, router: 3, muc: 2 };

/** Tasks for other servers: 5,000 streams or pairs of domains each, which few cells reach. */
const serverTasks = { peers: 2, federation: 2 };

export type Tasks = Readonly<Record<Service | keyof typeof serverTasks, number>>;

export function cellTasks({ streamsPeak, cores, peak }: Load): Tasks {
  const byCpu = (service: Service) => Math.ceil((cores[service] * peak) / coreShareMax);
  const byStreams = Math.ceil(streamsPeak / streamsPerTask);
  return {
    connection: Math.max(tasksMin.connection, byStreams, byCpu('connection')),
    router: Math.max(tasksMin.router, byCpu('router')),
    muc: Math.max(tasksMin.muc, byCpu('muc')),
    ...serverTasks,
  };
}

/** @returns why the load is too much for one task; undefined when one task suffices */
export function tooMuchForSmall({ streamsPeak, cores, peak }: Load): string | undefined {
  const busy = (cores.connection + cores.router + cores.muc) * peak;
  if (streamsPeak > streamsPerTask)
    return `${Math.round(streamsPeak)} streams in the busiest hour, and one task shall hold ${streamsPerTask}`;
  if (busy > coreShareMax)
    return `${busy.toFixed(2)} busy cores in the busiest hour, and one task shall use ${coreShareMax} of its vCPU`;
  return undefined;
}
