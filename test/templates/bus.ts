/**
 * The bus as the stacks make it, on the loopback: secrets at moto, which the function of the template fills from its bundle with its own
 * rights; a nats-server with what ECS would start it with; and what ECS gives each task out of the secrets that it may read.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CreateSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Json } from '../../infra/test/context.ts';
import { type NatsServer, startNats } from '../adapters/nats-server.ts';
import type { AwsGate } from './aws-gate.ts';
import { callFunction } from './function-call.ts';
import { allows } from './role-policy.ts';
import type { Templates, Variables } from './templates.ts';
import type { Place } from './values.ts';

/** Instead of the name that Cloud Map would give the servers. */
const host = 'localhost';

export class TriedBus {
  readonly #client: SecretsManagerClient;
  readonly #templates: Templates;
  #server: NatsServer | undefined;

  private constructor(templates: Templates, client: SecretsManagerClient) {
    this.#templates = templates;
    this.#client = client;
  }

  /** Makes the secrets, with the random text that a new one has. @param endpoint that of moto itself */
  static async make(templates: Templates, endpoint: string, { region }: Place): Promise<TriedBus> {
    const credentials = { accessKeyId: 'stacks', secretAccessKey: 'stacks' };
    const client = new SecretsManagerClient({ region, endpoint, credentials });
    for (const [id] of templates.resources('net', 'AWS::SecretsManager::Secret')) {
      const { ARN } = await client.send(new CreateSecretCommand({ Name: id, SecretString: 'random' }));
      templates.values.made('net', id, 'Ref', ARN!);
    }
    return new TriedBus(templates, client);
  }

  get url(): string {
    return `nats://${host}:${this.#server!.port}`;
  }

  /** Calls the function as CloudFormation does, and starts the server. @param bundle of the function */
  async start(gate: AwsGate, bundle: string, folder: string, { region }: Place): Promise<void> {
    const { variables, statements } = this.#templates.function('BusKeysFunction', 'net');
    gate.admit('bus-keys', statements);
    const given = { ...variables, SKYLARK_BUS_HOST: host, AWS_REGION: region, ...gate.keyVariables('bus-keys') };
    await create(bundle, given);
    const { NATS_TRUST, ...files } = await this.variablesOf(this.#templates.bus());
    const tls = Object.entries(files).map(([name, content]) => {
      const file = join(folder, name);
      writeFileSync(file, content, { mode: 0o600 });
      return `${name.replace('NATS_', '').toLowerCase()}_file: ${JSON.stringify(file)}`;
    });
    this.#server = await startNats(-1, `${NATS_TRUST}\ntls {\n${tls.join('\n')}\n}\n`);
  }

  /** The variables that ECS makes of secrets. @throws when what starts the task may not read one */
  async variablesOf({ secrets, executionStatements }: ReturnType<Templates['bus']>): Promise<Record<string, string>> {
    const found = Object.entries(secrets).map(async ([name, valueFrom]) => {
      // arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME[:FIELD:STAGE:VERSION]
      const parts = valueFrom.split(':');
      const [arn, field] = [parts.slice(0, 7).join(':'), parts[7]];
      const call = { action: 'secretsmanager:GetSecretValue', resource: arn, context: {} };
      if (!allows(executionStatements, call)) throw new Error(`what starts the task may not read ${name}`);
      const { SecretString } = await this.#client.send(new GetSecretValueCommand({ SecretId: arn }));
      return [name, field ? (JSON.parse(SecretString!) as Variables)[field]! : SecretString!] as const;
    });
    return Object.fromEntries(await Promise.all(found));
  }

  async stop(): Promise<void> {
    this.#client.destroy();
    await this.#server?.stop();
  }
}

/** @throws when the function does not tell CloudFormation that it has done it */
async function create(bundle: string, variables: Variables): Promise<void> {
  const answers: Json[] = [];
  const server = createServer(async (request, response) => {
    answers.push(JSON.parse(await text(request)));
    response.end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    const ResponseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const ids = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'BusKeysMade' };
    await callFunction(bundle, variables, [{ RequestType: 'Create', ResponseURL, ...ids }]);
    if (answers[0]?.Status !== 'SUCCESS') throw new Error(`the keys were not made: ${JSON.stringify(answers)}`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
