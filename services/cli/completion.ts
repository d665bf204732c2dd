/** `skylark completion SHELL`: scripts that complete commands, options and their values, from the same tables as the help. */
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { flagOf, type Option } from './core/arguments.ts';
import { UsageError } from './core/report.ts';

interface Word {
  readonly word: string;
  readonly about: string;
}

interface Flag extends Word {
  /** What can stand behind it: nothing (a switch), one of a few words, a file, a folder, or what only people know. */
  readonly takes: 'nothing' | 'file' | 'folder' | 'text' | readonly string[];
}

interface Completed extends Word {
  readonly flags: readonly Flag[];
  /** The words that its first positional argument may be. */
  readonly choices: readonly string[];
}

const help: Flag = { word: '--help', about: 'shows the options of the command', takes: 'nothing' };
const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const own: readonly Word[] = [
  { word: 'help', about: 'shows the options of a command' },
  { word: 'completion', about: 'prints a script that completes commands in a shell' },
  { word: 'man', about: 'prints the manual page' },
];

/** @throws {UsageError} for a shell that there is no script for */
export function completionOf(shell: string | undefined): string {
  if (shell === undefined || !Object.hasOwn(shells, shell))
    throw new UsageError(`'skylark completion' needs one of: ${Object.keys(shells).join(', ')}`);
  return shells[shell as keyof typeof shells]();
}

function completed({ name, summary, positionals, options }: Command): Completed {
  const flags = Object.entries(options).map(([option, given]) => ({
    word: flagOf(option),
    about: given.text,
    takes: taken(given),
  }));
  return {
    word: name,
    about: summary,
    flags: [...flags, help],
    choices: /^[\w|-]+$/.test(positionals[0] ?? '') ? choicesIn(positionals[0]!) : [],
  };
}

const choicesIn = (text: string): string[] => (text.includes('|') ? text.split('|') : []);

function taken({ placeholder, allowed }: Option<unknown>): Flag['takes'] {
  if (placeholder === '') return 'nothing';
  if (placeholder === 'FILE') return 'file';
  if (placeholder === 'FOLDER') return 'folder';
  return /^'[^']+'(?: or '[^']+')*$/.test(allowed) ? [...allowed.matchAll(/'([^']+)'/g)].map(([, choice]) => choice!) : 'text';
}

/** First words, in their order, with the words that may follow each; none for a command of one word. */
function groups(): ReadonlyMap<string, readonly Word[]> {
  const found = new Map<string, Word[]>(own.map(({ word }) => [word, []]));
  for (const { name, summary } of commands) {
    const [first, second] = name.split(' ') as [string, string | undefined];
    const words = found.get(first) ?? [];
    if (second !== undefined) words.push({ word: second, about: summary });
    found.set(first, words);
  }
  found.set(
    'completion',
    Object.keys(shells).map((word) => ({ word, about: `the script for ${word}` })),
  );
  const known = [...found.keys()].filter((word) => !own.some((one) => one.word === word));
  found.set(
    'help',
    known.map((word) => ({ word, about: `shows ${word}` })),
  );
  return found;
}

function firstWords(): Word[] {
  const about = new Map(
    [...own, ...commands.map(({ name, summary }) => ({ word: name, about: summary }))].map((one) => [one.word, one.about]),
  );
  return [...groups()].map(([word, words]) => ({ word, about: about.get(word) ?? words.map((one) => one.word).join(', ') }));
}

/** For all three shells: a text between single quotes, in which bash and zsh have no escapes, and fish has two. */
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const list = (words: readonly (string | Word)[]) =>
  quoted(words.map((one) => (typeof one === 'string' ? one : one.word)).join(' '));
const grouped = () => [...groups()].filter(([, words]) => words.length > 0);

