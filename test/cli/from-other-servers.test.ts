/** The page for those who come from other servers names commands that are there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commands } from '../../services/cli/commands.ts';
import { flagOf } from '../../services/cli/core/arguments.ts';

const page = readFileSync(new URL('../../docs/from-other-servers.md', import.meta.url), 'utf8');
/** The program itself has these, beside the list. */
const own: readonly string[] = ['man', 'help', 'completion'];

test('each command that docs/from-other-servers.md names is one of the program, with its arguments and options', () => {
  const named = [...page.matchAll(/`skylark ([a-z][^`]*)`/g)].map(([, line]) => line!.split(' '));
  assert.ok(named.length > 60, 'the page names commands');
  const wrong = named.filter((words) => {
    const end = words.findIndex((word) => !/^[a-z]+$/.test(word));
    const found = commands
      .filter(({ name }) => words.join(' ').startsWith(name) && name.split(' ').length <= (end < 0 ? words.length : end))
      .toSorted((one, other) => other.name.length - one.name.length)[0];
    if (found === undefined) return !own.includes(words[0]!);
    const rest = words.slice(found.name.split(' ').length);
    const flags = rest.filter((word) => word.startsWith('--'));
    const places = rest.slice(0, flags.length === 0 ? undefined : rest.indexOf(flags[0]!));
    return (
      places.length > found.positionals.length || flags.some((flag) => !Object.keys(found.options).map(flagOf).includes(flag))
    );
  });
  assert.deepEqual(wrong, []);
});

test('where there is no twin, the page says why', () => {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| prosodyctl') && !line.startsWith('|---'));
  assert.ok(rows.length > 50);
  for (const row of rows) {
    const twin = row.split(' | ').at(-1)!;
    assert.ok(/`skylark |`\/api|`systemctl`|SKYLARK_|^none( yet| to run| for [a-z ]+)?: .{15}|^none yet/.test(twin), twin);
  }
});
