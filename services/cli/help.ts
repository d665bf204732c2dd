/** Help texts. They come from the same tables with which the arguments are read. */

import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { flagOf, type Option, variableOf } from './core/arguments.ts';
import { version } from './core/version.ts';
import { programLimits } from './limits.ts';

export function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  return `Skylark ${version}: an XMPP service, from a laptop to a Region.

Usage: skylark COMMAND [OPTIONS]

${lines.join('\n')}

  ${'help COMMAND'.padEnd(width)}shows the options of a command
  ${'completion SHELL'.padEnd(width)}prints a script for bash, zsh or fish that completes commands and options
  ${'man'.padEnd(width)}prints the manual page, as in: skylark man | man -l -
  ${'--version'.padEnd(width)}prints the version

To try the whole service in one process:  skylark start
`;
}

export function helpOf({ name, positionals, summary, text, options }: Command): string {
  const heads = Object.entries(options).map(([option, { placeholder }]) => `${flagOf(option)} ${placeholder}`.trimEnd());
  const width = Math.max(0, ...heads.map((head) => head.length)) + 2;
  const lines = Object.values(options).map((option, index) => entry(heads[index]!, width, describe(option)));
  const [example] = Object.entries(options).find(([, { isFlagOnly }]) => !isFlagOnly)!;
  const isAny = Object.values(options).some(({ isFlagOnly }) => isFlagOnly) ? 'Each other option' : 'Each option';
  return `Usage: skylark ${[name, ...positionals, '[OPTIONS]'].join(' ')}

${[`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`, ...text].join('\n')}

${lines.join('\n')}

${isAny} can also be set by an environment variable, such as ${variableOf(example)} for ${flagOf(example)}; an option wins over its variable.
`;
}

/** Texts that do not fit on the line go on below themselves. */
function entry(head: string, width: number, text: string): string {
  const indent = 2 + width;
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && indent + line.length + 1 + word.length > programLimits.helpColumns) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return `  ${head.padEnd(width)}${lines.join(`\n${' '.repeat(indent)}`)}`;
}

function describe({ text, preset }: Option<unknown>): string {
  return preset === undefined ? text : `${text} [${preset}]`;
}
