/** The tables of docs/operations.md that say how each task is done: by which command, by which route of the REST API, and where there is no such way, why. */
import type { OperationDescription } from '../lib/runtime/operation.ts';

/** Commands that ask for no operation, and why there is neither a route nor a page for what they do. */
export const onlyCommands: Readonly<Record<string, string>> = {
  start: 'it is the service',
  cluster: 'it is the service',
  serve: 'it is a process of the service',
  setup: 'it prepares the machine, before there is a service',
  'service install': 'it prepares the machine, before there is a service',
  'audit-verify': 'it reads files that `audit` has printed, and asks no service',
  backup: 'it copies folders of the machine',
  restore: 'it makes the folders of a service that does not run',
  doctor: 'it looks from outside, or at the machine; the console shows what it finds of a domain',
  cost: 'it computes, and asks no service',
  completion: 'it prints what the program knows of itself',
  man: 'it prints what the program knows of itself',
};

const [begin, end] = ['<!-- tasks -->', '<!-- /tasks -->'] as const;

export function taskTables(operations: readonly OperationDescription[]): string {
  const rows = operations.map(({ name, help, commands, http }) => {
    const command = 'whyNone' in commands ? none(commands.whyNone) : commands.map((one) => `\`${one}\``).join(', ');
    const route = 'whyNone' in http ? none(http.whyNone) : `\`${http.method.toUpperCase()} ${http.path}\``;
    return `| \`${name}\` | ${help} | ${command} | ${route} |`;
  });
  const others = Object.entries(onlyCommands).map(([command, why]) => `| \`${command}\` | ${why} |`);
  return [
    begin,
    '',
    ...['| Operation | What it does | Command | REST API |', '| --- | --- | --- | --- |', ...rows],
    '',
    'These are commands only:',
    '',
    ...['| Command | Why |', '| --- | --- |', ...others],
    '',
    end,
  ].join('\n');
}

function none(why: string): string {
  return `none: ${why}`;
}

/** The page with its tables as they should be. @throws when it has no place for them */
export function withTables(page: string, operations: readonly OperationDescription[]): string {
  const [from, until] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || until < from) throw new Error(`the page has no ${begin} before an ${end}`);
  return page.slice(0, from) + taskTables(operations) + page.slice(until + end.length);
}

/** The words behind `skylark` in code, such as `user add`; of `user add|remove`, each. @param names of all commands */
export function commandsIn(page: string, names: readonly string[]): ReadonlySet<string> {
  const code = [...page.matchAll(/```\w*\n(.*?)```|`([^`\n]+)`/gs)].map(([, block, inline]) => block ?? inline!).join('\n');
  const found = [...code.matchAll(/\b(?:skylark )+([a-z]+)(?: ([a-z]+(?:\|[a-z]+)*))?/g)].flatMap(
    ([, first = '', seconds = '']) => {
      const isGroup = names.some((name) => name.startsWith(`${first} `));
      return isGroup && !(names.includes(first) && seconds === '')
        ? seconds.split('|').map((second) => `${first} ${second}`)
        : [first];
    },
  );
  return new Set(found);
}
