/** Results as a Markdown table, which is also readable in a terminal. */
import { formatFigure } from './lines.ts';
import { type Measured, type Results, ratioOf, roundRatiosOf } from './results.ts';

export const serverOrder = ['Skylark', 'Before', 'Prosody', 'ejabberd'];

export function tableOf(results: Results): string[] {
  const all = Object.values(results.measures);
  const servers = serverOrder.filter((name) => all.some((measured) => measured.servers[name]));
  const isCompared = servers.length > 1;
  const head = ['', ...servers, ...(isCompared ? ['Skylark / best other', 'wanted', 'lost, doubled, reordered'] : [])];
  const rows = all.map((measured) => [
    measured.title,
    ...servers.map((name) => cellOf(measured, name)),
    ...(isCompared ? [ratioText(measured), targetText(measured), faultsText(measured)] : []),
  ]);
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)];
}

/** How a checkout compares with another one, round by round. */
export function roundLines(results: Results): string[] {
  return Object.values(results.measures).flatMap((measured) => {
    const ratios = roundRatiosOf(measured);
    if (ratios === undefined) return [];
    const [median, least, greatest] = [ratios.median, ratios.least, ratios.greatest].map((ratio) => ratio.toFixed(2));
    return [`${measured.title}: Skylark / Before in the same round: ${median} (from ${least} to ${greatest})`];
  });
}

function cellOf({ figure, servers }: Measured, name: string): string {
  const own = servers[name];
  if (own?.median !== undefined) return formatFigure(figure, own.median);
  if (own?.failed) return 'failed';
  return own?.cannot === undefined ? 'not measured' : `cannot: ${own.cannot}`;
}

function ratioText(measured: Measured): string {
  const ratio = ratioOf(measured);
  return ratio === undefined ? 'none' : ratio.ratio.toFixed(2);
}

function targetText({ target, microsMax }: Measured): string {
  if (microsMax !== undefined) return `≤ ${microsMax} µs`;
  return target === undefined ? '' : `≤ ${target.toFixed(2)}`;
}

/** Faults of all servers together, or by name. */
function faultsText({ servers }: Measured): string {
  const faulty = Object.entries(servers).flatMap(([name, { lost, duplicated, reordered, failed = 0 }]) => {
    if (lost + duplicated + reordered + failed === 0) return [];
    return [`${name}: ${lost}, ${duplicated}, ${reordered}${failed === 0 ? '' : ` (${failed} rounds failed)`}`];
  });
  return faulty.join('; ') || 'none';
}
