/** Whether the table of tasks is that of the list of operations. */
import { existsSync, readFileSync } from 'node:fs';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import { tasks } from './table.ts';
import type { Place, Task } from './task.ts';

const place: Place = {
  ...{ way: 'command', domain: 'a.example', other: 'old.a.example', hook: 'https://app.example/hook' },
  ...{ romeo: 'romeo@a.example', nurse: 'nurse@a.example', theirFile: '', newFile: '' },
  certificate: { files: [], chain: '', key: '' },
};

/** An operation has one task, and every way that it declares; what it has no way for says why in docs/operations.md. */
export function tableFaults(operations: readonly OperationDescription[], table: readonly Task[] = tasks): string[] {
  const known = new Set(operations.map(({ name }) => name));
  const strangers = table
    .filter(({ operation }) => !known.has(operation))
    .map(({ operation }) => `${operation} is not an operation`);
  return [...strangers, ...operations.flatMap((operation) => taskFaults(operation, table))];
}

function taskFaults({ name, commands, http, isReadOnly }: OperationDescription, table: readonly Task[]): string[] {
  const [task, ...more] = table.filter(({ operation }) => operation === name);
  if (task === undefined) return [`${name} has no task in test/end-to-end/tasks/table.ts`];
  const faults = more.length > 0 ? [`${name} has several tasks`] : [];
  const { command, given, shows, elsewhere } = task;
  if (elsewhere !== undefined) return [...faults, ...faultsElsewhere(name, elsewhere)];
  const asked = 'whyNone' in commands ? [] : commands;
  if (asked.length > 0 !== (command !== undefined)) faults.push(`${name} is done by command, or not, against its declaration`);
  const said = command?.(place, 'id').join(' ') ?? '';
  if (command !== undefined && !asked.some((one) => `${said} `.startsWith(`${one} `)))
    faults.push(`${name} is asked for by '${said}', which is not a command of its own`);
  if ('whyNone' in http === (given !== undefined)) faults.push(`${name} is done by the API, or not, against its declaration`);
  const isRead = isReadOnly === true || (!('whyNone' in http) && http.method === 'get');
  if (isRead && shows === undefined) faults.push(`${name} changes nothing, and its task does not say what is shown`);
  return faults;
}

/** A test somewhere else names what it does: the operation, or its declaration. */
function faultsElsewhere(name: string, file: string): string[] {
  const path = new URL(`../../../${file}`, import.meta.url);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const declaration = name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  return text.includes(`'${name}'`) || text.includes(declaration) ? [] : [`${name} is not done in ${file}`];
}
