/** A program that is older than the rows does not start, on SQLite and on DynamoDB, and says why in a sentence. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { schemaRows, schemas } from '../../lib/runtime/row-schema.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
after(() => removeFolder(folder));
const sentence = /skylark: the rows have schema 99, this program knows \d+: start the version that wrote them, or a newer one\n$/;

const raise = (store: Store) => schemaRows(store).put(schemas, '', { number: 98, needs: 99 });

test('start, and commands while no service runs, on a data folder', async () => {
  const data = join(folder, 'data');
  const service = await Service.start(['start', '--data', data, ...anyPorts]);
  assert.equal((await skylark(['tenant', 'add', 'b.example', '--data', data])).code, 0);
  assert.equal(await service.stop(), 0);
  const store = await openSqliteStore(data, { clock });
  assert.deepEqual((await schemaRows(store).get(schemas))?.value.needs, 1, 'the service has noted the schema');
  await raise(store);
  await store.close();
  for (const args of [
    ['start', ...anyPorts],
    ['start', '--processes', '2', ...anyPorts],
    ['user', 'list'],
  ]) {
    const { err, code } = await skylark([...args, '--data', data]);
    assert.match(err, sentence, args.join(' '));
    assert.equal(code, 1);
  }
});

test('the services of a cell that write rows, and commands on its tables', async () => {
  const engine = await Service.start(['serve', 'dynamodb', '--data', join(folder, 'engine')], 'listening', { json: false });
  try {
    const endpoint = `http://127.0.0.1:${engine.addresses.dynamodb!.port}`;
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const options = { endpoint, region: 'eu-central-1', credentials, tablePrefix: 'skylark-', clock };
    await createTables(options);
    const store = await openDynamoStore(options);
    await raise(store);
    await store.close();
    const variables = {
      SKYLARK_DYNAMODB: endpoint,
      SKYLARK_C2S_PORT: '0',
      SKYLARK_C2S_TLS_PORT: '0',
      SKYLARK_HTTP_PORT: '0',
      SKYLARK_HTTPS_PORT: '0',
    };
    for (const args of [
      ['serve', 'all'],
      ['user', 'list', '--dynamodb', endpoint],
    ]) {
      const { err, code } = await skylark(args, { variables });
      assert.match(err, sentence, args.join(' '));
      assert.equal(code, 1);
    }
  } finally {
    await engine.stop();
  }
});
