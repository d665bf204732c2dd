/** `docs/cost.md` and `docs/operations.md` say what the command says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Actions } from './actions.ts';
import { measured } from './agreement.ts';
import { costTable, operationsPath, pagePath, renderOperations, renderPage, summaryTable } from './page.ts';

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
