/** Writes the picture and the table of docs/performance.md from stored results: `node bench/pages.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { clusterTable, readCluster } from './report/cluster-table.ts';
import { drawResults } from './report/picture.ts';
import { readResults } from './report/results.ts';
import { tableOf } from './report/table.ts';

const path = (relative: string) => new URL(relative, import.meta.url).pathname;
const page = path('../docs/performance.md');

const results = readResults(path('results/peers.json'));
const { date, kernel, cpu, cores, node, versions } = results;
const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
const ground = `${date}; ${cores} cores of ${cpu}, Linux ${kernel}, Node ${node}; ${names.join(', ')}.`;
const cluster = readCluster(path('results/cluster.json'));
let text = readFileSync(page, 'utf8');
fill('results', [ground, '', ...tableOf(results)]);
fill('results of a cluster', [`${cluster.date}.`, '', ...clusterTable(cluster.loads)]);
writeFileSync(page, text);
writeFileSync(path('../docs/bench.svg'), drawResults(results));

function fill(name: string, lines: readonly string[]): void {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no section for ${name}`);
  text = `${text.slice(0, from)}${begin}\n${lines.join('\n')}\n\n${text.slice(to)}`;
}
