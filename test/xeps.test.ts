/** docs/xeps.md is what the features declare. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('docs/xeps.md is up to date; else run: npm run xeps', () => {
  const script = fileURLToPath(new URL('../docs/xeps.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
