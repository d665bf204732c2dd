/**
 * Biome's rules against lost promises are on, and find a planted fault: an error that nobody handles would end the process, or nothing would
 * wait for work that must be done before the next step. `npm run lint` applies them to the whole tree.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './project-files.ts';

const clock = `
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
export function after(_ms: number, run: () => void): void {
  run();
}`;

/** A line of an async function, and the rule that must find it; undefined when there is nothing to find. */
const lines: readonly (readonly [line: string, rule: string | undefined])[] = [
  ['sleep(1);', 'noFloatingPromises'],
  ['sleep(1).finally(() => {});', 'noFloatingPromises'],
  ['after(1, () => sleep(1));', 'noMisusedPromises'],
  ['after(1, async () => {});', 'noMisusedPromises'],
  ['[1, 2].forEach(async (ms) => await sleep(ms));', 'noMisusedPromises'],
  ['if (sleep(1)) return;', 'noMisusedPromises'],
  ['await sleep(1);', undefined],
  ['void sleep(1);', undefined],
  ['sleep(1).catch(() => {});', undefined],
  ['after(1, () => void sleep(1));', undefined],
];

interface Report {
  readonly diagnostics: readonly {
    readonly category: string;
    readonly location: { readonly start: { readonly line: number } };
  }[];
}

test('a promise that is lost is found, one that is awaited or given up on purpose is not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-lint-'));
  t.after(() => rmSync(folder, { recursive: true }));
  copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'));
  writeFileSync(join(folder, 'clock.ts'), clock);
  const text = lines.map(([line]) => `  ${line}`).join('\n');
  writeFileSync(
    join(folder, 'planted.ts'),
    `import { after, sleep } from './clock.ts';\nexport async function go(): Promise<void> {\n${text}\n}\n`,
  );
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const output = await new Promise<string>((resolve) => {
    const args = [biome, 'lint', '--vcs-enabled=false', '--reporter=json', '.'];
    execFile(process.execPath, args, { cwd: folder }, (_error, stdout) => resolve(stdout)); // it fails because of what it finds
  });
  const { diagnostics } = JSON.parse(output) as Report;
  const found = new Map(
    diagnostics.map(({ category, location }) => [location.start.line - 3, category.replace('lint/nursery/', '')]),
  );
  assert.deepEqual(
    lines.map(([line], index) => [line, found.get(index)]),
    lines,
  );
});
