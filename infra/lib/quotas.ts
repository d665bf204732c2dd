/** Sizes that AWS would refuse, or never start, are refused when the stacks are synthesized. A setting says what AWS has raised. */
import { type TargetSizes, targetFaults } from './balancer-targets.ts';

/** vCPU of a task, as AWS counts: 1,024 units are one. */
export const taskCpu = {
  connection: 1_024,
  router: 1_024,
  muc: 1_024,
  peers: 512,
  federation: 512,
  api: 256,
  nats: 512,
} as const;
export const busServers = 3;
const tiers = ['connection', 'router', 'muc', 'peers', 'federation', 'api'] as const;

interface Sizes extends TargetSizes, Readonly<Record<`${(typeof tiers)[number]}TasksMax`, number>> {
  readonly vcpuMax: number;
  readonly tableUnitsMax: number;
  readonly warmReads: number;
  readonly warmWrites: number;
}

interface Fault {
  readonly name: string;
  readonly fault: string;
}

/** What all tasks take while a deployment doubles them; the servers of the bus are replaced one by one. */
function vcpuWanted(sizes: Sizes): number {
  const units = tiers.reduce((sum, tier) => sum + 2 * sizes[`${tier}TasksMax`] * taskCpu[tier], 0);
  return (units + busServers * taskCpu.nats) / 1_024;
}

/** @returns a sentence for each setting that asks for more than the account may have */
export function quotaFaults(sizes: Sizes): readonly Fault[] {
  const { tableUnitsMax, vcpuMax } = sizes;
  const tables = (['warmReads', 'warmWrites'] as const)
    .filter((name) => sizes[name] > tableUnitsMax)
    .map((name) => ({
      name,
      fault: `-c ${name}=${sizes[name]} is more than tableUnitsMax=${tableUnitsMax}: have AWS raise the quota, and set it`,
    }));
  const wanted = vcpuWanted(sizes);
  const cpu =
    sizes.shape === 'cell' && wanted > vcpuMax
      ? [
          {
            name: 'vcpuMax',
            fault:
              `-c vcpuMax=${vcpuMax} is less than the ${wanted} vCPU that the largest numbers of tasks take while a deployment doubles them: ` +
              'have AWS raise the quota (L-3032A538), and set it, or lower ' +
              tiers.map((tier) => `${tier}TasksMax`).join(', '),
          },
        ]
      : [];
  return [...targetFaults(sizes), ...cpu, ...tables];
}
