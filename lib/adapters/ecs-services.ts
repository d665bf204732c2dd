/** Services of ECS. */
import { DescribeServicesCommand, ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { Unavailable } from '../ports/store.ts';
import { type AwsAccess, awsClientOptions } from './aws-client.ts';

export interface EcsService {
  /** How many tasks are wanted, how many run, and how many are about to. */
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  /** Tasks of more than one definition run, or are about to. */
  readonly isDeploying: boolean;
}

export interface EcsServices {
  /** Replaces all tasks, in the way in which the service is deployed. @throws {Unavailable} */
  redeploy(cluster: string, service: string): Promise<void>;
  /** @throws {Unavailable}, also when there is no such service */
  describe(cluster: string, service: string): Promise<EcsService>;
  /** When fewer are wanted, ECS stops tasks that are not protected. @throws {Unavailable} */
  setDesired(cluster: string, service: string, desired: number): Promise<void>;
  close(): void;
}

export function openEcsServices(access: AwsAccess): EcsServices {
  const client = new ECSClient(awsClientOptions(access));
  const sent = async <Answer>(command: string, answer: Promise<Answer>): Promise<Answer> => {
    try {
      return await answer;
    } catch (cause) {
      const { name, message } = cause as Error;
      throw new Unavailable(`ECS ${command}: ${name}: ${message}`, { cause });
    }
  };
  return {
    async redeploy(cluster, service) {
      await sent('UpdateService', client.send(new UpdateServiceCommand({ cluster, service, forceNewDeployment: true })));
    },
    async describe(cluster, service) {
      const answer = await sent('DescribeServices', client.send(new DescribeServicesCommand({ cluster, services: [service] })));
      const [found] = answer.services ?? [];
      if (found === undefined) throw new Unavailable(`ECS DescribeServices: there is no service '${service}' in '${cluster}'`);
      const { desiredCount = 0, runningCount = 0, pendingCount = 0, deployments = [] } = found;
      const isDeploying = deployments.length !== 1 || deployments[0]!.rolloutState === 'IN_PROGRESS';
      return { desired: desiredCount, running: runningCount, pending: pendingCount, isDeploying };
    },
    async setDesired(cluster, service, desiredCount) {
      await sent('UpdateService', client.send(new UpdateServiceCommand({ cluster, service, desiredCount })));
    },
    close: () => client.destroy(),
  };
}
