/** `skylark man` prints a page in the macros of man(7) that has every command and option, and that man(1) takes without a warning. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { commands } from '../../services/cli/commands.ts';
import { flagOf } from '../../services/cli/core/arguments.ts';
import { settings } from '../../services/cli/core/options.ts';
import { manPage } from '../../services/cli/man-page.ts';
import { skylark } from './skylark-command.ts';

const page = manPage();
const hasMan = spawnSync('man', ['--version']).status === 0;
const unescaped = (text: string) =>
  text
    .replaceAll('\\-', '-')
    .replaceAll(/\\f[BIR]/g, '')
    .replaceAll('\\&', '');

test('it has a section for each command, with its options', () => {
  const sections = unescaped(page)
    .split(/^\.SS /m)
    .slice(1);
  assert.equal(sections.length, commands.length);
  for (const [at, { name, positionals, options }] of commands.entries()) {
    const section = sections[at]!.replaceAll('\n', ' ');
    assert.ok(section.startsWith(`${name} skylark ${[name, ...positionals, '[options]'].join(' ')} .PP`), name);
    for (const [option, given] of Object.entries(options))
      if (given !== settings)
        assert.ok(section.includes(` .TP ${`${flagOf(option)} ${given.placeholder}`.trim()} `), `${name} ${option}`);
  }
});

test('no line is taken for a request by mistake, and none is long', () => {
  for (const line of page.trimEnd().split('\n')) {
    assert.match(line, /^(?:\.(?:\\"|TH|SH|SS|TP|TQ|PP|B|I|RI|BR|nf|fi)\b|\.\\"|[^.'])/, line);
    if (!line.startsWith('.')) assert.ok(line.length <= 100, line);
  }
});

test('man takes it without a warning and shows it', { skip: !hasMan && 'there is no man' }, () => {
  const environment = { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80', MAN_KEEP_FORMATTING: '' };
  const shown = spawnSync('man', ['--warnings', '-l', '-'], { encoding: 'utf8', input: page, env: environment });
  assert.deepEqual([shown.stderr, shown.status], ['', 0]);
  assert.match(shown.stdout, /^ {3}tenant set\n {7}skylark tenant set DOMAIN \[options\]$/m);
});

describe('the command', () => {
  test('prints the page', async () => {
    assert.deepEqual(await skylark(['man']), { out: page, err: '', code: 0 });
  });
});
