/** `cdk synth` as an operator runs it, and what it depends on: pins, flags, the image. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Ended, expectCell, root, synth } from './cdk-command.ts';

let small: Promise<Ended> | undefined;

test('small: four stacks, offline, with no docker, no credentials and an empty home', async () => {
  small = synth({ shape: 'small' });
  expectCell(await small);
});

test('mistakes are a line each on the terminal, without a stack trace', async () => {
  const { code, output } = await synth({ shape: 'huge', logDays: 31 });
  assert.equal(code, 1);
  assert.match(output, /^-c shape: 'huge' is not allowed; it takes one of small, cell$/m);
  assert.match(output, /^-c logDays: '31' is not allowed; /m);
  assert.doesNotMatch(output, /^\s+at /m);
});

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const ofPackage = (path: string) => read(fileURLToPath(import.meta.resolve(path)));

test('all feature flags that the CDK recommends are committed', () => {
  const { context, ...settings } = read(join(root, 'cdk.json'));
  assert.deepEqual(context, ofPackage('aws-cdk-lib/recommended-feature-flags.json'));
  assert.equal(settings.app, 'node bin/with-node.mjs infra/app.ts');
  assert.deepEqual([settings.versionReporting, settings.notices], [false, false]);
});

test('the CDK is pinned: its command line is 2.x, and the installed version is the pinned one', () => {
  const { dependencies, devDependencies } = read(join(root, 'package.json'));
  const pins = { 'aws-cdk-lib': '2.276.0', 'cdk-nag': '3.0.2', constructs: '10.8.1', 'aws-cdk': '2.1148.1' };
  for (const [name, version] of Object.entries(pins)) {
    assert.equal(devDependencies[name], version, name);
    assert.equal(dependencies[name], undefined, `${name} is not for those who only run Skylark`);
    assert.equal(ofPackage(`${name}/package.json`).version, version, name);
  }
});

test('the image is small, pinned, and runs as a user without rights', () => {
  const lines = readFileSync(join(root, 'infra', 'image', 'Dockerfile'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.match(lines[0]!, /^FROM public\.ecr\.aws\/docker\/library\/node:24\.\d+\.\d+-[a-z]+-slim$/);
  assert.ok(lines.includes('USER 65532:65532'));
  assert.ok(lines.includes('ENTRYPOINT ["node", "--enable-source-maps", "/skylark/index.mjs"]'));
  assert.deepEqual(
    lines.filter((line) => /^(RUN|ADD|VOLUME)/.test(line)),
    [],
    'nothing is installed or fetched',
  );
});

test('the image is built from the bundle and nothing else', async () => {
  const { out } = await (small ?? synth({ shape: 'small' }));
  const [folder, ...others] = readdirSync(out).filter((name) => existsSync(join(out, name, 'Dockerfile')));
  assert.deepEqual(others, []);
  const files = readdirSync(join(out, folder!), { recursive: true }).map(String).sort();
  assert.deepEqual(files, ['Dockerfile', 'dist', 'dist/skylark', 'dist/skylark/index.mjs']);
});
