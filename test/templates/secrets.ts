/** The secrets of the stacks at moto: made as CloudFormation makes them, and read by ECS for the tasks that may. */
import {
  CreateSecretCommand,
  GetRandomPasswordCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { StackName } from '../../infra/test/synthesis.ts';
import { allows } from './role-policy.ts';
import type { TaskDefinition, Templates, Variables } from './templates.ts';
import type { Place } from './values.ts';

/** Those that have secrets. */
function stacksOf({ shape }: Templates): readonly StackName[] {
  return shape === 'small' ? ['web'] : ['net', 'web'];
}

export class TriedSecrets {
  readonly #client: SecretsManagerClient;

  private constructor(client: SecretsManagerClient) {
    this.#client = client;
  }

  /** A secret without a text in the template begins with a random one. @param endpoint that of moto itself */
  static async make(templates: Templates, endpoint: string, { region }: Place): Promise<TriedSecrets> {
    const client = new SecretsManagerClient({
      region,
      endpoint,
      credentials: { accessKeyId: 'stacks', secretAccessKey: 'stacks' },
    });
    for (const stack of stacksOf(templates))
      for (const [id, { GenerateSecretString }] of templates.resources(stack, 'AWS::SecretsManager::Secret')) {
        const { RandomPassword } = await client.send(new GetRandomPasswordCommand(GenerateSecretString ?? {}));
        const { ARN } = await client.send(new CreateSecretCommand({ Name: id, SecretString: RandomPassword! }));
        templates.values.made(stack, id, 'Ref', ARN!);
      }
    return new TriedSecrets(client);
  }

  /** @param valueFrom `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:FIELD:STAGE:VERSION]` */
  async read(valueFrom: string): Promise<string> {
    const [arn, field] = partsOf(valueFrom);
    const { SecretString } = await this.#client.send(new GetSecretValueCommand({ SecretId: arn }));
    return field ? (JSON.parse(SecretString!) as Variables)[field]! : SecretString!;
  }

  /** The variables that ECS makes of secrets. @throws when what starts the task may not read one */
  async variablesOf({
    secrets,
    executionStatements,
  }: Pick<TaskDefinition, 'secrets' | 'executionStatements'>): Promise<Record<string, string>> {
    const found = Object.entries(secrets).map(async ([name, valueFrom]) => {
      const call = { action: 'secretsmanager:GetSecretValue', resource: partsOf(valueFrom)[0], context: {} };
      if (!allows(executionStatements, call)) throw new Error(`what starts the task may not read ${name}`);
      return [name, await this.read(valueFrom)] as const;
    });
    return Object.fromEntries(await Promise.all(found));
  }

  stop(): void {
    this.#client.destroy();
  }
}

function partsOf(valueFrom: string): readonly [arn: string, field: string | undefined] {
  const parts = valueFrom.split(':');
  return [parts.slice(0, 7).join(':'), parts[7]];
}
