/** `skylark completion`: what bash offers, by its own word lists, is what the commands have. The other shells: test/peers/completion.test.ts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { commands } from '../../services/cli/commands.ts';
import { completionOf } from '../../services/cli/completion.ts';
import { flagOf } from '../../services/cli/core/arguments.ts';
import { removeFolder, skylark, temporaryFolder } from './skylark-command.ts';

const hasBash = spawnSync('bash', ['-c', 'mapfile -t x < /dev/null']).status === 0;
const folder = temporaryFolder();
const script = join(folder, 'completion');
writeFileSync(script, completionOf('bash'));
mkdirSync(join(folder, 'a folder'));
writeFileSync(join(folder, 'a file'), '');
after(() => removeFolder(folder));

/** What bash offers for each line; the last word is the one that is being written. */
function offered(lines: readonly (readonly string[])[]): string[][] {
  const ask = lines.map((words) => {
    const all = words.map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(skylark ${all}); COMP_CWORD=${words.length}; _skylark; printf '%s\\n' "\${COMPREPLY[@]}"; echo =`;
  });
  // Outside of a completion that is under way compopt fails.
  const program = `compopt() { :; }; source ${script}\n${ask.join('\n')}`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', program], { encoding: 'utf8', cwd: folder });
  assert.deepEqual([status, stderr], [0, '']);
  const blocks = stdout.split('=\n').slice(0, -1);
  return blocks.map((block) => block.split('\n').filter((line) => line !== ''));
}

const offer = (...words: string[]): string[] => offered([words])[0]!;

describe('bash', { skip: hasBash ? false : 'there is no bash of version 4' }, () => {
  test('commands, the words behind them, and what help and completion take', () => {
    const first = [...new Set(commands.map(({ name }) => name.split(' ')[0]!))];
    assert.deepEqual(offer('').toSorted(), [...first, 'help', 'completion', 'man', '--help', '--version'].toSorted());
    assert.deepEqual(
      offer('te'),
      ['tenant'].filter((word) => word.startsWith('te')),
    );
    assert.deepEqual(offer('tenant', ''), ['add', 'prove', 'remove', 'list', 'set', 'show', 'index']);
    assert.deepEqual(offer('completion', ''), ['bash', 'zsh', 'fish']);
    assert.deepEqual(offer('help', '').toSorted(), first.toSorted());
    assert.deepEqual(offer('nothing', ''), []);
  });

  test('every option of every command, and no other', () => {
    assert.ok(commands.length >= 50);
    const lines = commands.map(({ name }) => [...name.split(' '), 'x', '--']);
    for (const [at, words] of offered(lines).entries()) {
      const { name, options } = commands[at]!;
      assert.deepEqual(words, [...Object.keys(options).map(flagOf), '--help'], name);
    }
  });

  test('values that are one of a few, files, folders, and nothing where only people know', () => {
    assert.deepEqual(offer('start', '--registration', ''), ['open', 'closed']);
    assert.deepEqual(offer('tenant', 'set', 'a.example', '--federation', 'l'), ['listed']);
    assert.deepEqual(offer('start', '--data', ''), ['a folder']);
    assert.deepEqual(offer('start', '--cert', 'a').toSorted(), ['a file', 'a folder']);
    assert.deepEqual(offer('start', '--domain', ''), []);
    assert.ok(offer('serve', '').includes('router'));
  });
});

test('a shell that there is no script for is refused, and so is none', async () => {
  for (const args of [['completion'], ['completion', 'csh'], ['completion', 'toString']]) {
    const { out, err, code } = await skylark(args);
    assert.deepEqual([out, code], ['', 2], err);
    assert.match(err, /'skylark completion' needs one of: bash, zsh, fish/);
  }
});

test('the command prints the script', async () => {
  const { out, err, code } = await skylark(['completion', 'zsh']);
  assert.deepEqual([out, err, code], [completionOf('zsh'), '', 0]);
});

test('no text has a character that a shell would read as something else between single quotes', () => {
  for (const { name, summary, options } of commands)
    for (const text of [name, summary, ...Object.values(options).map((option) => option.text)])
      assert.doesNotMatch(text, /[\\\n]/, name);
});
