/** Writes the tables of tasks into docs/operations.md, from the list of operations: `npm run tasks`; with `--check` it only compares. */
import { readFile, writeFile } from 'node:fs/promises';
import { operations } from '../services/router/operations/index.ts';
import { withTables } from './task-tables.ts';

const file = new URL('./operations.md', import.meta.url);
const there = await readFile(file, 'utf8');
const page = withTables(there, operations);
if (!process.argv.includes('--check')) await writeFile(file, page);
else if (page !== there) {
  console.error('docs/operations.md does not have the tasks of the list of operations; run: npm run tasks');
  process.exitCode = 1;
}
