/** The completion scripts in Debian's fish and zsh: fish is asked what it offers, and in zsh somebody types and presses the tab key. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commands } from '../../services/cli/commands.ts';
import { completionOf } from '../../services/cli/completion.ts';
import { flagOf } from '../../services/cli/core/arguments.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-completion-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const scripts = new Map(['fish', 'zsh'].map((shell) => [shell, join(folder, shell)]));
for (const [shell, path] of scripts) writeFileSync(path, completionOf(shell));

const environment = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, TERM: 'dumb' };

function run(shell: string, args: readonly string[]): string {
  const options = { encoding: 'utf8', env: environment, cwd: folder, timeout: 60_000 } as const;
  const { stdout, stderr, status } = spawnSync(shell, args, options);
  assert.deepEqual([status, stderr], [0, ''], stdout);
  return stdout;
}

/** What fish offers for each line. */
function fishOffers(lines: readonly string[]): string[][] {
  const program = `source ${scripts.get('fish')}; ${lines.map((line) => `complete -C '${line}'; echo =`).join('; ')}`;
  const blocks = run('fish', ['--no-config', '-c', program]).split('=\n').slice(0, -1);
  return blocks.map((block) =>
    block
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [line.split('\t')[0]!]))
      .toSorted(),
  );
}

test('fish: commands, options of every command, and values', () => {
  const first = [...new Set(commands.map(({ name }) => name.split(' ')[0]!)), 'help', 'completion', 'man'];
  const [commandsOffered, tenants, registration, services, ...options] = fishOffers([
    'skylark ',
    'skylark tenant s',
    'skylark start --registration ',
    'skylark serve r',
    ...commands.map(({ name }) => `skylark ${name} x --`),
  ]);
  assert.deepEqual(commandsOffered, first.toSorted());
  assert.deepEqual([tenants, registration, services], [['set', 'show'], ['closed', 'open'], ['router']]);
  for (const [at, { name, options: given }] of commands.entries())
    assert.deepEqual(options[at], [...Object.keys(given).map(flagOf), '--help'].toSorted(), name);
});

test('zsh: the tab key completes commands, options and values', () => {
  const typed = ['tena\t sh\t', 'start --https-p\t', 'start --registration cl\t', 'serve rou\t', 'help tena\t'];
  const program = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; PROMPT_EOL_MARK=; autoload -U compinit; compinit -u -D; skylark() { print "typed:$*:" }; source ${scripts.get('zsh')}; print ready'
zpty -r shell text '*
ready*'
for line in ${typed.map((line) => `$'${line.replaceAll('\t', '\\t')}'`).join(' ')}; do
  zpty -w shell "skylark $line"
  zpty -r shell text '*typed:*:*' && print -r -- "$text"
done
zpty -d shell
`;
  const said = [...run('zsh', ['-f', '-c', program]).matchAll(/^typed:(.*):\r?$/gm)].map(([, words]) => words);
  assert.deepEqual(said, ['tenant show', 'start --https-port', 'start --registration closed', 'serve router', 'help tenant']);
});
