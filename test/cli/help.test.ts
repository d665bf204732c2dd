/** Help says what there is, of every command, and what does not exist yet. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { commands } from '../../services/cli/commands.ts';
import { flagOf } from '../../services/cli/core/arguments.ts';
import { helpOf, overview } from '../../services/cli/help.ts';
import { skylark } from './skylark-command.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

for (const args of [[], ['--help'], ['-h'], ['help']]) {
  test(`skylark ${args.join(' ')} lists the commands`, async () => {
    const { out, err, code } = await skylark(args);
    assert.equal(out, overview());
    assert.deepEqual({ err, code }, { err: '', code: 0 });
    for (const { name, summary } of commands) assert.ok(out.includes(`  ${name} `) && out.includes(summary), name);
  });
}

test('skylark --version says which', async () => {
  assert.deepEqual(await skylark(['--version']), { out: `${version}\n`, err: '', code: 0 });
});

describe('the help of a command names each of its options', () => {
  assert.ok(commands.length >= 10);
  for (const command of commands) {
    test(command.name, () => {
      const help = helpOf(command);
      assert.ok(help.startsWith(`Usage: skylark ${command.name} `));
      for (const name of Object.keys(command.options)) assert.ok(help.includes(`  ${flagOf(name)}`), name);
      for (const line of help.split('\n')) assert.ok(line.length <= 140, line);
    });
  }
});

test('the same help comes by word and by flag, whatever else is said', async () => {
  const [word, flag] = await Promise.all([skylark(['help', 'start']), skylark(['start', '--domain', '..', '--help'])]);
  assert.equal(word.out, flag.out);
  assert.deepEqual([word.code, flag.code], [0, 0]);
});

test('help of start says when there is federation, and where components connect', async () => {
  const { out } = await skylark(['help', 'start']);
  assert.match(out, /Components, such as gateways, connect to --component-port/);
  assert.match(out, /--s2s-port PORT +port for other servers, STARTTLS; 0 for none; .*none on a loopback address/);
  assert.match(out, /--component-port PORT +port for components, .*the default is 5347/);
});
