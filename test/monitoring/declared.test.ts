/** Every figure that some part of the program counts is declared, so that Prometheus sees it. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { figures } from '../../services/cli/compose/figures.ts';

const root = new URL('../../', import.meta.url);

/** The names of figures that a text makes. */
function madeIn(text: string): string[] {
  return [...text.matchAll(/new (?:Count|Timing)\(\s*'([^']*)'/g)].map(([, name]) => name!);
}

test('what is counted anywhere is declared, once', () => {
  const sources = globSync('{lib,services}/**/*.ts', { cwd: root.pathname });
  assert.ok(sources.length > 500, `only ${sources.length} files were seen`);
  const made = sources.flatMap((path) => madeIn(readFileSync(new URL(path, root), 'utf8'))).toSorted();
  assert.ok(made.length >= 10, `only ${made.length} figures were seen`);
  assert.deepEqual(figures.map(({ name }) => name).toSorted(), made);
});

test('one that is written over several lines is seen', () => {
  assert.deepEqual(madeIn("new Count('a_total', 'A', []); new Timing(\n  'b_seconds',\n  'B', ['x'])"), ['a_total', 'b_seconds']);
});
