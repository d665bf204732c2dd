/** How a process of ours ends: by errors, by one signal, by two, and when a part does not stop. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('lifetime-child.ts', import.meta.url));
/** A stop that is waited for; longer than any test takes. */
const patientMs = 60_000;

async function run(act: string, boundMs: number, whenSaid: (said: string, started: ChildProcess) => void = () => {}) {
  const started = spawn(process.execPath, [child, act, `${boundMs}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  started.stdout.on('data', (chunk) => {
    said.out += chunk;
    whenSaid(said.out, started);
  });
  started.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  const [code] = (await once(started, 'close')) as [number | null];
  return { ...said, code };
}

describe('a process', { skip: process.platform === 'win32', concurrency: 3 }, () => {
  for (const act of ['throw', 'reject']) {
    test(`ends with 1 and a fatal line when something unexpected happens: ${act}`, async () => {
      const { err, code } = await run(act, patientMs);
      assert.match(err, /^\{"level":60,.*"msg":"an unexpected error ends this process"\}\n$/);
      assert.equal(code, 1);
    });
  }

  test('takes its parts down from the outside in, also past one that fails', async () => {
    const { out, err, code } = await run('fail', patientMs, (said, started) => {
      if (said === 'ready\n') started.kill('SIGTERM');
    });
    assert.equal(out, 'ready\nSIGTERM\nouter\ninner\n');
    assert.match(err, /"step":"a part that fails","msg":"a part did not stop cleanly"/);
    assert.equal(code, 0);
  });

  test('does not wait longer than it may for a part that hangs', async () => {
    const { err, code } = await run('hang', 100, (said, started) => {
      if (said === 'ready\n') started.kill('SIGINT');
    });
    assert.match(err, /"boundMs":100,"msg":"did not stop in time"/);
    assert.equal(code, 1);
  });

  test('takes a signal that arrives twice at once for one, and ends at once by a later one', async () => {
    const { out, code } = await run('hang', patientMs, (said, started) => {
      if (said === 'ready\n') {
        started.kill('SIGTERM');
        setImmediate(() => started.kill('SIGTERM'));
      }
      if (said.endsWith('SIGTERM\n')) setTimeout(() => started.kill('SIGINT'), 700);
    });
    assert.equal(out, 'ready\nSIGTERM\n');
    assert.equal(code, 130);
  });
});
