/** The page for those who come from other servers names commands that are there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commands } from '../../services/cli/commands.ts';

test('each command that docs/from-other-servers.md names is one of the program, with its arguments', () => {
  const page = readFileSync(new URL('../../docs/from-other-servers.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/`skylark ([a-z ]+?)((?: [A-Z]+)*)`/g)].map(([, name, words]) => ({
    name: name!,
    words: words!.trim().split(' ').filter(Boolean).length,
  }));
  assert.ok(named.length > 25, 'the page names commands');
  const wrong = named.filter(({ name, words }) => {
    const found = commands.find((command) => command.name === name);
    return found === undefined || words > found.positionals.length;
  });
  assert.deepEqual(wrong, []);
});
