/** docs/xeps.md is what the features declare, and each of its lines is shown by a test that names the specification. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { staleEntries, testFaults, testsOf } from '../docs/spec-tests.ts';

test('docs/xeps.md is up to date, and every line names its tests; else run: npm run xeps', () => {
  const script = fileURLToPath(new URL('../docs/xeps.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('a specification without a test is found, and a file that is missing or is about something else', () => {
  const files: Record<string, string> = { 'muc/a.test.ts': "test('XEP-0045: …')", 'muc/b.test.ts': "test('XEP-0030: …')" };
  const faults = (...paths: string[]) =>
    testFaults(
      [{ service: 'muc', spec: 'XEP-0045' }],
      (path) => files[path],
      () => paths,
    );
  assert.deepEqual(faults('muc/a.test.ts'), []);
  assert.match(faults().join(), /has no test/);
  assert.match(faults('muc/c.test.ts').join(), /does not exist/);
  assert.match(faults('muc/a.test.ts', 'muc/b.test.ts').join(), /muc\/b.test.ts, which does not mention XEP-0045/);
  assert.match(staleEntries([]).join(), /muc declares no XEP-0045/);
});

test('tests are found by the name of the specification in the folder of the service', () => {
  assert.deepEqual(testsOf('router', 'XEP-0199'), ['router/xep0199-ping.test.ts']);
  assert.deepEqual(testsOf('muc', 'XEP-0199'), []);
  assert.deepEqual(testsOf('router', 'XEP-019'), []);
});
