/**
 * How large a cell may be, and what gives first: each bound of AWS or of the program, and the number of users with the default habits that
 * it carries in the busiest hour. Sizes of stacks are compared with `infra` by a test.
 */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Habits } from './cost-options.ts';
import { hoursMonth, type Load, loadOf } from './load.ts';
import { cellTasks, streamsPerTask, type Tasks, taskSizes } from './sizing.ts';

export interface Ceiling {
  readonly what: string;
  readonly bound: number;
  readonly unit: string;
  readonly users: number;
  /** What an operator does about it. */
  readonly raise: string;
}

/** Quotas of AWS, in the account and Region, as accounts begin: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html. */
export const quotas = {
  /** Targets of a load balancer that forwards across zones. */
  balancerTargets: 500,
  /** Requests a second to one table on demand, units. */
  tableUnits: 40_000,
  /** Writes a second to one partition key, units: no quota, and never more. */
  partitionWrites: 1_000,
} as const;

/** Settings of `infra` as they are when nobody gives them. */
export const presets = { connectionTasksMax: 30, vcpuMax: 150, balancerTargetsMax: 500, tableUnitsMax: 40_000 } as const;
/** A task of connection is a target once for each door of clients, and twice while a deployment doubles the tasks. */
export const targetsPerTask = 2 * 3;
/** Three servers, of which a server may use so much before its alarm rings. */
export const bus = { servers: 3, vcpu: 0.5, share: 0.7 } as const;
/** CPU of the bus for a message, of the runs in docs/performance.md with the fewest messages a batch. */
const busMicrosPerMessage = 105;

const usersMax = 100_000_000;
const busiestSecond = (perMonth: number, { peak }: Load) => (perMonth / (hoursMonth * 3_600)) * peak;

/** The most users for whom it fits. What fits some fits fewer, too. */
function usersUntil(habits: Habits, fits: (load: Load, tasks: Tasks) => boolean): number {
  let [least, most] = [0, usersMax];
  while (most - least > 1) {
    const users = Math.floor((least + most) / 2);
    const load = loadOf({ ...habits, users });
    if (fits(load, cellTasks(load))) least = users;
    else most = users;
  }
  return least;
}

/** vCPU that the account must allow: all tasks twice during a deployment, the bus once. */
export function vcpuWanted(tasks: Tasks): number {
  const own = Object.entries(tasks).reduce((sum, [tier, count]) => sum + count * taskSizes[tier as keyof Tasks].vcpu, 0);
  return 2 * own + bus.servers * bus.vcpu;
}

/** The smallest first. */
export function ceilingsOf(habits: Habits): readonly Ceiling[] {
  const messagesDay = habits.messages + habits.chatStates + habits.roomMessages * (1 + habits.occupants);
  const row = (
    what: string,
    bound: number,
    unit: string,
    raise: string,
    fits: (load: Load, tasks: Tasks) => boolean,
  ): Ceiling => ({
    ...{ what, bound, unit, raise },
    users: usersUntil(habits, fits),
  });
  const tasksOfBalancer = Math.floor(quotas.balancerTargets / targetsPerTask);
  const processesMax = quotas.partitionWrites * (runtimeLimits.heartbeatMs / 1_000);
  const busCores = bus.servers * bus.vcpu * bus.share;
  return [
    row(
      'streams of the connection tasks, as the settings are',
      presets.connectionTasksMax * streamsPerTask,
      'streams',
      '`connectionTasksMax`',
      (_, { connection }) => connection <= presets.connectionTasksMax,
    ),
    row(
      'vCPU of the account while a deployment doubles the tasks, as the settings are',
      presets.vcpuMax,
      'vCPU',
      'have AWS raise L-3032A538, then `vcpuMax`',
      (_, tasks) => vcpuWanted(tasks) <= presets.vcpuMax,
    ),
    row(
      'targets of the load balancer for clients',
      quotas.balancerTargets,
      'targets',
      'have AWS raise it, then `balancerTargetsMax`; or a second cell',
      (_, { connection }) => connection <= tasksOfBalancer,
    ),
    row(
      'reads of a table, as if one got all',
      quotas.tableUnits,
      'units a second',
      'have AWS raise it, then `tableUnitsMax`; or a second cell',
      (load) => busiestSecond(load.month.readUnits, load) <= quotas.tableUnits,
    ),
    row(
      'writes of a table, as if one got all',
      quotas.tableUnits,
      'units a second',
      'have AWS raise it, then `tableUnitsMax`; or a second cell',
      (load) => busiestSecond(load.month.writeUnits, load) <= quotas.tableUnits,
    ),
    row(
      'CPU of the bus',
      busCores,
      'cores',
      'a second cell',
      (load) => ((messagesDay * usersOf(load, habits)) / 86_400) * load.peak * (busMicrosPerMessage / 1e6) <= busCores,
    ),
    row(
      'heartbeats, which stand in one partition',
      processesMax,
      'processes',
      'a second cell',
      (_, tasks) => Object.values(tasks).reduce((sum, count) => sum + count, 0) <= processesMax,
    ),
  ].sort((a, b) => a.users - b.users);
}

/** How many users a load is of. */
function usersOf({ streamsMean }: Load, { online }: Habits): number {
  return (streamsMean * 24) / online;
}
