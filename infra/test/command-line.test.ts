/** `cdk synth` as an operator runs it: the pinned command line, without network, docker, credentials or a home. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { base } from './synthesis.ts';

const infra = join(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'skylark-cdk-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly out: string;
  readonly home: string;
}

/** Whatever is asked over HTTP goes to a port where nobody listens; nothing but Node and a shell is on the path. */
function synth(context: Record<string, unknown>): Promise<Ended> {
  const folder = mkdtempSync(join(scratch, 'run-'));
  const [home, bin, out] = ['home', 'bin', 'out'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [home, bin]) mkdirSync(path);
  symlinkSync(process.execPath, join(bin, 'node'));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  const settings = Object.entries({ ...base, ...context }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = [join(infra, 'node_modules', 'aws-cdk', 'bin', 'cdk'), 'synth', '--quiet', '--output', out, ...settings];
  const nowhere = 'http://127.0.0.1:9';
  const env = {
    ...{ PATH: bin, HOME: home, TMPDIR: folder, AWS_EC2_METADATA_DISABLED: 'true', CI: 'true' },
    ...{ HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, http_proxy: nowhere, https_proxy: nowhere },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: infra, env, timeout: 100_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, output: `${stdout}${stderr}`, out, home });
    });
  });
}

const runs = new Map<string, Promise<Ended>>();

function synthOnce(shape: string): Promise<Ended> {
  const run = runs.get(shape) ?? synth({ shape });
  runs.set(shape, run);
  return run;
}

for (const shape of ['small', 'cell'] as const) {
  test(`${shape}: four stacks, offline, with no docker, no credentials and an empty home`, async () => {
    const { code, output, out, home } = await synthOnce(shape);
    assert.equal(code, 0, output);
    const templates = readdirSync(out).filter((file) => file.endsWith('.template.json'));
    assert.deepEqual(
      templates.sort(),
      ['app', 'data', 'net', 'web'].map((name) => `skylark-${name}.template.json`),
    );
    const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
    assert.equal(manifest.missing, undefined, 'something was looked up');
    assert.ok(!existsSync(join(home, '.aws')));
    for (const file of templates) assert.doesNotMatch(readFileSync(join(out, file), 'utf8'), /AKIA|dummy-value/);
  });
}

test('a mistake is one line on the terminal, without a stack trace', async () => {
  const { code, output } = await synth({ shape: 'huge' });
  assert.equal(code, 1);
  assert.match(output, /^-c shape: 'huge' is not allowed; it takes one of small, cell$/m);
  assert.doesNotMatch(output, /^\s+at /m);
});

const read = (path: string) => JSON.parse(readFileSync(join(infra, path), 'utf8'));

test('all feature flags that the CDK recommends are committed', () => {
  const { context, ...settings } = read('cdk.json');
  assert.deepEqual(context, read('node_modules/aws-cdk-lib/recommended-feature-flags.json'));
  assert.equal(settings.app, 'node ../bin/with-node.mjs app.ts');
  assert.deepEqual([settings.versionReporting, settings.notices], [false, false]);
});

test('the CDK is pinned: its command line is 2.x, and what is installed is what is written', () => {
  const { dependencies, devDependencies } = read('package.json');
  const pins = { ...dependencies, ...devDependencies };
  assert.deepEqual(pins, { 'aws-cdk-lib': '2.276.0', 'cdk-nag': '3.0.2', constructs: '10.8.1', 'aws-cdk': '2.1148.1' });
  for (const [name, version] of Object.entries(pins))
    assert.equal(read(`node_modules/${name}/package.json`).version, version, name);
});

test('the image is small, pinned, and runs as a user without rights', () => {
  const lines = readFileSync(join(infra, 'image', 'Dockerfile'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.match(lines[0]!, /^FROM public\.ecr\.aws\/docker\/library\/node:24\.\d+\.\d+-[a-z]+-slim$/);
  assert.ok(lines.includes('USER 65532:65532'));
  assert.ok(lines.includes('ENTRYPOINT ["node", "/skylark/index.mjs"]'));
  assert.deepEqual(
    lines.filter((line) => /^(RUN|ADD|VOLUME)/.test(line)),
    [],
    'nothing is installed or fetched',
  );
});

test('the image is built from the bundle and nothing else', async () => {
  const { out } = await synthOnce('small');
  const [folder, ...others] = readdirSync(out).filter((name) => existsSync(join(out, name, 'Dockerfile')));
  assert.deepEqual(others, []);
  const files = readdirSync(join(out, folder!), { recursive: true }).map(String).sort();
  assert.deepEqual(files, ['Dockerfile', 'dist', 'dist/skylark', 'dist/skylark/index.mjs']);
});
