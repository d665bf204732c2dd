/**
 * `npm run faults -- [--rounds N] [--seed S] [--only KIND]`: the promise of docs/reliability.md against `skylark cluster` with real
 * processes, a real nats-server and a store that speaks DynamoDB's API, all on the loopback. Exit code 0: nothing was found.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { skipWithoutNats } from '../adapters/nats-server.ts';
import { availableKinds, kindsNamed } from './fault-kinds.ts';
import { skipWithoutProsody } from './neighbourhood.ts';
import { abroadLine, headLine, roundLine, sumAbroad, sumLine, verdict } from './report.ts';
import { rounds } from './script.ts';

const roundsDefault = 20;
const { values } = parseArgs({
  options: { rounds: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' }, help: { type: 'boolean' } },
});
const count = Number(values.rounds ?? roundsDefault);
const seed = Number(values.seed ?? randomInt(2 ** 31));
const named = values.only?.split(',').flatMap(kindsNamed) ?? availableKinds;
const kinds = named.filter((kind) => availableKinds.includes(kind));
const unknown = named.filter((kind) => !availableKinds.includes(kind));

async function run(): Promise<number> {
  console.log(`seed ${seed}\n${headLine()}`);
  const script = rounds({ count, seed, kinds });
  const reports = [];
  for await (const { report, story } of script.rounds) {
    reports.push(report);
    console.log(`${roundLine(report)}  ${story}`);
    console.log(abroadLine(report.abroad));
    for (const fault of report.faults.slice(0, 20)) console.log(`       ✖ ${fault}`);
    if (report.faults.length > 20) console.log(`       … and ${report.faults.length - 20} more`);
  }
  console.log(sumLine(reports));
  console.log(abroadLine(sumAbroad(reports)));
  const complaints = [...verdict(reports), ...script.complaints];
  if (reports.length < count) complaints.push(`only ${reports.length} of ${count} rounds ran`);
  for (const complaint of complaints) console.log(`✖ ${complaint}`);
  if (complaints.length === 0)
    console.log(`✔ ${count} rounds, nothing lost or out of order, and doubled only what was unconfirmed`);
  else
    console.log(
      `Again: npm run faults -- --rounds ${count} --seed ${seed}${values.only ? ` --only ${values.only}` : ''}; log: ${script.logPath}`,
    );
  return complaints.length === 0 ? 0 : 1;
}

if (values.help || unknown.length > 0 || !(count >= 1) || !Number.isInteger(seed)) {
  for (const kind of unknown) console.error(`--only: there is no fault ${kind} here`);
  console.error(
    `Usage: npm run faults -- [--rounds N] [--seed S] [--only KIND,KIND]\nKinds: ${availableKinds.join(', ')}; 'federation' is all with other servers`,
  );
  if (skipWithoutProsody) console.error(`Without Prosody: ${skipWithoutProsody}`);
  process.exitCode = 2;
} else if (skipWithoutNats) {
  console.error(skipWithoutNats);
  process.exitCode = 2;
} else {
  process.exitCode = await run();
}
