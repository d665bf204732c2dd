/** `skylark man`: the manual page skylark(1), from the same tables as the help. It is written in the macros of man(7). */
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { flagOf, type Option } from './core/arguments.ts';
import { settings } from './core/options.ts';
import { version } from './core/version.ts';

/** A line of text: nothing in it is read as a request or an escape. */
const plain = (text: string): string => text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/, '\\&$&');
const bold = (text: string): string => `\\fB${plain(text)}\\fR`;
const slanted = (text: string): string => `\\fI${plain(text)}\\fR`;
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** Characters of a line of the source, which man(7) asks to be short. */
const columns = 79;

/** Text in lines. A break is a space to the reader. */
function wrapped(text: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word.replace(/^[.']/, '\\&$&') : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** What stands between backquotes is a command. */
function prose(lines: readonly string[]): string {
  const parts = lines.join(' ').split('`');
  return wrapped(parts.map((part, index) => (index % 2 === 1 ? bold(part) : plain(part))).join(''));
}

function optionOf([name, { placeholder, text, preset }]: [string, Option<unknown>]): string {
  const head = placeholder === '' ? bold(flagOf(name)) : `${bold(flagOf(name))} ${slanted(placeholder)}`;
  return `.TP\n${head}\n${prose([preset === undefined ? text : `${text} [${preset}]`])}`;
}

function sectionOf({ name, positionals, summary, text, options }: Command): string {
  const usage = wrapped([bold(`skylark ${name}`), ...positionals.map(slanted), '[\\fIoptions\\fR]'].join(' '));
  const own = Object.entries(options).filter(([, option]) => option !== settings);
  const lines = [`.SS ${plain(name)}`, usage, '.PP', prose([`${sentence(summary)}.`, ...text]), ...own.map(optionOf)];
  return lines.join('\n');
}

export function manPage(): string {
  return `.\\" Made from the list of commands: skylark man
.TH SKYLARK 1 "" "Skylark ${version}" "User Commands"
.SH NAME
skylark \\- a multi\\-tenant, federated XMPP service
.SH SYNOPSIS
.B skylark
.I command
.RI [ options ]
.SH DESCRIPTION
${prose([
  'Skylark serves accounts, rooms and files of many domains over XMPP.',
  '`skylark start` runs the whole service on one machine, with its data in a folder. The other commands set it up, ask it and change it.',
])}
.PP
${prose(['`skylark help COMMAND` shows the options of a command, and `skylark completion SHELL` prints a script for bash, zsh or fish that completes them.'])}
.SH COMMANDS
${commands.map(sectionOf).join('\n')}
.SH ENVIRONMENT
${prose([
  'Each option can be set by a variable: `SKYLARK_DOMAIN` stands for `--domain`, and so on, but for options that write or change',
  'something by themselves. A flag wins over its variable, and that over the file of settings.',
])}
.TP
${bold('SKYLARK_LOG_LEVEL')}
${prose(['how much is logged on standard error: fatal, error, warn, info, debug, trace or silent'])}
.TP
${bold('SKYLARK_SETTINGS')}
the file of settings, or none
.SH FILES
.TP
.I ./skylark.toml
.TQ
.I /etc/skylark/skylark.toml
${prose([
  'The file of settings: the first of the two that is there, unless `--settings` names another one. Its keys are the names of the',
  'options of `skylark start`. Every command that has `--data` reads it.',
])}
.TP
.I /etc/systemd/system/skylark.service
The unit that ${bold('skylark service install')} writes.
.SH EXIT STATUS
0 when it is done, 1 when it cannot be done, 2 when the command line or a setting is wrong.
.SH EXAMPLES
.nf
sudo skylark setup
sudo skylark service install
sudo skylark user add juliet@example.org
.fi
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1)
`;
}
