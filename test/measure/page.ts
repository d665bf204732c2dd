/** The tables of `docs/cost.md` and `docs/operations.md`, from `measured.json` and the price table, so that they cannot say anything else. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { type Line, type Shape, skylarkBill, totalOf } from '../../services/cli/cost/bill.ts';
import { costOptions } from '../../services/cli/cost/cost-options.ts';
import { loadOf } from '../../services/cli/cost/load.ts';
import { serversBill } from '../../services/cli/cost/servers.ts';
import type { Actions } from './actions.ts';

export const pagePath = fileURLToPath(new URL('../../docs/cost.md', import.meta.url));
export const operationsPath = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));
const region = 'eu-central-1';
const sizes: readonly (readonly [users: number, shape: Shape])[] = [
  [1_000, 'small'],
  [10_000, 'small'],
  [10_000, 'cell'],
  [100_000, 'cell'],
  [1_000_000, 'cell'],
];

/** Which lines of a bill stand together. */
const groups: readonly (readonly [title: string, of: RegExp])[] = [
  ['store, requests', /^DynamoDB (?:writes|reads|heartbeats)/],
  ['store, kept', /^DynamoDB (?:storage|recovery)|^database storage|^its disk/],
  ['computers', /tasks?, |^NATS|servers? \(|^their disks|^database, /],
  ['network', /address|^load balancer|^NAT gateways|between|^streams to/],
  ['files', /^files|^requests for files/],
  ['the rest', /^pages|^logs|^metrics|^alarms|^key/],
];

function dollars(usd: number): string {
  return `$${Math.round(usd).toLocaleString('en-US')}`;
}

function grouped(lines: readonly Line[]): string[] {
  const sums = groups.map(([, of]) => lines.filter(({ item }) => of.test(item)).reduce((sum, { usd }) => sum + usd, 0));
  const left = lines.filter(({ item }) => groups.filter(([, of]) => of.test(item)).length !== 1);
  if (left.length > 0) throw new Error(`in no group, or in several: ${left.map(({ item }) => item).join(', ')}`);
  return sums.map(dollars);
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Ours, and that of servers. */
function billsOf(users: number, shape: Shape): readonly [Line[], Line[]] {
  const { values: habits } = readArguments('cost', costOptions, ['--users', `${users}`], {});
  const load = loadOf(habits);
  return [skylarkBill(load, habits, shape, region).lines, serversBill(load, habits, shape, region).lines];
}

/** What an operator asks first; the rest is in `docs/cost.md`. */
export function summaryTable(): string[] {
  const head = ['users', 'shape', 'Skylark, a month', 'servers of the usual kind'];
  const rows = sizes.map(([users, shape]) => {
    const [bill, others] = billsOf(users, shape);
    return row([users.toLocaleString('en-US'), shape, dollars(totalOf(bill)), dollars(totalOf(others))]);
  });
  return [row(head), row(['---:', '---', '---:', '---:']), ...rows];
}

export function costTable(): string[] {
  const head = ['users', '', ...groups.map(([title]) => title), 'a month', '1,000 users'];
  const rows = sizes.flatMap(([users, shape]) => {
    const [bill, others] = billsOf(users, shape);
    return [
      [`${users.toLocaleString('en-US')}`, `Skylark, ${shape}`, bill],
      ['', shape === 'small' ? 'one server' : 'servers', others],
    ].map(([first, name, lines]) => {
      const total = totalOf(lines as Line[]);
      return row([
        `${first}`,
        `${name}`,
        ...grouped(lines as Line[]),
        dollars(total),
        `$${((total / users) * 1_000).toFixed(2)}`,
      ]);
    });
  });
  return [row(head), row(['---:', '---', ...head.slice(2).map(() => '---:')]), ...rows];
}

function actionTable(actions: Actions): string[] {
  const head = ['action', 'requests', 'read units', 'write units', 'archive, bytes', 'to clients, bytes'];
  const rows = Object.entries(actions).map(([name, { requests, readUnits, writeUnits, archiveBytes, wireBytesOut }]) => {
    const calls = Object.values(requests).reduce((sum, count) => sum + count, 0);
    return row([
      name,
      ...[calls, readUnits, writeUnits, archiveBytes, wireBytesOut].map((value) => value.toLocaleString('en-US')),
    ]);
  });
  return [row(head), row(['---', ...head.slice(1).map(() => '---:')]), ...rows];
}

/** The page with its tables made anew. */
export function renderPage(actions: Actions): string {
  const page = readFileSync(pagePath, 'utf8');
  return replaceBetween(replaceBetween(page, 'cost', costTable()), 'actions', actionTable(actions));
}

export function renderOperations(): string {
  return replaceBetween(readFileSync(operationsPath, 'utf8'), 'cost', summaryTable());
}

function replaceBetween(page: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no place for the table of ${name}`);
  return `${page.slice(0, from + begin.length)}\n${lines.join('\n')}\n\n${page.slice(to)}`;
}
