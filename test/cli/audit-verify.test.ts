/** `skylark audit --json` is an export that `skylark audit-verify` checks without the service: whatever was changed in it is found. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { appendAudit } from '../../lib/runtime/audit.ts';
import { dropOldAudit } from '../../lib/runtime/audit-retention.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const folder = temporaryFolder();
const data = join(folder, 'data');
const dayMs = 24 * 60 * 60 * 1_000;
const whole = join(folder, 'whole.jsonl');
let lines: readonly string[];

async function run(...args: readonly string[]): Promise<string> {
  const { out, err, code } = await skylark([...args, '--data', data]);
  assert.deepEqual([err, code], ['', 0], args.join(' '));
  return out;
}

before(async () => {
  const service = await Service.start(['start', '--data', data, ...anyPorts]);
  try {
    await run('user', 'add', 'anna@localhost', '--password', 'secret');
    await run('tenant', 'set', 'localhost', '--brand-name', 'Montague & “Söhne” \u{1f339}');
    await run('motd', 'set', 'localhost', 'hello');
    await run('motd', 'remove', 'localhost');
    await run('user', 'role', 'anna@localhost', 'admin');
    writeFileSync(whole, await run('audit', 'localhost', '--json'));
  } finally {
    await service.stop();
  }
  lines = readFileSync(whole, 'utf8').trimEnd().split('\n');
  assert.ok(lines.length >= 10, `${lines.length} entries`);
});
after(() => removeFolder(folder));

function write(name: string, changed: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${changed.join('\n')}\n`);
  return path;
}
const verify = (...files: readonly string[]) => skylark(['audit-verify', ...files]);
const hashOf = (line: string) => (JSON.parse(line) as { hash: string }).hash;

test('an export is whole, and says its last hash', async () => {
  assert.deepEqual(await verify(whole), {
    out: `entries 1 to ${lines.length} are whole; the last has the hash ${hashOf(lines.at(-1)!)}\n`,
    ...{ err: '', code: 0 },
  });
});

test('programs are told in JSON', async () => {
  const { out } = await verify(whole, '--json');
  assert.deepEqual(JSON.parse(out), { first: 1, last: lines.length, hash: hashOf(lines.at(-1)!) });
});

test('an export that goes on where another has ended follows it, and alone it is taken from its first entry', async () => {
  const rest = join(folder, 'rest.jsonl');
  writeFileSync(rest, await run('audit', 'localhost', '--json', '--after', '4'));
  const head = write('head.jsonl', lines.slice(0, 4));
  assert.deepEqual(readFileSync(rest, 'utf8').trimEnd().split('\n'), lines.slice(4));
  assert.match((await verify(head, rest)).out, new RegExp(`^entries 1 to ${lines.length} are whole`));
  assert.match((await verify(rest)).out, /^entries 5 to \d+ are whole.*\nentry 5 is taken as it is: /);
  const swapped = await verify(rest, head);
  assert.deepEqual([swapped.code, swapped.out], [1, '']);
});

describe('it is found that', () => {
  const change = (at: number, from: string | RegExp, to: string) =>
    lines.map((line, index) => {
      if (index !== at) return line;
      const changed = line.replace(from, to);
      assert.notEqual(changed, line);
      return changed;
    });
  const cases: Readonly<Record<string, () => readonly [readonly string[], number]>> = {
    'an entry was changed': () => [change(1, 'anna', 'eve'), 2],
    'an outcome was changed': () => [change(1, '"done"', '"failed"'), 2],
    'a time was changed': () => [change(2, /"at":"20/, '"at":"19'), 3],
    'a change was changed': () => [change(3, 'Montague', 'Capulet'), 4],
    'a hash was changed': () => [change(4, /"hash":"./, '"hash":"g'), 5],
    'an entry was taken out': () => [lines.filter((_, index) => index !== 5), 6],
    'the first one was taken out of the next': () => [[lines[0]!, ...lines.slice(2)], 2],
    'two have changed places': () => [[lines[1]!, lines[0]!, ...lines.slice(2)], 3],
    'one comes twice': () => [[lines[0]!, ...lines], 2],
  };
  for (const [what, made] of Object.entries(cases)) {
    test(what, async () => {
      const [changed, entry] = made();
      const { out, err, code } = await verify(write('changed.jsonl', changed));
      assert.deepEqual([out, code], ['', 1]);
      assert.equal(err, `skylark: the log is not whole: entry ${entry} is missing or was changed\n`);
    });
  }
});

test('what is not an export is refused in a sentence', async () => {
  for (const [files, code, error] of [
    [[], 2, /needs a FILE/],
    [[join(folder, 'absent')], 1, /^skylark: '\S+absent' cannot be read: no such file or folder\n$/],
    [[folder], 1, /cannot be read: it is a folder\n$/],
    [[write('empty.jsonl', [])], 1, /there is no entry in it/],
    [[write('broken.jsonl', [lines[0]!, '{'])], 1, /broken\.jsonl, line 2: it is not an entry/],
    [[write('other.jsonl', ['{"number":1}'])], 1, /other\.jsonl, line 1: it is not an entry/],
    [[write('binary.jsonl', ['\0\u{1f339}'])], 1, /it is not an entry/],
  ] as const) {
    const refused = await verify(...files);
    assert.deepEqual([refused.out, refused.code], ['', code], refused.err);
    assert.match(refused.err, error);
  }
});

test('where old entries were deleted, the log says so and is whole, and its exports are verified from the first one that is left', async () => {
  const old = join(folder, 'old');
  mkdirSync(old);
  const clock = { ...systemClock, now: () => Date.now() - 40 * dayMs };
  const store = await openSqliteStore(old, { clock: systemClock });
  const facts = { by: 'operator', operation: 'motd-set', input: {}, outcome: 'done' };
  await new Tenants(store, systemClock).add('localhost', {});
  for (let count = 0; count < 5; count++) await appendAudit({ store, clock }, 'localhost', facts);
  for (let count = 0; count < 3; count++) await appendAudit({ store, clock: systemClock }, 'localhost', facts);
  assert.deepEqual(await dropOldAudit(store, 'localhost', Date.now() - 30 * dayMs), { count: 5 });
  const { sort } = (
    await store.query({ table: 'core', partition: 'localhost/t', prefix: 'audit/', limit: 1, consistent: true })
  )[0]!;
  await store.close();
  const listed = await skylark(['audit', 'localhost', '--data', old]);
  assert.match(
    listed.out,
    /^entries up to 5, of \S+, were deleted after their time; the last of them has the hash [0-9a-f]{64}\n6 {2}/,
  );
  assert.deepEqual([listed.err, listed.code, listed.out.split('\n').length], ['', 0, 5]);
  const exported = await skylark(['audit', 'localhost', '--json', '--data', old]);
  assert.match(
    (await verify(write('left.jsonl', exported.out.trimEnd().split('\n')))).out,
    /^entries 6 to 8 are whole.*\nentry 6 is taken/,
  );
  const again = await openSqliteStore(old, { clock: systemClock });
  assert.ok(await again.delete({ table: 'core', partition: 'localhost/t', sort }));
  await again.close();
  const broken = await skylark(['audit', 'localhost', '--data', old]);
  assert.deepEqual([broken.err, broken.code], ['skylark: the log is not whole: entry 6 is missing or was changed\n', 1]);
});
