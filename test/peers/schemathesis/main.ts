/**
 * `npm run schemathesis [-- --calls 10000] [--seed S]`: Schemathesis calls the REST API of a service of its own so often. Exit code 0: every
 * answer was one that the OpenAPI document has, and none was a failure of the service. SKYLARK_SCHEMATHESIS names its folder.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { callsOf, fuzzApi } from './fuzz-api.ts';

const { values } = parseArgs({ options: { calls: { type: 'string', default: '10000' }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? randomInt(2 ** 31));
const fuzzed = await fuzzApi({ calls: Number(values.calls), seed });
const { statuses, operations, failures, output } = fuzzed;
if (failures.length > 0) console.log(output);
const answers = Object.entries(statuses).map(([status, count]) => `${status} ${count}×`);
console.log(
  `seed ${seed}: ${callsOf(fuzzed)} calls of ${operations.tested} of ${operations.total} operations, ${failures.length} failures; answers: ${answers.join(', ')}`,
);
process.exitCode = failures.length > 0 || callsOf(fuzzed) < Number(values.calls) ? 1 : 0;
