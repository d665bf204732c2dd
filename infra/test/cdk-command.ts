/** Runs the pinned `cdk synth` without network, docker, credentials or a home. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { base, type Json, scratch } from './context.ts';

export const root = join(import.meta.dirname, '..', '..');
const cdk = join(dirname(fileURLToPath(import.meta.resolve('aws-cdk/package.json'))), 'bin', 'cdk');

export interface Ended {
  readonly code: number;
  readonly output: string;
  readonly out: string;
  readonly home: string;
}

/** All HTTP requests go to a port where nobody listens, and only Node and a shell are on the path. */
export function synth(context: Record<string, unknown>): Promise<Ended> {
  const folder = mkdtempSync(join(scratch, 'run-'));
  const [home, bin, out] = ['home', 'bin', 'out'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [home, bin]) mkdirSync(path);
  symlinkSync(process.execPath, join(bin, 'node'));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  const settings = Object.entries({ ...base, ...context }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // `synth` makes all stacks anyway. It knows the option by the variable alone, without which it warns.
  const args = [cdk, 'synth', '--all', '--quiet', '--output', out, ...settings];
  const nowhere = 'http://127.0.0.1:9';
  const env = {
    ...{ PATH: bin, HOME: home, TMPDIR: folder, AWS_EC2_METADATA_DISABLED: 'true', CI: 'true' },
    CDK_ALL: 'true',
    ...{ HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, http_proxy: nowhere, https_proxy: nowhere },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, env, timeout: 110_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}`, out, home });
    });
  });
}

/** Checks that there are four stacks, and that nothing was looked up or left behind. */
export function expectCell({ code, output, out, home }: Ended): void {
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /warning|deprecated|unknown option|acknowledged/i);
  assert.match(output, /^Successfully synthesized to /m);
  const templates = readdirSync(out).filter((file) => file.endsWith('.template.json'));
  assert.deepEqual(
    templates.sort(),
    ['app', 'data', 'net', 'web'].map((name) => `skylark-${name}.template.json`),
  );
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
  assert.equal(manifest.missing, undefined, 'something was looked up');
  const stacks = Object.values(manifest.artifacts as Record<string, Json>).filter(
    ({ type }) => type === 'aws:cloudformation:stack',
  );
  assert.deepEqual(
    stacks.map(({ properties }) => properties.terminationProtection),
    [true, true, true, true],
  );
  assert.ok(!existsSync(join(home, '.aws')));
  for (const file of templates) assert.doesNotMatch(readFileSync(join(out, file), 'utf8'), /AKIA|dummy-value/);
}
