/** `docs/cost.md` says what the command says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Actions } from './actions.ts';
import { measured } from './agreement.ts';
import { costTable, pagePath, renderPage } from './page.ts';

test('the tables of docs/cost.md are those of measured.json and the price table', () => {
  const rendered = renderPage(measured.actions as unknown as Actions);
  assert.equal(readFileSync(pagePath, 'utf8'), rendered, 'npm run measure writes the page anew');
  assert.ok(costTable().length >= 8 && rendered.includes('| message, recipient online |'));
});
