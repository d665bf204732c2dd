/** Finds the command, reads its options, runs it, and ends the process with its exit code. */

import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { completionOf } from './completion.ts';
import { settingOptions } from './compose/start-options.ts';
import { type ReadSettings, readArguments } from './core/arguments.ts';
import * as shared from './core/options.ts';
import { leave, reportError, say, UsageError } from './core/report.ts';
import { readSettings } from './core/settings-file.ts';
import { version } from './core/version.ts';
import { helpOf, overview } from './help.ts';
import { programLimits } from './limits.ts';
import { manPage } from './man-page.ts';

export async function runCommand(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  process.stdout.on('error', leave);
  const keepAlive = setInterval(() => {}, programLimits.keepAwakeMs); // timers of the clock do not keep the process alive
  process.exitCode = await run(args, environment).catch(reportError);
  clearInterval(keepAlive);
  // Worker threads and sockets that still run have been told to end. The process does not wait for them any longer than this.
  setTimeout(() => process.exit(), programLimits.exitLingerMs).unref();
}

const helpFlags: ReadonlySet<string> = new Set(['--help', '-h']);

async function run(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const isAboutAll = args.length === 0 || (args.length === 1 && (helpFlags.has(args[0]!) || args[0] === 'help'));
  if (isAboutAll) return tell(overview());
  if (args[0] === '--version') return tell(`${version}\n`);
  if (args[0] === 'completion') return tell(completionOf(args[1]));
  if (args[0] === 'man') return tell(manPage());
  const isHelp = args[0] === 'help';
  const words = isHelp ? args.slice(1) : args;
  const command = findCommand(words);
  const rest = words.slice(command.name.split(' ').length);
  const end = rest.indexOf('--');
  if (isHelp || rest.slice(0, end < 0 ? rest.length : end).some((arg) => helpFlags.has(arg))) return tell(helpOf(command));
  const { values, positionals } = readArguments(command.name, command.options, rest, environment, fromFile);
  return command.run(values, positionals);
}

/** `skylark setup` has a flag of the same name for the file that it writes. */
const fromFile: ReadSettings = (path, options) =>
  options.settings === shared.settings ? readSettings(path, options, settingOptions) : { path, given: new Map() };

function tell(text: string): number {
  say(text.trimEnd());
  return 0;
}

/** @throws {UsageError} when there is no such command */
function findCommand(words: readonly string[]): Command {
  const found = commands.find(({ name }) => name.split(' ').every((word, index) => words[index] === word));
  if (found !== undefined) return found;
  const group = commands.filter(({ name }) => name.startsWith(`${words[0]} `)).map(({ name }) => name);
  if (group.length > 0)
    throw new UsageError(`'skylark ${words[0]}' needs one of: ${group.map((name) => name.split(' ')[1]).join(', ')}`);
  const names = [...new Set(commands.map(({ name }) => name.split(' ')[0]))];
  throw new UsageError(`unknown command '${words[0]}'; the commands are: ${names.join(', ')}; see: skylark --help`);
}
