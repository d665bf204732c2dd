import { once } from 'node:events';
import { test } from 'node:test';
import dynalite from 'dynalite';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { surviveAborts } from '../../services/cli/compose/dynalite.ts';
import { type OpenStore, setClock, storeContract } from '../contracts/store.contract.ts';
import { startDynamoLocal } from './dynamodb-local.ts';

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

async function openAt(endpoint: string, closeEngine: () => Promise<unknown>): Promise<OpenStore> {
  const clock = setClock();
  const options = { endpoint, region: 'eu-central-1', credentials, tablePrefix: 'skylark-', clock };
  await createTables(options);
  await createTables(options); // leaves them as they are
  const store = await openDynamoStore(options);
  const close = async () => {
    await store.close();
    await closeEngine();
  };
  return { store, clock, close };
}

async function openDynalite(): Promise<OpenStore> {
  const server = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
  surviveAborts(server);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return openAt(`http://127.0.0.1:${port}`, async () => {
    server.closeAllConnections();
    server.unref(); // its close() would take the database away from running requests, which then throw
  });
}

/** COMPAT: dynalite 4.0.0 checks BETWEEN's ends in the order of UTF-16; DynamoDB Local and DynamoDB use UTF-8. */
storeContract('DynamoDB (dynalite)', openDynalite, { noAstralBounds: true });

const folder = process.env.SKYLARK_DYNAMODB_LOCAL;
if (folder) {
  storeContract('DynamoDB Local', async () => {
    const engine = await startDynamoLocal(folder);
    return openAt(engine.endpoint, () => engine.close());
  });
} else {
  test('DynamoDB Local as a Store', {
    skip: 'SKYLARK_DYNAMODB_LOCAL is not set to a folder that .ci/dynamodb-local has filled',
  }, () => {});
}
