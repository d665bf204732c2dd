/** docs/from-other-servers.md names every command of Debian's prosodyctl and ejabberdctl. The programs are asked which they have. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const page = readFileSync(new URL('../../docs/from-other-servers.md', import.meta.url), 'utf8');
/** By column: what stands between backquotes in tables, as whole texts and as their first words. */
const named = [1, 2].map((column) => {
  const cells = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(' | ').at(column - 1) ?? '');
  const texts = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!));
  return new Set(texts.flatMap((text) => [text, text.split(' ')[0]!]));
});

function missing(column: 1 | 2, commands: readonly string[]): string[] {
  return [...new Set(commands)].filter((command) => !named[column - 1]!.has(command));
}

const ask = (program: string, args: readonly string[]) => spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
const hasProsody = ask('prosodyctl', ['about']).status !== null;
const [ejabberd] = globSync('/usr/lib/*/ejabberd-*/ebin/ejabberd_commands.beam');

test('prosodyctl, and the shell', { skip: !hasProsody && 'there is no Prosody' }, () => {
  const own = [...ask('prosodyctl', ['--help']).stdout.matchAll(/^ ([a-z]+)(?: JID)? {2,}\S/gm)].map(([, name]) => name!);
  assert.ok(own.length >= 12, own.join());
  const cert = [...ask('prosodyctl', ['cert']).stdout.matchAll(/prosodyctl (cert [a-z]+) /g)].map(([, name]) => name!);
  assert.ok(cert.length >= 3, cert.join());
  const [path] = globSync('/usr/lib/prosody/modules/mod_admin_shell.lua');
  const shell = readFileSync(path!, 'utf8');
  const functions = [...shell.matchAll(/^function def_env\.([a-z0-9]+):([a-z_]+)\(/gm)].map(
    ([, group, name]) => `${group}:${name}`,
  );
  assert.ok(functions.length >= 45, functions.join());
  assert.deepEqual(missing(1, [...own, ...cert, ...functions]), []);
});

test('ejabberdctl, with the commands of all its modules', { skip: ejabberd === undefined && 'there is no ejabberd' }, () => {
  const program = `
    Modules = [list_to_atom(filename:basename(File, ".beam")) || File <- filelib:wildcard(filename:dirname("${ejabberd}") ++ "/*.beam")],
    lists:foreach(fun(Module) ->
      code:ensure_loaded(Module),
      case erlang:function_exported(Module, get_commands_spec, 0) of
        true -> catch [io:format("~s~n", [element(2, Command)]) || Command <- Module:get_commands_spec()];
        false -> ok
      end
    end, Modules), halt().`;
  const { stdout } = spawnSync('erl', ['-noinput', '-eval', program], {
    ...{ encoding: 'utf8', timeout: 60_000, env: { ...process.env, ERL_LIBS: '/usr/lib/x86_64-linux-gnu' } },
  });
  const commands = stdout.trim().split('\n');
  assert.ok(commands.length > 120, `${commands.length}`);
  const script = readFileSync('/usr/sbin/ejabberdctl', 'utf8');
  const own = [...script.slice(script.lastIndexOf('case $1 in')).matchAll(/^ {4}([a-z]+(?:-[a-z]+)?)\)$/gm)].map(
    ([, name]) => name!,
  );
  assert.ok(own.length >= 8, own.join());
  assert.deepEqual(missing(2, [...commands, ...own]), []);
});
