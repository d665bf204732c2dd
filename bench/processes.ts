/**
 * `node bin/with-node.mjs bench/processes.ts [--users 1000,5000,20000] [--processes 1,2,4] [--rate 1000] [--seconds 5]` measures
 * what a message costs `skylark start --processes N`, by N and by the number of users, as the sum over all processes, on one
 * core. The rate is fixed, so that the number of messages that share a write is the same. A row needs one sign-in for each user,
 * at some 190 a second.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock as clock } from '../lib/adapters/system-clock.ts';
import { keepSelfSigned } from '../services/cli/compose/certificate.ts';
import { disperse, gather } from './generator/crowd.ts';
import { chat } from './modes/chat.ts';
import { pause } from './pause.ts';
import { domain, pinToGenerator } from './servers/server.ts';
import { type PemFiles, startSkylark } from './servers/skylark.ts';
import { usageOf } from './usage.ts';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '1000,5000,20000' },
    processes: { type: 'string', default: '1,2,4' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '5' },
  },
});
const settleMs = 3_000;

function numbers(name: 'users' | 'processes' | 'rate' | 'seconds'): number[] {
  const read = values[name].split(',').map(Number);
  if (read.some((number) => !Number.isSafeInteger(number) || number < 1))
    throw new Error(`--${name}: '${values[name]}' is not a number`);
  return read;
}

async function measure(users: number, processes: number, files: PemFiles): Promise<boolean> {
  const server = await startSkylark({ accounts: users, archive: true, mechanism: 'SCRAM-SHA-1', processes }, files);
  try {
    const empty = usageOf(server.pid);
    const clients = await gather(server.endpoint('tls', 'SCRAM-SHA-1'), server.accounts, users, server.pace, { sm: true });
    await pause(settleMs);
    const idle = usageOf(server.pid);
    const [rate] = numbers('rate');
    const [seconds] = numbers('seconds');
    const outcome = await chat(clients, server.pid, { seconds: seconds!, window: 1, rate: rate!, sm: true });
    await disperse(clients);
    const wrong = outcome.lost + outcome.duplicated + outcome.reordered;
    const cells = [
      `${users}`.padStart(6),
      `${processes}`.padStart(9),
      outcome.cpuMicrosEach!.toFixed(0).padStart(14),
      outcome.figures.p50Ms!.toFixed(1).padStart(8),
      outcome.figures.p99Ms!.toFixed(1).padStart(8),
      ((idle.cpuMicros - empty.cpuMicros) / users / 1_000).toFixed(2).padStart(13),
      ((idle.pssBytes - empty.pssBytes) / users / 1_000).toFixed(1).padStart(13),
      `${outcome.lost}, ${outcome.duplicated}, ${outcome.reordered}`.padStart(10),
    ];
    console.log(cells.join('  '));
    return wrong === 0 && outcome.count > 0;
  } finally {
    await server.stop();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'skylark-bench-tls-'));
try {
  pinToGenerator(process.pid);
  const { files } = await keepSelfSigned(folder, domain, clock);
  console.log(' users  processes  µs of a message  p50 ms   p99 ms  ms of sign-in  kB of stream  lost, doubled, reordered');
  for (const users of numbers('users')) {
    for (const processes of numbers('processes')) if (!(await measure(users, processes, files))) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
