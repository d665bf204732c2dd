/** How the benchmark reports its runs: medians, the better peer, and everything that is missing or wrong. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Measure } from '../../bench/measures.ts';
import { drawResults } from '../../bench/report/picture.ts';
import { keepResults, ratioOf, readResults, roundRatiosOf, summarize } from '../../bench/report/results.ts';
import { roundLines, tableOf } from '../../bench/report/table.ts';
import { Grounds, isFaulty, type Run } from '../../bench/rounds.ts';
import { readSettings } from '../../bench/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'skylark-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const measure: Measure = {
  id: 'chat',
  title: 'a <message> & more',
  figure: 'cpuMicrosEach',
  target: 1 / 4,
  archive: false,
  isFresh: false,
  run: () => Promise.reject(new Error('not run here')),
};

function ran(server: string, round: number, cpuMicrosEach: number, lost = 0): Run {
  const outcome = { unit: 'messages', count: 10, cpuMicrosEach, lost, duplicated: 0, reordered: 0, figures: { p50Ms: round } };
  return { measure: 'chat', server, round, outcome };
}

const runs = [
  ...[ran('Skylark', 1, 30), ran('Prosody', 1, 120), ran('ejabberd', 1, 100)],
  ...[ran('Skylark', 2, 10), ran('Prosody', 2, 110), ran('ejabberd', 2, 300)],
  ...[ran('Skylark', 3, 20), ran('Prosody', 3, 900), ran('ejabberd', 3, 160)],
];
const summarizeRuns = (some: readonly Run[]) => summarize(some, [measure], new Map([['Skylark', '0.1.0']]), new Date(0));

test('the ratio is of medians, against the better peer', () => {
  const { chat } = summarizeRuns(runs).measures;
  assert.deepEqual(ratioOf(chat!), { skylark: 20, better: 120, betterName: 'Prosody', ratio: 20 / 120 });
  assert.deepEqual(chat!.servers.Skylark!.figures, { p50Ms: 3 });
  const [, , row] = tableOf(summarizeRuns(runs));
  assert.match(row!, /\| 20\.0 µs +\| 120\.0 µs +\| 160\.0 µs +\| 0\.17 +\| ≤ 0\.25 +\| none +\|/);
});

test('two checkouts are compared round by round, so that a busy moment does not count for one of them alone', () => {
  // The machine was slow in the second round: medians alone would say that nothing has changed.
  const both = [
    ...[ran('Skylark', 1, 102), ran('Before', 1, 100), ran('Before', 2, 200), ran('Skylark', 2, 210)],
    ...[ran('Skylark', 3, 110), ran('Before', 3, 110)],
  ];
  const results = summarizeRuns(both);
  assert.deepEqual(roundRatiosOf(results.measures.chat!), { median: 1.02, least: 1, greatest: 1.05 });
  assert.deepEqual(roundLines(results), ['a <message> & more: Skylark / Before in the same round: 1.02 (from 1.00 to 1.05)']);
  assert.deepEqual(roundLines(summarizeRuns(runs)), [], 'other servers are not compared so');
  const broken: Run = { measure: 'chat', server: 'Before', round: 4, failed: 'the server ended' };
  assert.deepEqual(roundLines(summarizeRuns([...both, ran('Skylark', 4, 9), broken])), [], 'rounds would not fit each other');
});

test('each of those that are compared is the first in a round as often as the other', async () => {
  const order: string[] = [];
  const starter = (name: string) => async () =>
    ({ name, version: '0', pace: {}, accounts: [], endpoint: () => ({}), stop: async () => {}, output: () => '' }) as never;
  const settings = readSettings(['chat', '--against', '../before', '--rounds', '4'])!;
  const starters = { skylark: starter('now'), before: starter('before') } as never;
  const noting: Measure = {
    ...measure,
    run: async ({ name }) => {
      order.push(name);
      return ran(name, 1, 1).outcome!;
    },
  };
  await new Grounds(settings, starters).runAll(
    [noting],
    () => {},
    () => {},
  );
  assert.deepEqual(order, ['now', 'before', 'before', 'now', 'now', 'before', 'before', 'now']);
});

test('what a server cannot do is reported, and gives no ratio', () => {
  const cannot = ['Prosody', 'ejabberd'].map(
    (server): Run => ({ measure: 'chat', server, round: 1, cannot: 'has no such thing' }),
  );
  const results = summarizeRuns([ran('Skylark', 1, 30), ...cannot]);
  assert.equal(ratioOf(results.measures.chat!), undefined);
  assert.match(tableOf(results)[2]!, /cannot: has no such thing.*cannot: has no such thing.*none/);
});

test('one lost message is a fault of the run, and is in the table', () => {
  const faulty = ran('Prosody', 4, 1, 1);
  assert.ok(isFaulty(faulty));
  assert.ok(!runs.some(isFaulty));
  assert.match(tableOf(summarizeRuns([...runs, faulty]))[2]!, /Prosody: 1, 0, 0/);
});

test('a round that broke off is reported as a fault', () => {
  const broken: Run = { measure: 'chat', server: 'ejabberd', round: 1, failed: 'the server ended' };
  assert.ok(isFaulty(broken));
  assert.match(
    tableOf(summarizeRuns([ran('Skylark', 1, 30), broken]))[2]!,
    /\| failed +\|.*ejabberd: 0, 0, 0 \(1 rounds failed\)/,
  );
});

test('a run that counted nothing is a fault', () => {
  const { outcome, ...rest } = ran('Skylark', 1, 5);
  assert.ok(isFaulty({ ...rest, outcome: { ...outcome!, count: 0 } }));
});

test('kept results keep other measurements, and a file of something else is refused', () => {
  const path = join(folder, 'results.json');
  keepResults(path, summarizeRuns(runs));
  const other = { ...measure, id: 'mam' };
  const otherRuns = runs.map((run) => ({ ...run, measure: 'mam' }));
  keepResults(path, summarize(otherRuns, [other], new Map([['Prosody', '0.12']]), new Date(0)));
  const kept = readResults(path);
  assert.deepEqual(Object.keys(kept.measures), ['chat', 'mam']);
  assert.deepEqual(kept.versions, { Skylark: '0.1.0', Prosody: '0.12' });
  assert.throws(() => readResults(new URL('../../package.json', import.meta.url).pathname));
});

test('the picture has a bar for each server, and its text is escaped', () => {
  const svg = drawResults(summarizeRuns(runs));
  assert.equal(svg.match(/<rect/g)?.length, 3);
  assert.ok(svg.includes('a &lt;message> &amp; more'));
  assert.ok(svg.includes('1/6.0 of Prosody'));
});
