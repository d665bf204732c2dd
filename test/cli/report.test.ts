/** What the command says of bad input: one line that is read as it stands, whatever the input was. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { quote, reasonOf } from '../../services/cli/core/report.ts';
import { skylark } from './skylark-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-report-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const red = '\u001b[31m';
const turned = '\u202e';
const steering = /[\p{Cc}\u202e]/u;

describe('an error is one line', () => {
  for (const [what, args, wanted] of [
    ['an option', ['dns', `--regi${red}on=x`], /^skylark: unknown option '--regi\\u001b\[31mon' of 'skylark dns'; /],
    [
      'a value of an option',
      ['user', 'list', `--region=${red}x`],
      /^skylark: --region: '\\u001b\[31mx' is not allowed; it takes /,
    ],
    ['an argument', ['console', `a${turned}b`], /^skylark: 'a\\u202eb' is an unexpected argument; /],
    ['a command', [`x${red}`], /^skylark: unknown command 'x\\u001b\[31m'; /],
    ['lines', ['user', 'list', '--region=a\n  b'], /^skylark: --region: 'a b' is not allowed/],
  ] as const)
    test(`whatever ${what} would do to the terminal`, async () => {
      const { err, out, code } = await skylark(args);
      assert.match(err, wanted);
      assert.match(err, /\n$/);
      assert.doesNotMatch(err.slice(0, -1), steering);
      assert.deepEqual([out, code !== 0], ['', true]);
    });

  test('of something long, which says at its beginning what was wrong and at its end what is right', async () => {
    const { err, code } = await skylark(['user', 'list', `--region=${'z'.repeat(100_000)}`]);
    assert.ok(err.length < 1_000, `${err.length} characters`);
    assert.match(err, /^skylark: --region: 'zzz[^\n]* … [^\n]*zzz' is not allowed; it takes a region, such as eu-central-1\n$/);
    assert.equal(code, 2);
  });
});

test('a file in place of the folder is told from a service that does not answer', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const { err, code } = await skylark(['tenant', 'list', '--data', file]);
  assert.match(err, /^skylark: '[^']+file' is a file, and not the folder of a service: /);
  assert.equal(code, 1);
});

test('what is wrong with a path is said in words', () => {
  const loop = join(folder, 'loop');
  symlinkSync(loop, loop);
  for (const [path, reason] of [
    ['x'.repeat(5_000), 'the path is too long'],
    ['a\0b', 'no path has such a character'],
    [loop, 'its links lead in a circle'],
    [join(folder, 'nothing'), 'no such file or folder'],
  ] as const)
    assert.throws(
      () => readFileSync(path),
      (error) => reasonOf(error) === reason,
    );
});

test('output that cannot be written is an error, and not silence', { skip: process.platform !== 'linux' }, () => {
  const main = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [main, '--help'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
  assert.deepEqual([status, stderr], [1, 'skylark: standard output cannot be written: the disk is full\n']);
});

test('a reader of a pipe who has read enough is not told of it', { skip: process.platform === 'win32' }, () => {
  const main = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
  const command = `'${process.execPath}' '${main}' man | head -c 1 > /dev/null`;
  const { stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  assert.equal(stderr, '');
});

test('a word is quoted so that a shell reads the same again, and a terminal is not steered', {
  skip: process.platform !== 'linux',
}, () => {
  const words = ['plain', "it's", 'two words', `a${red}b'c\\d`, 'tab\there', `x${turned}y`];
  for (const word of words) {
    assert.doesNotMatch(quote(word), steering);
    const { stdout } = spawnSync('bash', ['-c', `printf %s ${quote(word)}`], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    assert.equal(stdout, word);
  }
});
