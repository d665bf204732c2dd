/** `skylark cell list`, and `skylark dns` that knows the cell of a tenant: two cells, each with tables of its own. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { listCells } from '../../lib/runtime/cells.ts';
import { tellCell } from '../../services/cli/compose/cell-name.ts';
import { startDynalite } from '../../services/cli/compose/dynalite.ts';
import { UsageError } from '../../services/cli/core/report.ts';
import { removeFolder, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
let engine: Awaited<ReturnType<typeof startDynalite>>;
let endpoint = '';
const prefixes = ['one-', 'two-'] as const;
const at = (tablePrefix: string) => ['--dynamodb', endpoint, '--table-prefix', tablePrefix];
const storeOf = (tablePrefix: string) => openDynamoStore({ endpoint, region: 'eu-central-1', clock, tablePrefix });

async function tell(tablePrefix: string, cell: Parameters<typeof tellCell>[1]): Promise<void> {
  const store = await storeOf(tablePrefix);
  await tellCell(store, cell).finally(() => store.close());
}

before(async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) process.env[name] ??= 'local';
  engine = await startDynalite(folder, 0);
  endpoint = `http://127.0.0.1:${engine.address.port}`;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  for (const tablePrefix of prefixes) await createTables({ endpoint, region: 'eu-central-1', credentials, clock, tablePrefix });
  assert.equal((await skylark(['tenant', 'add', 'old.example', ...at('one-')])).code, 0);
  for (const name of ['one', 'two'])
    await tell(`${name}-`, { cell: name, cellHost: `xmpp.${name}.example`, cellServersHost: `s2s.${name}.example` });
  for (const [domain, prefix] of [
    ['a.example', 'one-'],
    ['b.example', 'two-'],
  ] as const)
    assert.equal((await skylark(['tenant', 'add', domain, ...at(prefix)])).code, 0);
});

after(async () => {
  await engine.stop();
  removeFolder(folder);
});

const list = (...more: string[]) =>
  skylark(['cell', 'list', '--dynamodb', endpoint, '--table-prefixes', prefixes.join(), ...more]);

test('the cells are listed with where they are and how many tenants they have; one from before has the only cell', async () => {
  const { out, err, code } = await list();
  assert.deepEqual({ err, code }, { err: '', code: 0 });
  assert.deepEqual(
    out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
    [
      ['CELL', 'CLIENTS', 'SERVERS', 'TENANTS'],
      ['one', 'xmpp.one.example', 's2s.one.example', '2'],
      ['two', 'xmpp.two.example', 's2s.two.example', '1'],
    ],
  );
  const lines = (await list('--json')).out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  assert.deepEqual(lines[1], { name: 'two', host: 'xmpp.two.example', serversHost: 's2s.two.example', tenants: 1 });
});

test('the row of a tenant names its cell, and the records name where the cell is', async () => {
  const listed = await skylark(['tenant', 'list', '--json', ...at('two-')]);
  assert.equal((JSON.parse(listed.out) as { cell?: string }).cell, 'two');
  for (const [domain, cell] of [
    ['a.example', 'one'],
    ['old.example', 'one'],
    ['b.example', 'two'],
  ] as const) {
    const { out, err } = await skylark(['dns', domain, '--federation', ...at(`${cell}-`)]);
    assert.equal(err, '');
    assert.match(out, new RegExp(`^_xmpp-client\\._tcp\\.${domain}\\. .* 5222 xmpp\\.${cell}\\.example\\.$`, 'm'));
    assert.match(out, new RegExp(`^_xmpp-server\\._tcp\\.${domain}\\. .* 5269 s2s\\.${cell}\\.example\\.$`, 'm'));
  }
  const given = await skylark(['dns', 'a.example', '--target', 'elsewhere.example', ...at('one-')]);
  assert.match(given.out, / 5222 elsewhere\.example\.$/m);
});

test('records of a domain that is nobody’s are not made up', async () => {
  const { err, code } = await skylark(['dns', 'c.example', ...at('one-')]);
  assert.equal(code, 1);
  assert.match(err, /there is no tenant 'c\.example'/);
});

test('a cell whose places change says so, and one that was called otherwise makes the operator choose', async () => {
  await tell('two-', { cell: 'two', cellHost: 'new.two.example', cellServersHost: 's2s.two.example' });
  assert.match((await list()).out, /^two +new\.two\.example /m);
  await tell('two-', { cell: 'three', cellHost: 'xmpp.three.example', cellServersHost: 's2s.three.example' });
  const { err, code } = await skylark(['tenant', 'add', 'd.example', ...at('two-')]);
  assert.equal(code, 1);
  assert.match(err, /which cell\? it takes one of three, two/);
  const wrong = await skylark(['tenant', 'add', 'd.example', '--cell', 'four', ...at('two-')]);
  assert.match(wrong.err, /there is no cell 'four'; it takes one of three, two/);
  assert.equal((await skylark(['tenant', 'add', 'd.example', '--cell', 'three', ...at('two-')])).code, 0);
  assert.match((await list()).out, /^three +xmpp\.three\.example +s2s\.three\.example +1$/m);
});

test('a domain that is a tenant of two cells is told, with exit code 1', async () => {
  assert.equal((await skylark(['tenant', 'add', 'a.example', '--cell', 'two', ...at('two-')])).code, 0);
  const { err, code } = await list();
  assert.equal(code, 1);
  assert.match(err, /'a\.example' is a tenant of several cells: its records name only one of them/);
});

test('a name without places is refused, and no row is written', async () => {
  await assert.rejects(tell('one-', { cell: 'one', cellHost: undefined, cellServersHost: undefined }), UsageError);
  const store = await storeOf('one-');
  assert.deepEqual(
    (await listCells(store)).map(({ name }) => name),
    ['one'],
  );
  await store.close();
});
