/**
 * The bus as the stacks make it, on the loopback: secrets at moto, which the function of the template fills from its bundle with its own
 * rights, and a nats-server with what ECS would start it with.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Json } from '../../infra/test/context.ts';
import { type NatsServer, startNats } from '../adapters/nats-server.ts';
import type { AwsGate } from './aws-gate.ts';
import { callFunction } from './function-call.ts';
import type { TriedSecrets } from './secrets.ts';
import type { Templates, Variables } from './templates.ts';
import type { Place } from './values.ts';

/** Instead of the name that Cloud Map would give the servers. */
const host = 'localhost';

export class TriedBus {
  readonly #secrets: TriedSecrets;
  readonly #templates: Templates;
  #server: NatsServer | undefined;

  constructor(templates: Templates, secrets: TriedSecrets) {
    this.#templates = templates;
    this.#secrets = secrets;
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
    const { NATS_TRUST, ...files } = await this.#secrets.variablesOf(this.#templates.bus());
    const tls = Object.entries(files).map(([name, content]) => {
      const file = join(folder, name);
      writeFileSync(file, content, { mode: 0o600 });
      return `${name.replace('NATS_', '').toLowerCase()}_file: ${JSON.stringify(file)}`;
    });
    this.#server = await startNats(-1, `${NATS_TRUST}\ntls {\n${tls.join('\n')}\n}\n`);
  }

  async stop(): Promise<void> {
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
