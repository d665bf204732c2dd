/** Settings of allocator and collector that a serving process gives itself. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Invocation, replacementOf } from '../../services/cli/compose/memory-settings.ts';
import { anyPorts, removeFolder, Service, temporaryFolder } from './skylark-command.ts';

const wrapper = fileURLToPath(new URL('../../bin/with-node.mjs', import.meta.url));
const start: Invocation = {
  platform: 'linux',
  argv: ['/bin/node', '/skylark/main.ts', 'start', '--json'],
  execArgv: ['--max-semi-space-size=32'],
  environment: { HOME: '/', EMPTY: undefined },
  isForked: false,
  wrapper,
};

describe('the process that serves', () => {
  test('is replaced by one with a threshold for mappings and a small young generation', () => {
    assert.deepEqual(replacementOf(start), {
      args: ['/bin/node', '--max-semi-space-size=8', '--max-semi-space-size=32', '/skylark/main.ts', 'start', '--json'],
      environment: { HOME: '/', MALLOC_MMAP_THRESHOLD_: '65536' },
    });
  });

  test('ends with the shell of npm, as before', () => {
    const { args } = replacementOf({ ...start, execArgv: [], environment: { npm_lifecycle_event: 'start' } })!;
    assert.deepEqual(args.slice(2), [wrapper, '/skylark/main.ts', 'start', '--json']);
  });

  test('leaves the young generation to an operator who sets it', () => {
    const { args } = replacementOf({ ...start, execArgv: [], environment: { NODE_OPTIONS: '--max-semi-space-size=64' } })!;
    assert.deepEqual(args, start.argv);
  });

  for (const [what, change] of [
    ['another command', { argv: ['/bin/node', '/skylark/main.ts', 'status'] }],
    ['no command', { argv: ['/bin/node', '/skylark/main.ts'] }],
    ['a process that was replaced', { environment: { MALLOC_MMAP_THRESHOLD_: '65536' } }],
    ['an allocator that the operator has set', { environment: { MALLOC_ARENA_MAX: '1' } }],
    ['tunables that the operator has set', { environment: { GLIBC_TUNABLES: 'glibc.malloc.check=3' } }],
    ['a system without glibc', { platform: 'darwin' }],
    ['a child that talks to its parent', { isForked: true }],
  ] as const) {
    test(`is left alone: ${what}`, () => assert.equal(replacementOf({ ...start, ...change } as Invocation), undefined));
  }
});

describe('a service that was started without settings', { skip: process.platform !== 'linux' }, () => {
  const folder = temporaryFolder();
  after(() => removeFolder(folder));

  test('has them, under the process id that it was started with', async () => {
    const service = await Service.start(['start', '--data', join(folder, 'data'), ...anyPorts]);
    try {
      const { pid } = service.child;
      assert.equal(service.events[0]?.pid, pid);
      assert.match(readFileSync(`/proc/${pid}/environ`, 'latin1'), /(^|\0)MALLOC_MMAP_THRESHOLD_=65536(\0|$)/);
      assert.ok(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('--max-semi-space-size=8'));
    } finally {
      await service.stop('SIGTERM');
    }
  });
});
