/** Writes the picture and the table in docs/performance.md from kept results: `node bench/pages.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { drawResults } from './report/picture.ts';
import { readResults } from './report/results.ts';
import { tableOf } from './report/table.ts';

const path = (relative: string) => new URL(relative, import.meta.url).pathname;
const page = path('../docs/performance.md');
const marks = /(<!-- results -->\n)[\s\S]*?(<!-- end of results -->)/;

const results = readResults(path('results/peers.json'));
const { date, kernel, cpu, cores, node, versions } = results;
const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
const ground = `${date}; ${cores} cores of ${cpu}, Linux ${kernel}, Node ${node}; ${names.join(', ')}.`;
const text = readFileSync(page, 'utf8');
if (!marks.test(text)) throw new Error(`${page} has no place for results`);
writeFileSync(
  page,
  text.replace(marks, (_, begin: string, end: string) => `${begin}\n${ground}\n\n${tableOf(results).join('\n')}\n\n${end}`),
);
writeFileSync(path('../docs/bench.svg'), drawResults(results));
