/** `docs/cost.md`, `docs/operations.md` and `docs/deploy.md` say what the command says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { ceilingsOf } from '../../services/cli/cost/ceilings.ts';
import { costOptions } from '../../services/cli/cost/cost-options.ts';
import { loadOf } from '../../services/cli/cost/load.ts';
import { cellTasks } from '../../services/cli/cost/sizing.ts';
import type { Actions } from './actions.ts';
import { measured } from './agreement.ts';
import {
  ceilingTable,
  costTable,
  deployPath,
  operationsPath,
  pagePath,
  renderDeploy,
  renderOperations,
  renderPage,
  restTable,
  summaryTable,
} from './page.ts';

test('the tables of docs/cost.md are those of measured.json and the price table', () => {
  const rendered = renderPage(measured.actions as unknown as Actions);
  assert.equal(readFileSync(pagePath, 'utf8'), rendered, 'npm run measure writes the page anew');
  assert.ok(costTable().length >= 8 && rendered.includes('| message, recipient online |'));
});

test('the table of docs/operations.md is in short that of docs/cost.md', () => {
  assert.equal(readFileSync(operationsPath, 'utf8'), renderOperations(), 'npm run measure writes the page anew');
  assert.deepEqual(
    summaryTable()
      .slice(2)
      .map((line) => line.split(' | ')[0]),
    ['| 1,000', '| 10,000', '| 10,000', '| 100,000', '| 1,000,000'],
  );
});

test('the tables of docs/deploy.md are those of the bounds, and of a bill for nobody', () => {
  assert.equal(readFileSync(deployPath, 'utf8'), renderDeploy(), 'npm run measure writes the page anew');
  const users = ceilingTable()
    .slice(2)
    .map((line) => Number(line.split('|')[1]!.replaceAll(',', '')));
  assert.ok(users.length >= 6 && users.every((count) => count > 0));
  assert.deepEqual(
    users,
    [...users].sort((a, b) => a - b),
    'what gives first stands first',
  );
  assert.equal(restTable().at(-1)?.split(' | ').length, 4);
});

test('what carries a number of users does not carry one more', () => {
  const { values: habits } = readArguments('cost', costOptions, [], {});
  for (const { what, users, bound } of ceilingsOf(habits).filter(({ what }) => what.startsWith('streams'))) {
    assert.equal(cellTasks(loadOf({ ...habits, users })).connection, bound / 12_000, what);
    assert.equal(cellTasks(loadOf({ ...habits, users: users + 1 })).connection, bound / 12_000 + 1, what);
  }
  const twice = ceilingsOf({ ...habits, messages: habits.messages * 2, chatStates: habits.chatStates * 2 });
  for (const { what, users } of ceilingsOf(habits)) {
    const then = twice.find((one) => one.what === what)!;
    assert.ok(then.users <= users, `${what}: more use, and yet more users`);
  }
});
