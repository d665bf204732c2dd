/**
 * docs/operations.md names every task of an operator with the ways in which it is done, and test/end-to-end/tasks.test.ts does each of them in
 * each of these ways.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandsIn, onlyCommands, taskTables, withTables } from '../docs/task-tables.ts';
import { commands } from '../services/cli/commands.ts';
import { operations } from '../services/router/operations/index.ts';
import { userAdd, userList } from '../services/router/operations/users.ts';
import { tasks } from './end-to-end/tasks/table.ts';
import { tableFaults } from './end-to-end/tasks/table-faults.ts';

const page = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8');
const asked = new Set(operations.flatMap((one) => ('whyNone' in one.commands ? [] : one.commands)));
const names = [...commands.map(({ name }) => name), 'completion', 'man'];

test('the page has every operation, with its ways or why there is none; else run: npm run tasks', () => {
  const script = fileURLToPath(new URL('../docs/tasks.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const tables = taskTables(operations);
  for (const { name, commands: ways, http } of operations) {
    assert.ok(tables.includes(`| \`${name}\` |`), name);
    for (const way of [ways, http]) if ('whyNone' in way) assert.ok(tables.includes(`none: ${way.whyNone}`), name);
  }
  assert.notEqual(withTables(page, operations.slice(1)), page);
});

test('a command asks for an operation, or the page says why it does not', () => {
  const without = names.filter((name) => !asked.has(name));
  assert.deepEqual(without.sort(), Object.keys(onlyCommands).sort());
});

test('the page names commands that there are', () => {
  const found = [...commandsIn(page, names)];
  assert.ok(found.length > 40, `${found.length}`);
  assert.deepEqual(
    found.filter((name) => !asked.has(name) && !(name in onlyCommands) && name !== 'help'),
    [],
  );
  const text = '```sh\nnpx skylark user launch|add x\n```\nThe `skylark tenant DOMAIN`, and `skylark audit example.org`.';
  assert.deepEqual([...commandsIn(text, names)], ['user launch', 'user add', 'tenant ', 'audit']);
});

test('every operation is a task that is done in each of its ways', () => {
  assert.deepEqual(tableFaults(operations), []);
});

test('an operation that was added without a task is found, and a task that leaves out a way', () => {
  const added = { ...userAdd, name: 'user-launch' };
  assert.deepEqual(tableFaults([...operations, added]), ['user-launch has no task in test/end-to-end/tasks/table.ts']);
  assert.deepEqual(tableFaults(operations.filter(({ name }) => name !== 'user-add')), ['user-add is not an operation']);
  const only = (name: string) => tasks.filter(({ operation }) => operation === name);
  const [add, list] = [only('user-add')[0]!, only('user-list')[0]!];
  assert.deepEqual(tableFaults([userAdd], [{ ...add, given: undefined }]), [
    'user-add is done by the API, or not, against its declaration',
  ]);
  assert.deepEqual(tableFaults([userAdd], [{ ...add, command: undefined }]), [
    'user-add is done by command, or not, against its declaration',
  ]);
  assert.deepEqual(tableFaults([userAdd], [{ ...add, command: () => ['user', 'password'] }]), [
    "user-add is asked for by 'user password', which is not a command of its own",
  ]);
  assert.deepEqual(tableFaults([userList], [{ ...list, shows: undefined }]), [
    'user-list changes nothing, and its task does not say what is shown',
  ]);
  const [elsewhere, nowhere] = ['test/router/operations.test.ts', 'test/nowhere.test.ts'];
  assert.deepEqual(tableFaults([userAdd], [{ operation: 'user-add', elsewhere }]), []);
  for (const file of ['test/xeps.test.ts', nowhere])
    assert.deepEqual(tableFaults([userAdd], [{ operation: 'user-add', elsewhere: file }]), [`user-add is not done in ${file}`]);
  assert.deepEqual(tableFaults([userAdd], [add, add]), ['user-add has several tasks']);
});
