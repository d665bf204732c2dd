/** `skylark user …` and `skylark tenant …` with the tables of a cell, as an operator with the rights to them does it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTables } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { startDynalite } from '../../services/cli/compose/dynalite.ts';
import { type Finished, type RunOptions, removeFolder, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
let engine: Awaited<ReturnType<typeof startDynalite>>;
let place: readonly string[] = [];

before(async () => {
  engine = await startDynalite(folder, 0);
  const endpoint = `http://127.0.0.1:${engine.address.port}`;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  await createTables({ endpoint, region: 'eu-central-1', credentials, clock, tablePrefix: 'cell-' });
  place = ['--dynamodb', endpoint, '--table-prefix', 'cell-'];
});

after(async () => {
  await engine.stop();
  removeFolder(folder);
});

function run(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return skylark([...args, ...place], options);
}

test('a tenant and its accounts are added and listed, whoever asks next', async () => {
  assert.deepEqual(await run(['tenant', 'add', 'example.org']), {
    out: 'added example.org; registration is closed\n',
    err: '',
    code: 0,
  });
  assert.deepEqual(await run(['user', 'add', 'juliet@example.org'], { input: 'secret\n' }), {
    out: 'added juliet@example.org\n',
    err: '',
    code: 0,
  });
  assert.deepEqual(await run(['user', 'password', 'juliet@example.org', '--password=other']), {
    out: 'changed the password of juliet@example.org\n',
    err: '',
    code: 0,
  });
  assert.equal((await run(['user', 'list'])).out, 'juliet@example.org\n');
  assert.equal((await run(['tenant', 'list'])).out, 'example.org\n');
});

test('an account in a domain that is not a tenant is refused', async () => {
  const { code, err } = await run(['user', 'add', 'romeo@example.net', '--password=x']);
  assert.equal(code, 1);
  assert.match(err, /example\.net/);
});

test('nothing is removed beside services that would not hear of it', async () => {
  for (const args of [
    ['user', 'remove', 'juliet@example.org'],
    ['tenant', 'remove', 'example.org', '--force'],
  ]) {
    const { code, err } = await run(args);
    assert.equal(code, 2, err);
    assert.match(err, /--dynamodb/);
  }
  assert.equal((await run(['user', 'list'])).out, 'juliet@example.org\n');
});

test('tables that are not there are named', async () => {
  const { code, err } = await skylark(['tenant', 'list', ...place.slice(0, 2), '--table-prefix', 'nowhere-']);
  assert.notEqual(code, 0);
  assert.doesNotMatch(err, /\n\s+at /);
});
