/** Results as bars: for each measure the servers side by side, as shares of the greatest. */
import { formatFigure } from './lines.ts';
import { type Results, ratioOf } from './results.ts';
import { serverOrder } from './table.ts';

const width = 860;
const labelWidth = 330;
const barWidthMax = 330;
const barHeight = 14;
const gap = 14;
const top = 64;

/** Colours that work on light and dark pages. */
const colours: Readonly<Record<string, string>> = { Skylark: '#2f81f7', Prosody: '#a371f7', ejabberd: '#d29922' };
const ink = '#7d8590';

export function drawResults({ date, measures, versions, cpu }: Results): string {
  const shown = Object.values(measures).filter((measured) => ratioOf(measured) !== undefined);
  const parts: string[] = [];
  let y = top;
  for (const measured of shown) {
    const servers = serverOrder.filter((name) => measured.servers[name]?.median !== undefined);
    const greatest = Math.max(...servers.map((name) => measured.servers[name]!.median!));
    const ratio = ratioOf(measured)!;
    const middle = y + (servers.length * barHeight) / 2;
    parts.push(text(labelWidth - 12, middle, measured.title, 'end', 13, ''));
    parts.push(text(labelWidth - 12, middle + 15, shareText(ratio.ratio, ratio.betterName), 'end', 11, ''));
    for (const name of servers) {
      const { median } = measured.servers[name]!;
      const length = Math.max(2, (median! / greatest) * barWidthMax);
      parts.push(
        `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 2}" rx="2" fill="${colours[name]}"/>`,
        text(labelWidth + length + 6, y + barHeight - 4, `${name} ${formatFigure(measured.figure, median!)}`, 'start', 11, ''),
      );
      y += barHeight;
    }
    y += gap;
  }
  const names = serverOrder.filter((name) => versions[name]).map((name) => `${name} ${versions[name]}`);
  const height = y + 26;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" fill="${ink}">`,
    `<title>CPU time and memory of XMPP servers on one core</title>`,
    text(20, 26, 'What it costs a server, on one core (less is better)', 'start', 17, ' font-weight="600"'),
    text(20, 46, `CPU time each; memory where it says so. Medians of runs in turns. ${names.join(', ')}.`, 'start', 11, ''),
    ...parts,
    text(20, height - 10, `${date}, ${cpu}; absolute figures are this machine's.`, 'start', 11, ''),
    '</svg>',
    '',
  ].join('\n');
}

function shareText(ratio: number, better: string): string {
  return ratio <= 1 ? `1/${(1 / ratio).toFixed(1)} of ${better}` : `${ratio.toFixed(1)} times ${better}`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end', size: number, more: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" text-anchor="${anchor}"${more}>${escaped}</text>`;
}
