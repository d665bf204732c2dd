/** How many tasks a load needs: for its busiest hour, all month, since people of one Region are up at the same time. */
import type { Load } from './load.ts';
import type { Service } from './measured.ts';

/** As `infra` sets them up: 1 vCPU with 4 GB each, scaled to this many streams, and to this share of the vCPU. */
const streamsPerTask = 12_000;
const coreShareMax = 0.6;
const tasksMin: Readonly<Record<Service, number>> = { connection: 3, router: 3, muc: 2 };

export type Tasks = Readonly<Record<Service, number>>;

export function cellTasks({ streamsPeak, cores, peak }: Load): Tasks {
  const byCpu = (service: Service) => Math.ceil((cores[service] * peak) / coreShareMax);
  const byStreams = Math.ceil(streamsPeak / streamsPerTask);
  return {
    connection: Math.max(tasksMin.connection, byStreams, byCpu('connection')),
    router: Math.max(tasksMin.router, byCpu('router')),
    muc: Math.max(tasksMin.muc, byCpu('muc')),
  };
}

/** Why one task cannot bear it; undefined: it can. */
export function tooMuchForSmall({ streamsPeak, cores, peak }: Load): string | undefined {
  const busy = (cores.connection + cores.router + cores.muc) * peak;
  if (streamsPeak > streamsPerTask)
    return `${Math.round(streamsPeak)} streams in the busiest hour, and one task shall hold ${streamsPerTask}`;
  if (busy > coreShareMax)
    return `${busy.toFixed(2)} busy cores in the busiest hour, and one task shall use ${coreShareMax} of its vCPU`;
  return undefined;
}
