/**
 * How many tasks a load needs. The number for the busiest hour is paid all month, since users of one Region are awake together.
 */
import type { Load } from './load.ts';
import type { Service } from './measured.ts';

/** Autoscaling aims at this many streams a task, and this share of its vCPU. */
export const streamsPerTask = 12_000;
const coreShareMax = 0.6;
const tasksMin: Readonly<Record<Service, number>> = { connection: 3, router: 3, muc: 2 };

/** Tasks for other servers have 5,000 streams or pairs of domains each, and those of the console and the API some hundred people: few cells reach that. */
const otherTasks = { peers: 2, federation: 2, api: 2 };

export type Tasks = Readonly<Record<Service | keyof typeof otherTasks, number>>;

/** Tasks as `infra` defines them. */
export const taskSizes: Readonly<Record<keyof Tasks, { readonly vcpu: number; readonly gb: number }>> = {
  connection: { vcpu: 1, gb: 4 },
  router: { vcpu: 1, gb: 4 },
  muc: { vcpu: 1, gb: 4 },
  peers: { vcpu: 0.5, gb: 2 },
  federation: { vcpu: 0.5, gb: 2 },
  api: { vcpu: 0.25, gb: 0.5 },
};

export function cellTasks({ streamsPeak, cores, peak }: Load): Tasks {
  const byCpu = (service: Service) => Math.ceil((cores[service] * peak) / coreShareMax);
  const byStreams = Math.ceil(streamsPeak / streamsPerTask);
  return {
    connection: Math.max(tasksMin.connection, byStreams, byCpu('connection')),
    router: Math.max(tasksMin.router, byCpu('router')),
    muc: Math.max(tasksMin.muc, byCpu('muc')),
    ...otherTasks,
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
