/** `skylark cost` computes what a month costs from measured calls per action and a dated price table. */
import { Refusal, say, UsageError } from '../core/report.ts';
import { type Line, skylarkBill, totalOf } from './bill.ts';
import type { CostValues } from './cost-options.ts';
import { type Load, loadOf } from './load.ts';
import { measuredCommit, measuredDate } from './measured.ts';
import { pricePages, pricesDate } from './prices.ts';
import { assumptions, serversBill } from './servers.ts';
import { tooMuchForSmall } from './sizing.ts';

export async function cost(values: CostValues, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help cost`);
  const { shape = 'cell', region = 'eu-central-1', json, ...habits } = values;
  const load = loadOf(habits);
  const why = shape === 'small' ? tooMuchForSmall(load) : undefined;
  if (why !== undefined)
    throw new Refusal(`the shape 'small' is one task, and this is too much for it: ${why}; take --shape cell`);
  const { lines, tasks } = skylarkBill(load, habits, shape, region);
  const servers = serversBill(load, habits, shape, region);
  const measured = { date: measuredDate, commit: measuredCommit };
  const prices = { date: pricesDate, region, pages: pricePages(region) };
  const totals = { skylark: totalOf(lines), servers: totalOf(servers.lines) };
  if (json) {
    const sizes = { tasks: shape === 'small' ? { all: 1 } : tasks, servers: servers.size };
    const per1000Users = { skylark: (totals.skylark / habits.users) * 1_000, servers: (totals.servers / habits.users) * 1_000 };
    say(
      JSON.stringify({
        currency: 'USD',
        ...{ shape, region, habits, load, sizes, totals, per1000Users },
        lines: { skylark: lines, servers: servers.lines },
        ...{ measured, prices, assumptions },
      }),
    );
    return 0;
  }
  say(
    ...describeLoad(load, habits.users),
    '',
    `Skylark, shape ${shape}, ${region}`,
    ...table(lines, habits.users),
    '',
    `${serversTitle[shape]}: computed from assumptions`,
    ...table(servers.lines, habits.users),
    '',
    `Store units and bytes: measured ${measured.date} (${measured.commit}); CPU: measured, and noisy.`,
    `Prices: public lists of ${prices.date}, on demand, without taxes; not all were looked up. Check them before you decide.`,
  );
  return 0;
}

const serversTitle = {
  small: 'One server of the usual kind (ejabberd or Prosody on EC2, with its database)',
  cell: 'Servers of the usual kind (ejabberd or MongooseIM on EC2, PostgreSQL on RDS)',
};

function describeLoad({ streamsMean, streamsPeak, cores, month }: Load, users: number): string[] {
  const all = cores.connection + cores.router + cores.muc;
  return [
    `${grouped(users)} users: ${grouped(streamsMean)} streams on average, ${grouped(streamsPeak)} in the busiest hour;`,
    `${all.toFixed(2)} busy cores on average; ${grouped(month.writeUnits / 1e6)} million write and ${grouped(month.readUnits / 1e6)} million read units a month.`,
  ];
}

function table(lines: readonly Line[], users: number): string[] {
  const total = totalOf(lines);
  const shown = lines.filter(({ usd }) => usd >= 0.005);
  const small = total - totalOf(shown);
  const rows = [
    ...shown.map(({ item, quantity, unit, usd }) => [item, `${grouped(quantity)} ${unit}`, dollars(usd)] as const),
    ...(small > 0 ? [['less than a cent each', '', dollars(small)] as const] : []),
    ['a month', '', dollars(total)] as const,
    ['for 1,000 users', '', dollars((total / users) * 1_000)] as const,
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(
    ([item, quantity, usd]) => `  ${item.padEnd(widths[0]!)}  ${quantity.padStart(widths[1]!)}  ${usd.padStart(widths[2]!)}`,
  );
}

function dollars(usd: number): string {
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

/** Formats a number with three significant digits, or as a whole number from 1,000 on: the inputs are not more precise. */
function grouped(value: number): string {
  return value.toLocaleString('en-US', {
    maximumSignificantDigits: value >= 1_000 ? 15 : 3,
    maximumFractionDigits: 0,
    roundingPriority: value >= 1_000 ? 'lessPrecision' : 'morePrecision',
  });
}
