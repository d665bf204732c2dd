/** Services of ECS. */
import { ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { Unavailable } from '../ports/store.ts';
import { type AwsAccess, awsClientOptions } from './aws-client.ts';

export interface EcsServices {
  /** Replaces all tasks, in the way in which the service is deployed. @throws {Unavailable} */
  redeploy(cluster: string, service: string): Promise<void>;
  close(): void;
}

export function openEcsServices(access: AwsAccess): EcsServices {
  const client = new ECSClient(awsClientOptions(access));
  return {
    async redeploy(cluster, service) {
      try {
        await client.send(new UpdateServiceCommand({ cluster, service, forceNewDeployment: true }));
      } catch (cause) {
        const { name, message } = cause as Error;
        throw new Unavailable(`ECS UpdateService: ${name}: ${message}`, { cause });
      }
    },
    close: () => client.destroy(),
  };
}