function bashScript(): string {
  const values = commands.map(completed).flatMap(({ word, flags }) =>
    flags.flatMap(({ word: flag, takes }) => {
      const on = `    ${quoted(`${word} ${flag}`)})`;
      if (takes === 'nothing') return [];
      if (takes === 'file') return [`${on} kind=file ;;`];
      if (takes === 'folder') return [`${on} kind=folder ;;`];
      return [takes === 'text' ? `${on} return ;;` : `${on} words=${list(takes)} ;;`];
    }),
  );
  const options = commands
    .map(completed)
    .map(({ word, flags, choices }) => `      ${quoted(word)}) words=${list([...choices, ...flags])} ;;`);
  return `# bash completion of skylark
_skylark() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} key=\${COMP_WORDS[1]} words='' kind=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words=${list([...groups().keys(), '--help', '--version'])}
  elif ((COMP_CWORD == 2)); then
    case $key in
${grouped()
  .map(([first, words]) => `    ${first}) words=${list(words)} ;;`)
  .join('\n')}
    esac
  fi
  if [[ -z $words ]]; then
    case $key in ${grouped()
      .map(([first]) => first)
      .join('|')}) key="$key \${COMP_WORDS[2]}" ;; esac
    case "$key $prev" in
${values.join('\n')}
    *)
      case $key in
${options.join('\n')}
      esac ;;
    esac
  fi
  case $kind in
    file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
  esac
}
complete -F _skylark skylark
`;
}

function zshScript(): string {
  const described = (words: readonly Word[]) => words.map(({ word, about }) => quoted(`${word}:${about}`)).join(' ');
  const values = commands.map(completed).flatMap(({ word, flags }) =>
    flags.flatMap(({ word: flag, takes }) => {
      const on = `    ${quoted(`${word} ${flag}`)})`;
      if (takes === 'nothing') return [];
      if (takes === 'file') return [`${on} _files; return ;;`];
      if (takes === 'folder') return [`${on} _files -/; return ;;`];
      return [takes === 'text' ? `${on} return ;;` : `${on} found=(${takes.map(quoted).join(' ')}) ;;`];
    }),
  );
  const options = commands.map(completed).map(({ word, flags, choices }) => {
    const words = [...choices.map((choice) => ({ word: choice, about: choice })), ...flags];
    return `      ${quoted(word)}) found=(${described(words)}) ;;`;
  });
  return `#compdef skylark
_skylark() {
  local key=$words[2]
  local -a found
  if ((CURRENT == 2)); then
    found=(${described(firstWords())})
  elif ((CURRENT == 3)); then
    case $key in
${grouped()
  .map(([first, words]) => `    ${first}) found=(${described(words)}) ;;`)
  .join('\n')}
    esac
  fi
  if ((\${#found} == 0)); then
    case $key in (${grouped()
      .map(([first]) => first)
      .join('|')}) key="$key $words[3]" ;; esac
    case "$key $words[CURRENT-1]" in
${values.join('\n')}
    *)
      case $key in
${options.join('\n')}
      esac ;;
    esac
  fi
  _describe 'skylark' found
}
if [[ $funcstack[1] == _skylark ]]; then _skylark "$@"; else compdef _skylark skylark; fi
`;
}

function fishScript(): string {
  const line = (when: string, rest: string, about: string) =>
    `complete -c skylark -n ${quoted(when)} ${rest} -d ${quoted(about)}`;
  const after = { nothing: '', file: ' -r -F', folder: " -x -a '(__fish_complete_directories)'", text: ' -x' } as const;
  const behind = (takes: Flag['takes']) => (typeof takes === 'string' ? after[takes] : ` -x -a ${list(takes)}`);
  return `# fish completion of skylark
function __skylark_behind --description 'True when the words before the cursor begin with these'
  set -l words (commandline -opc)
  set -l last (math 1 + (count $argv))
  test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end
function __skylark_right_behind --description 'True when the words before the cursor are these'
  set -l words (commandline -opc)
  test "$words[2..-1]" = "$argv"
end
complete -c skylark -f
${[
  ...firstWords().map(({ word, about }) => line('test (count (commandline -opc)) -eq 1', `-a ${word}`, about)),
  line('test (count (commandline -opc)) -eq 1', '-l version', 'prints the version'),
  ...grouped().flatMap(([first, words]) =>
    words.map(({ word, about }) => line(`__skylark_right_behind ${first}`, `-a ${word}`, about)),
  ),
  ...commands
    .map(completed)
    .flatMap(({ word, flags, choices }) => [
      ...choices.map((choice) => line(`__skylark_right_behind ${word}`, `-a ${choice}`, '')),
      ...flags.map((flag) => line(`__skylark_behind ${word}`, `-l ${flag.word.slice(2)}${behind(flag.takes)}`, flag.about)),
    ]),
].join('\n')}
`;
}
