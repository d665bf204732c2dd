/**
 * `npm run measure`: plays each action on a cell and writes `services/cli/cost/measured.json`, which `skylark cost` computes with, and
 * the tables of `docs/cost.md`, `docs/operations.md` and `docs/deploy.md`.
 * `npm run measure -- --cpu` measures CPU and memory anew, too; without it those figures stay.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { measureAccounts, measureHour, measureRooms } from './actions.ts';
import { measureCpu } from './cpu.ts';
import { measureServers } from './server-actions.ts';

const path = fileURLToPath(new URL('../../services/cli/cost/measured.json', import.meta.url));
const stamp = {
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
};
const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { cpu?: object }) : {};
const cpu = process.argv.includes('--cpu') ? { ...stamp, ...(await measureCpu()) } : before.cpu;
if (cpu === undefined) throw new Error('there are no figures of CPU yet: npm run measure -- --cpu');
const actions = { ...(await measureAccounts()), ...(await measureRooms()), ...(await measureServers()) };
const measured = { ...stamp, actions, processesHour: await measureHour(), cpu };
writeFileSync(path, `${JSON.stringify(measured, undefined, 2)}\n`);
const { deployPath, operationsPath, pagePath, renderDeploy, renderOperations, renderPage } = await import('./page.ts'); // computes with the file that has just been written
writeFileSync(pagePath, renderPage(actions));
writeFileSync(operationsPath, renderOperations());
writeFileSync(deployPath, renderDeploy());
for (const [name, { readUnits, writeUnits, requests }] of Object.entries(actions)) {
  const calls = Object.values(requests).reduce((sum, count) => sum + count, 0);
  console.log(
    `${name.padEnd(32)}${`${readUnits}`.padStart(4)} read units ${`${writeUnits}`.padStart(3)} write units, ${calls} calls`,
  );
}
console.log(JSON.stringify(cpu, undefined, 2));
process.exit(0); // dynalite keeps its server
