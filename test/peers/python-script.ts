/** Scripts for Python, Debian's unless another is given, which print a line `ok NAME` for each thing that they saw and end with 0 when that is all. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';

export const python = '/usr/bin/python3'; // the one that Debian's python3-… packages are installed for
const timeoutMs = 60_000;

/** @param count of things that must have been seen, so that a script cannot pass by seeing less */
export async function runScript(
  path: string,
  args: readonly (string | number)[],
  count: number,
  { program = python }: { readonly program?: string } = {},
): Promise<void> {
  const { code, output } = await run(program, [new URL(path, import.meta.url).pathname, ...args.map(String)]);
  assert.equal(code, 0, output);
  const seen = output.split('\n').filter((line) => line.startsWith('ok '));
  assert.equal(seen.length, count, output);
}

function run(program: string, args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    let output = '';
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => resolve({ code, output }));
    child.once('error', (error) => resolve({ code: 127, output: `${error}` }));
  });
}
