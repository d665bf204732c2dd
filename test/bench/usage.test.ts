/** The benchmark reads the figures of all processes of a server, and cuts profiles to the measured time. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { until } from '../../bench/pause.ts';
import { describeProfiles } from '../../bench/report/cpu-profile.ts';
import { cpuOf, usageOf } from '../../bench/usage.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('CPU time and memory of children count as the server’s', async () => {
  // the shell itself just waits
  const shell = spawn('sh', ['-c', 'while :; do :; done & wait'], { detached: true, stdio: 'ignore' });
  try {
    assert.ok(await until(() => cpuOf(shell.pid!) >= 50_000, 20_000));
    const { rssBytes, pssBytes, cpuMicros } = usageOf(shell.pid!);
    assert.ok(cpuMicros >= 50_000 && rssBytes > 0 && pssBytes > 0 && pssBytes <= rssBytes);
  } finally {
    process.kill(-shell.pid!, 'SIGKILL');
  }
});

test('a process that is not there is an error, not zero', () => {
  assert.throws(() => cpuOf(2 ** 30), /ENOENT/);
  assert.throws(() => usageOf(2 ** 30), /ENOENT/);
});

function keepProfile(name: string): string {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 9 });
  const root = new URL('../..', import.meta.url).href;
  const nodes = [
    { id: 1, callFrame: frame('(idle)', '') },
    { id: 2, callFrame: frame('route', `${root}services/router/routing/route.ts`) },
    { id: 3, callFrame: frame('', `${root}node_modules/ltx/src/parse.js`) },
  ];
  // at 1000, 1100 … 1400: each counts for the time until the next
  const profile = { nodes, startTime: 1_000, samples: [2, 1, 3, 2, 3], timeDeltas: [0, 100, 100, 100, 100] };
  const own = join(folder, name);
  mkdirSync(own);
  writeFileSync(join(own, 'main.cpuprofile'), JSON.stringify(profile));
  return own;
}

test('a profile lists functions and files of the measured time, without idle time', () => {
  const text = describeProfiles(keepProfile('cut'), [{ fromMicros: 1_050, toMicros: 1_350 }]).join('\n');
  assert.match(text, /50\.0 % {2}route {2}services\/router\/routing\/route\.ts:10/);
  assert.match(text, /50\.0 % {2}\(anonymous\) {2}ltx\/src\/parse\.js:10/);
  assert.ok(!text.includes('idle'));
});

test('a profile that does not cover the measured time is an error', () => {
  assert.throws(() => describeProfiles(keepProfile('other'), [{ fromMicros: 1, toMicros: 2 }]), /no profile/);
});
