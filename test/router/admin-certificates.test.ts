/** Operators' commands reach the rows of certificates through a service, and no other rows. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

let dependencies: EmbeddedDependencies;
beforeEach(async () => {
  dependencies = await embeddedDependencies({});
});
afterEach(() => dependencies.close());

const ask = (operation: string, given: Readonly<Record<string, unknown>>) =>
  perform(dependencies, { kind: 'admin', operation, arguments: given });

const key = { table: 'core', partition: 'one.example/c', sort: 'pem/' };

test('rows are put, read, listed and deleted, with conditions that hold or do not', async () => {
  const put = await ask('certificate-put', { row: { ...key, value: 'a' }, condition: 'absent' });
  const { version } = put.result as { version: string };
  assert.deepEqual((await ask('certificate-put', { row: { ...key, value: 'b' }, condition: 'absent' })).result, {
    isConflict: true,
  });
  assert.deepEqual((await ask('certificate-get', { key })).result, {
    row: { partition: key.partition, sort: key.sort, value: 'a', version },
  });
  const query = { table: 'core', partition: key.partition, limit: 10, consistent: false };
  assert.equal(((await ask('certificate-query', { query })).result as { rows: unknown[] }).rows.length, 1);
  assert.deepEqual((await ask('certificate-delete', { key, condition: { version: 'x' } })).result, { isConflict: true });
  assert.deepEqual((await ask('certificate-delete', { key, condition: { version } })).result, { wasThere: true });
  assert.deepEqual((await ask('certificate-get', { key })).result, { row: undefined });
});

test('tenants are read and not written', async () => {
  const tenants = { table: 'core', partition: '#tenants', sort: 'tenant/example.org' };
  assert.equal((await ask('certificate-get', { key: tenants })).ok, true);
  const error = 'only rows of certificates can be asked for';
  assert.deepEqual(await ask('certificate-put', { row: { ...tenants, value: '{}' } }), { ok: false, error, refusal: 'invalid' });
  assert.deepEqual(await ask('certificate-delete', { key: tenants }), { ok: false, error, refusal: 'invalid' });
});

test('no other partition or table is reached', async () => {
  for (const partition of [
    'example.org/a/juliet',
    'example.org/a/c',
    'example.org/r/c',
    'example.org/t',
    'a/b/c',
    '/c',
    '#nodes',
    '#c',
    '#x/c',
    '',
    7,
  ]) {
    for (const [operation, name] of [
      ['certificate-get', 'key'],
      ['certificate-put', 'row'],
      ['certificate-delete', 'key'],
      ['certificate-query', 'query'],
    ] as const) {
      const given = { table: 'core', partition, sort: 'x', value: 'x', limit: 1 };
      assert.equal(
        (await ask(operation, { [name]: given })).error,
        'only rows of certificates can be asked for',
        `${operation} ${partition}`,
      );
    }
  }
  for (const table of ['live', 'archive', 'x'])
    assert.equal((await ask('certificate-get', { key: { ...key, table } })).ok, false);
});

test('what is not an object, or a page without bound, is refused', async () => {
  assert.deepEqual(await ask('certificate-get', { key: '{' }), {
    ok: false,
    error: "'key' takes an object",
    refusal: 'invalid',
  });
  assert.equal((await ask('certificate-put', { row: 'x' })).error, "'row' takes an object");
  assert.equal((await ask('certificate-put', {})).error, "the operation needs 'row'");
  for (const limit of [runtimeLimits.adminPageMax + 1, 'x', undefined]) {
    const query = { table: 'core', partition: '#certificates', limit };
    assert.equal((await ask('certificate-query', { query })).error, `a page has at most ${runtimeLimits.adminPageMax} rows`);
  }
});
