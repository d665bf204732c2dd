/** Smack's own integration tests against Skylark, with a table of what is to pass and what is not. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { type Outcome, Smack } from './smack.ts';
import { classes, connections, type Expected, leftOut } from './smack-classes.ts';

const jars = process.env.SKYLARK_SMACK;
const page = new URL('../../docs/clients.md', import.meta.url);

/** @returns what has changed, one sentence each */
function differences({ name, passes, fails = {}, races = {}, doesNotRun }: Expected, outcome: Outcome): string[] {
  const { failed, aborted } = outcome;
  const passed = outcome.passed.filter((title) => !(title in races));
  if (doesNotRun !== undefined) return aborted?.includes(noTests) ? [] : [`${name} runs now: put what it does into the table`];
  const found = aborted === undefined ? [] : [`${name} broke off: ${aborted}`];
  for (const [title, why] of failed) if (!(title in fails || title in races)) found.push(`${name}: ${title} fails: ${why}`);
  for (const title of Object.keys(fails)) {
    if (passed.includes(title)) found.push(`${name}: ${title} passes now: take it out of the table`);
    else if (!failed.has(title)) found.push(`${name}: ${title} did not run`);
  }
  for (const title of Object.keys(races))
    if (!outcome.passed.includes(title) && !failed.has(title)) found.push(`${name}: ${title} did not run`);
  if (passed.length !== passes && found.length === 0) found.push(`${name}: ${passed.length} tests passed, not ${passes}`);
  return found;
}

/** What the framework says when the only class asked for finds that it cannot run. */
const noTests = 'No integration tests selected';

test("the page has the same table of Smack's classes", () => {
  const rows = [...readFileSync(page, 'utf8').matchAll(/^\| `(\w*Test)` \| (\d+) \| (.*?) \|$/gm)];
  assert.deepEqual(
    rows.map(([, name, passes]) => `${name} ${passes}`),
    classes.map(({ name, passes }) => `${name} ${passes}`),
  );
  for (const [index, { name, fails = {}, races = {}, doesNotRun }] of classes.entries()) {
    const text = rows[index]![3]!;
    const named = [...Object.entries(fails), ...Object.entries(races)].flat();
    for (const reason of [...named, ...(doesNotRun ? [doesNotRun] : [])])
      assert.ok(text.includes(reason), `docs/clients.md does not say of ${name}: ${reason}`);
  }
});

test('a failure that is new, one that is gone, and a class that breaks off or runs are each told', () => {
  const ran: Outcome = { passed: ['a', 'b'], failed: new Map([['c', 'no answer']]), aborted: undefined, others: 0, log: '' };
  for (const [expected, outcome, told] of [
    [{ name: 'X', passes: 2, fails: { c: 'known' } }, ran, []],
    [{ name: 'X', passes: 2 }, ran, ['X: c fails: no answer']],
    [{ name: 'X', passes: 1, fails: { b: 'known', c: 'known' } }, ran, ['X: b passes now: take it out of the table']],
    [{ name: 'X', passes: 2, fails: { c: 'known', d: 'known' } }, ran, ['X: d did not run']],
    [{ name: 'X', passes: 3, fails: { c: 'known' } }, ran, ['X: 2 tests passed, not 3']],
    [{ name: 'X', passes: 1, races: { b: 'known', c: 'known' } }, ran, []],
    [{ name: 'X', passes: 2, fails: { c: 'known' }, races: { d: 'known' } }, ran, ['X: d did not run']],
    [{ name: 'X', passes: 0, doesNotRun: 'known' }, ran, ['X runs now: put what it does into the table']],
    [{ name: 'X', passes: 2, fails: { c: 'known' } }, { ...ran, aborted: 'hung' }, ['X broke off: hung']],
    [{ name: 'X', passes: 0, doesNotRun: 'known' }, { ...ran, aborted: `${noTests}.` }, []],
  ] as const)
    assert.deepEqual(differences(expected, outcome), told);
});

/** A class with an unexpected outcome runs so often. */
const runsMax = 3;

const skip = jars ? false : 'SKYLARK_SMACK is not set to a folder that .ci/smack has filled';

// Each is a Java process; more than two at once starve each other and the server of the two cores.
describe("Smack's integration tests", { skip, concurrency: 2 }, () => {
  let smack: Smack;
  before(async () => {
    smack = await Smack.start(jars!);
  });
  after(() => smack?.stop());

  for (const expected of classes) {
    test(expected.name, async () => {
      let outcome = await smack.run(expected.name, connections);
      let found = differences(expected, outcome);
      // Some of Smack's waits are short. A fault of ours fails each time; so does whatever is new in its table.
      for (let again = 1; again < runsMax && found.length > 0; again += 1) {
        console.log(`once more, because of ${found.join('; ')}`);
        outcome = await smack.run(expected.name, connections);
        found = differences(expected, outcome);
      }
      // The log comes last: a report keeps the beginning of a long message.
      assert.ok(found.length === 0, `${found.join('\n')}\n${outcome.log}`);
      // All classes but this one are disabled: a class that the table does not have would be one more.
      if (outcome.aborted === undefined) assert.equal(outcome.others, classes.length + leftOut.length - 1);
    });
  }
});
