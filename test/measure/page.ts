/** The tables of `docs/cost.md` and `docs/operations.md`, from `measured.json` and the price table, so that they cannot say anything else. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { type Line, type Shape, skylarkBill, totalOf } from '../../services/cli/cost/bill.ts';
import { ceilingsOf } from '../../services/cli/cost/ceilings.ts';
import { costOptions } from '../../services/cli/cost/cost-options.ts';
import { loadOf } from '../../services/cli/cost/load.ts';
import { serversBill } from '../../services/cli/cost/servers.ts';
import type { Actions } from './actions.ts';

export const pagePath = fileURLToPath(new URL('../../docs/cost.md', import.meta.url));
export const operationsPath = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));
export const deployPath = fileURLToPath(new URL('../../docs/deploy.md', import.meta.url));
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
  ['the rest', /^pages|^canary|^scaling in|^logs|^metrics|^alarms|^key|^secrets|^private/],
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

/** What gives first, by the number of users. */
export function ceilingTable(): string[] {
  const { values: habits } = readArguments('cost', costOptions, [], {});
  const head = ['users', 'what gives', 'at', 'what to do'];
  const rows = ceilingsOf(habits).map(({ what, bound, unit, users, raise }) =>
    row([rounded(users), what, `${bound.toLocaleString('en-US')} ${unit}`, raise]),
  );
  return [row(head), row(['---:', '---', '---', '---']), ...rows];
}

/** Two digits: habits are not known better. */
function rounded(users: number): string {
  return Number(users.toPrecision(2)).toLocaleString('en-US');
}

/** What a line of the bill of a service that nobody uses belongs to. */
const restGroups: readonly (readonly [kind: string, what: string, of: RegExp])[] = [
  ['runs always', 'tasks of the services', /^task|\d+ tasks|address of the task$/],
  ['runs always', 'the bus: three servers of NATS', /^NATS|^bus/],
  ['runs always', 'NAT gateways with their addresses', /^NAT gateways$|of NAT gateways$/],
  ['at the edge of the Region', 'the load balancer with its addresses', /load balancer/],
  ['at the edge', 'the CDN of files and pages', /^files to the internet|^files uploaded|^requests for files|^streams to/],
  ['serverless', 'tables: requests of heartbeats, and what is kept', /^DynamoDB/],
  ['serverless', 'the bucket of files', /^files (?:kept|written|read)/],
  ['serverless', 'functions: pages, certificates, canary, scaling in', /^pages|^canary|^scaling in/],
  [
    'serverless',
    'alarms, metrics, logs, the key, the secrets, the private DNS zone',
    /^alarms|^metrics|^logs|^key|^logs through|^secrets|^private/,
  ],
];

/** What each part costs while nobody is there. */
export function restTable(): string[] {
  const nobody = Object.keys(costOptions).filter((name) =>
    [
      'messages',
      'chatStates',
      'roomMessages',
      'roomEntries',
      'contacts',
      'online',
      'signIns',
      'resumptions',
      'presence',
      'pages',
      'filesMb',
    ].includes(name),
  );
  const flags = nobody.flatMap((name) => [`--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, '0']);
  const { values: habits } = readArguments('cost', costOptions, ['--users', '1', ...flags], {});
  const load = loadOf(habits);
  const bills = (['small', 'cell'] as const).map((shape) => skylarkBill(load, habits, shape, region).lines);
  for (const { item } of bills.flat())
    if (restGroups.filter(([, , of]) => of.test(item)).length !== 1) throw new Error(`in no group, or in several: ${item}`);
  const rows = restGroups.map(([kind, what, of]) =>
    row([kind, what, ...bills.map((lines) => dollars(totalOf(lines.filter(({ item }) => of.test(item)))))]),
  );
  return [
    row(['', 'what', 'small, a month', 'cell, a month']),
    row(['---', '---', '---:', '---:']),
    ...rows,
    row(['', 'together', ...bills.map((lines) => dollars(totalOf(lines)))]),
  ];
}

export function renderDeploy(): string {
  return replaceBetween(replaceBetween(readFileSync(deployPath, 'utf8'), 'ceilings', ceilingTable()), 'at rest', restTable());
}

function replaceBetween(page: string, name: string, lines: readonly string[]): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no place for the table of ${name}`);
  return `${page.slice(0, from + begin.length)}\n${lines.join('\n')}\n\n${page.slice(to)}`;
}
