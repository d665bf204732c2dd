/** `skylark cost`: arithmetic against examples computed by hand, what must hold of any load, and what it refuses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { type Line, skylarkBill, totalOf, watched } from '../../services/cli/cost/bill.ts';
import { costOptions, type Habits } from '../../services/cli/cost/cost-options.ts';
import { loadOf } from '../../services/cli/cost/load.ts';
import { action, actionFor } from '../../services/cli/cost/measured.ts';
import { priceOf, tieredPrice } from '../../services/cli/cost/prices.ts';
import { serversBill, serversFor } from '../../services/cli/cost/servers.ts';
import { cellTasks, tooMuchForSmall } from '../../services/cli/cost/sizing.ts';
import { skylark } from './skylark-command.ts';

const idle: Habits = {
  users: 1_000,
  messages: 0,
  away: 0,
  outside: 0,
  chatStates: 0,
  roomMessages: 0,
  occupants: 1,
  roomEntries: 0,
  contacts: 0,
  online: 0,
  signIns: 0,
  resumptions: 0,
  presence: 0,
  pages: 0,
  filesMb: 0,
  fileMb: 1,
  downloads: 0,
  retention: 1,
  tenants: 1,
  peak: 3,
};

function usd(lines: readonly Line[], item: string): number {
  const line = lines.find((one) => one.item === item);
  assert.ok(line !== undefined, `no ${item} among ${lines.map((one) => one.item).join(', ')}`);
  return line.usd;
}

const near = (found: number, expected: number) =>
  assert.ok(Math.abs(found - expected) <= Math.abs(expected) * 1e-9, `${found} is not ${expected}`);

test('prices that fall by steps, by hand', () => {
  near(tieredPrice('transferOutGb', 50), 0);
  near(tieredPrice('transferOutGb', 200), 100 * 0.09);
  near(tieredPrice('transferOutGb', 10_340 + 1_000), 10_240 * 0.09 + 1_000 * 0.085);
  near(tieredPrice('cdnOutGb', 1_024 + 10), 10 * 0.085);
  near(tieredPrice('transferOutGb', 200_000), 10_240 * 0.09 + 40_960 * 0.085 + 102_400 * 0.07 + 46_300 * 0.05);
});

test('messages to and from other servers, by hand: what was measured, and bytes through NAT gateways', () => {
  const load = loadOf({ ...idle, users: 5_000, outside: 4 });
  const [leaving, arriving] = [action('message to another server'), action('message from another server')];
  assert.ok(leaving.peerBytesOut > 200 && arriving.peerBytesIn > 200 && leaving.writeUnits > arriving.writeUnits);
  const messagesMonth = 5_000 * 4 * (730 / 24);
  for (const kind of ['writeUnits', 'readUnits', 'archiveBytes', 'peerBytesIn', 'peerBytesOut', 'busBytes'] as const)
    near(load.month[kind], messagesMonth * (leaving[kind] + arriving[kind]));
  const { lines } = skylarkBill(load, idle, 'cell', 'eu-central-1');
  near(
    usd(lines, 'streams to other servers, through NAT gateways'),
    (load.month.peerBytesOut / 1e9) * priceOf('natGb', 'eu-central-1'),
  );
});

test('messages, by hand: each costs what was measured', () => {
  const habits = { ...idle, users: 2_000, messages: 10, away: 25 };
  const { month } = loadOf(habits);
  const [online, offline] = [action('message, recipient online'), action('message, recipient offline')];
  const waits = (action('sign-in, 20 messages wait').writeUnits - action('sign-in, nothing waits').writeUnits) / 20;
  const messagesMonth = 2_000 * 10 * (730 / 24);
  near(month.writeUnits, messagesMonth * (0.75 * online.writeUnits + 0.25 * (offline.writeUnits + waits)));
  near(month.archiveBytes, messagesMonth * (0.75 * online.archiveBytes + 0.25 * offline.archiveBytes));
  const { lines } = skylarkBill(loadOf(habits), habits, 'cell', 'us-east-1');
  near(usd(lines, 'DynamoDB writes'), (month.writeUnits / 1e6) * 0.625);
});

test('what was measured for two sizes is a line', () => {
  const [none, five] = [action('sign-in, 0 contacts'), action('sign-in, 5 contacts')];
  assert.deepEqual(actionFor('sign-in', 0, 'contacts'), none);
  assert.deepEqual(actionFor('sign-in', 5, 'contacts').readUnits, five.readUnits);
  near(actionFor('sign-in', 20, 'contacts').readUnits, none.readUnits + 4 * (five.readUnits - none.readUnits));
  assert.throws(() => actionFor('sign-in', 1, 'rooms'), /needs two sizes/);
  assert.throws(() => action('dancing'), /has not been measured/);
});

test('nobody does anything: what is left is what runs anyway', () => {
  const { lines, tasks } = skylarkBill(loadOf(idle), idle, 'cell', 'us-east-1');
  assert.deepEqual(tasks, { connection: 3, router: 3, muc: 2, peers: 2, federation: 2, api: 2 });
  near(usd(lines, '14 tasks, CPU'), 10.5 * 730 * 0.03238); // four are of half the size, and two of a quarter
  near(usd(lines, '14 tasks, memory'), 41 * 730 * 0.00356); // and these two have an eighth of the memory
  near(usd(lines, 'secrets'), 9 * 0.4);
  near(usd(lines, 'private DNS zone'), 0.5);
  near(usd(lines, 'NATS, CPU'), 1.5 * 730 * 0.03238);
  near(usd(lines, 'load balancer'), 730 * 0.0225);
  near(usd(lines, 'NAT gateways'), 3 * 730 * 0.045);
  near(usd(lines, 'metrics'), watched.cell.metrics * 0.3);
  near(usd(lines, 'metrics of Container Insights'), 188 * 0.3);
  near(usd(lines, 'alarms'), watched.cell.alarms * 0.1);
  near(usd(lines, 'DynamoDB heartbeats, writes'), ((14 * 1_200 * 730) / 1e6) * 0.625); // a beat each 3 s
  near(usd(lines, 'DynamoDB writes'), 0);
  near(usd(lines, 'files kept'), 0);
  near(usd(lines, 'DynamoDB storage'), ((1_000 * 6_000) / 1e9) * 0.25);
});

test('streams, by hand: two bytes of three go to a task in another zone than that where the load balancer took them', () => {
  const habits = { ...idle, online: 24, users: 100_000 };
  const load = loadOf(habits);
  const gb = (load.month.wireBytesIn + load.month.wireBytesOut) / 1e9;
  near(gb, (100_000 * 24 * (730 / 24) * 2 * 12 * 120) / 1e9); // a small request each 5 minutes
  for (const shape of ['small', 'cell'] as const)
    near(
      usd(skylarkBill(load, habits, shape, 'us-east-1').lines, 'load balancer, to tasks of other zones'),
      gb * (2 / 3) * 2 * 0.01,
    );
  const alone = serversBill(load, habits, 'small', 'us-east-1').lines;
  assert.ok(!alone.some(({ item }) => item.includes('load balancer')), 'one server has none');
});

test('files, by hand: 1,000 users, 2 MB a day, kept for 30 days, each read 3 times', () => {
  const habits = { ...idle, filesMb: 2, fileMb: 0.5, retention: 30, downloads: 3 };
  const { lines } = skylarkBill(loadOf(habits), habits, 'small', 'us-east-1');
  near(usd(lines, 'files kept'), 2 * 30 * 0.023); // 2 GB a day
  near(usd(lines, 'files uploaded through the CDN'), 2 * (730 / 24) * 0.02);
  near(usd(lines, 'files written'), ((4_000 * (730 / 24)) / 1_000) * 0.005);
  near(usd(lines, 'requests for files'), ((4_000 * (730 / 24) * 3) / 10_000) * 0.01);
  near(usd(lines, 'files to the internet'), 0); // 182.5 GB, of the free TB
});

test('tasks follow streams and CPU of the busiest hour', () => {
  const cores = { connection: 0, router: 0, muc: 0 };
  const load = { ...loadOf(idle), streamsPeak: 60_001, cores: { ...cores, router: 2 }, peak: 3 };
  assert.deepEqual(cellTasks(load), { connection: 6, router: 10, muc: 2, peers: 2, federation: 2, api: 2 });
  assert.equal(tooMuchForSmall({ ...load, streamsPeak: 12_000, cores }), undefined);
  assert.match(`${tooMuchForSmall({ ...load, cores })}`, /60001 streams/);
  assert.match(`${tooMuchForSmall({ ...load, streamsPeak: 1, cores: { ...cores, muc: 0.21 } })}`, /0\.63 busy cores/);
});

test('servers of the usual kind, by hand: 100,000 users who write 20 archived messages', () => {
  const habits = { ...idle, users: 100_000, messages: 20, online: 8, retention: 100 };
  const load = loadOf(habits);
  // 100,000 × 8 h / 24 h × 3 = all of them, 70 kB each: 7 GB of 12; CPU: 100,000 × 20 × 0.8 ms × 3 / 86,400 s = 0.056 cores
  // database: 100,000 × 20 × 3 statements × 3 / 86,400 s = 208 a second of 800 for each vCPU
  assert.deepEqual(serversFor(load, habits), { servers: 2, databaseVcpu: 2 });
  const { lines } = serversBill(load, habits, 'cell', 'us-east-1');
  near(usd(lines, '2 servers (m7g.xlarge)'), 2 * 730 * 0.1632);
  near(usd(lines, 'database storage'), (400 + 20) * 0.23); // 100,000 × 20 × 2 rows × 100 days × 1 kB
  near(usd(lines, 'database, 2 vCPU in two zones'), 2 * 730 * 0.1685);
});

test('one server, by hand, beside the shape small', () => {
  const habits = { ...idle, messages: 20, retention: 100 };
  const { lines, size } = serversBill(loadOf(habits), habits, 'small', 'us-east-1');
  assert.equal(size.servers, 1);
  near(usd(lines, 'one server (m7g.large), database and all'), 730 * 0.0816);
  near(usd(lines, 'its disk'), (50 + 20 + 4) * 0.08); // 1,000 × 20 × 2 rows × 100 days × 1 kB
  assert.ok(!lines.some(({ item }) => item.includes('load balancer')));
});

const habitsArbitrary: fc.Arbitrary<Habits> = fc.record({
  users: fc.integer({ min: 1, max: 10_000_000 }),
  messages: fc.integer({ min: 0, max: 500 }),
  away: fc.integer({ min: 0, max: 100 }),
  outside: fc.integer({ min: 0, max: 500 }),
  chatStates: fc.integer({ min: 0, max: 500 }),
  roomMessages: fc.integer({ min: 0, max: 500 }),
  occupants: fc.integer({ min: 1, max: 500 }),
  roomEntries: fc.integer({ min: 0, max: 50 }),
  contacts: fc.integer({ min: 0, max: 500 }),
  online: fc.integer({ min: 0, max: 24 }),
  signIns: fc.integer({ min: 0, max: 50 }),
  resumptions: fc.integer({ min: 0, max: 200 }),
  presence: fc.integer({ min: 0, max: 100 }),
  pages: fc.integer({ min: 0, max: 100 }),
  filesMb: fc.integer({ min: 0, max: 1_000 }),
  fileMb: fc.constantFrom(0.1, 1, 5),
  downloads: fc.integer({ min: 0, max: 50 }),
  retention: fc.integer({ min: 1, max: 3_650 }),
  tenants: fc.integer({ min: 1, max: 10_000 }),
  peak: fc.integer({ min: 1, max: 20 }),
});

test('whatever people do, each line is a number of dollars, and more users never cost less', () => {
  fc.assert(
    fc.property(habitsArbitrary, fc.constantFrom('us-east-1', 'eu-central-1'), (habits, region) => {
      const bills = [habits, { ...habits, users: habits.users * 2 }].map((one) => {
        const load = loadOf(one);
        return [skylarkBill(load, one, 'cell', region).lines, serversBill(load, one, 'cell', region).lines] as const;
      });
      for (const lines of bills.flat())
        for (const { item, usd: cost } of lines) assert.ok(Number.isFinite(cost) && cost >= 0, item);
      for (const index of [0, 1] as const) {
        const [less, more] = [totalOf(bills[0]![index]), totalOf(bills[1]![index])];
        assert.ok(more >= less, `${more} for twice the users, ${less} for these`);
      }
    }),
    { numRuns: 200 },
  );
});

test('the table and the JSON are of the same bill', async () => {
  const args = ['cost', '--users', '50000', '--region', 'us-east-1'];
  const [text, json] = await Promise.all([skylark(args), skylark([...args, '--json'])]);
  assert.deepEqual([text.code, text.err, json.code, json.err], [0, '', 0, '']);
  const bill = JSON.parse(json.out) as {
    totals: Record<'skylark' | 'servers', number>;
    per1000Users: Record<'skylark' | 'servers', number>;
    lines: Record<'skylark' | 'servers', Line[]>;
    prices: { date: string; pages: { page: string; isSeen: boolean }[] };
    measured: { date: string; commit: string };
  };
  for (const whose of ['skylark', 'servers'] as const) {
    near(bill.totals[whose], totalOf(bill.lines[whose]));
    near(bill.per1000Users[whose], bill.totals[whose] / 50);
    const shown = bill.totals[whose].toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    assert.ok(text.out.includes(` $${shown}\n`), `${shown} is not in\n${text.out}`);
  }
  assert.match(bill.prices.date, /^\d{4}-\d\d-\d\d$/);
  assert.ok(bill.prices.pages.length >= 10 && bill.prices.pages.some(({ isSeen }) => !isSeen));
  assert.ok(text.out.includes(`measured ${bill.measured.date} (${bill.measured.commit})`));
  near(priceOf('dynamodbWriteMillion', 'us-east-1'), 0.625);
});

test('small is refused for what one task does not bear, and its bill has no NATS', async () => {
  const tooMany = await skylark(['cost', '--users', '1000000', '--shape', 'small']);
  assert.match(tooMany.err, /^skylark: the shape 'small' is one task, and this is too much for it: \d+ streams/);
  assert.equal(tooMany.code, 1);
  const { out, code } = await skylark(['cost', '--users', '1000', '--shape', 'small']);
  assert.equal(code, 0);
  assert.ok(!out.includes('NATS') && !out.includes('NAT gateways'), out);
});

describe('wrong options are refused', () => {
  for (const [args, said] of [
    [['--users', '0'], "--users: '0' is not allowed; it takes a whole number from 1 to 100000000"],
    [['--users', '1.5'], "--users: '1.5' is not allowed; it takes a whole number from 1 to 100000000"],
    [['--users=-5'], "--users: '-5' is not allowed; it takes a whole number from 1 to 100000000"],
    [['--users', '1e9'], "--users: '1e9' is not allowed; it takes a whole number from 1 to 100000000"],
    [['--messages', 'many'], "--messages: 'many' is not allowed; it takes a number from 0 to 100000"],
    [['--away', '101'], "--away: '101' is not allowed; it takes a number from 0 to 100"],
    [['--online', '25'], "--online: '25' is not allowed; it takes a number from 0 to 24"],
    [['--file-mb', '0'], "--file-mb: '0' is not allowed; it takes a number from 0.001 to 10000"],
    [['--region', 'mars-1'], "--region: 'mars-1' is not allowed; it takes 'eu-central-1' or 'us-east-1'"],
    [['--shape', 'huge'], "--shape: 'huge' is not allowed; it takes 'small' or 'cell'"],
  ] as const) {
    test(args.join(' '), () =>
      assert.throws(() => readArguments('cost', costOptions, args, {}), new RegExp(said.replaceAll('.', '\\.'))),
    );
  }
  test('an argument too many', async () => {
    const { err, code } = await skylark(['cost', 'much']);
    assert.match(err, /'much' is an unexpected argument/);
    assert.equal(code, 2);
  });
});
