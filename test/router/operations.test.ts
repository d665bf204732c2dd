/** Every operation is declared in full, checks what it is given, gives only what it declares, and costs one file to add. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { z } from 'zod';
import { allRights, isTenantRight } from '../../lib/runtime/rights.ts';
import { commands } from '../../services/cli/commands.ts';
import * as announcements from '../../services/router/operations/announcements.ts';
import * as audit from '../../services/router/operations/audit.ts';
import * as cells from '../../services/router/operations/cells.ts';
import * as certificateRows from '../../services/router/operations/certificate-rows.ts';
import * as certificates from '../../services/router/operations/certificates.ts';
import * as components from '../../services/router/operations/components.ts';
import * as consoleOperations from '../../services/router/operations/console.ts';
import * as files from '../../services/router/operations/files.ts';
import { operations } from '../../services/router/operations/index.ts';
import * as invites from '../../services/router/operations/invites.ts';
import * as keys from '../../services/router/operations/keys.ts';
import * as messages from '../../services/router/operations/messages.ts';
import * as motd from '../../services/router/operations/motd.ts';
import * as nodes from '../../services/router/operations/nodes.ts';
import { type Operation, operation } from '../../services/router/operations/operation.ts';
import * as peers from '../../services/router/operations/peers.ts';
import { perform } from '../../services/router/operations/perform.ts';
import * as portable from '../../services/router/operations/portable.ts';
import { Refusal } from '../../services/router/operations/refusal.ts';
import * as reports from '../../services/router/operations/reports.ts';
import * as roles from '../../services/router/operations/roles.ts';
import * as rooms from '../../services/router/operations/rooms.ts';
import * as rosterGroups from '../../services/router/operations/roster-groups.ts';
import * as searchIndex from '../../services/router/operations/search-index.ts';
import * as sessions from '../../services/router/operations/sessions.ts';
import * as policies from '../../services/router/operations/tenant-policy.ts';
import * as tenants from '../../services/router/operations/tenants.ts';
import * as tokens from '../../services/router/operations/tokens.ts';
import * as access from '../../services/router/operations/user-access.ts';
import * as users from '../../services/router/operations/users.ts';
import * as webhooks from '../../services/router/operations/webhooks.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const exported: Readonly<Record<string, unknown>> = {
  ...users,
  ...reports,
  ...roles,
  ...tenants,
  ...policies,
  ...cells,
  ...peers,
  ...components,
  ...nodes,
  ...certificates,
  ...keys,
  ...audit,
  ...certificateRows,
  ...consoleOperations,
  ...rooms,
  ...sessions,
  ...files,
  ...access,
  ...invites,
  ...tokens,
  ...webhooks,
  ...searchIndex,
  ...announcements,
  ...motd,
  ...messages,
  ...rosterGroups,
  ...portable,
};

/** The code of the command line, where an operation is asked for by the name of its declaration. */
const folder = new URL('../../services/cli/commands/', import.meta.url);
const commandCode = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));

/** What is missing from a declaration. */
function faultsOf({ name, input, output, right, isRepeatable, help, commands: asked, http }: Operation): string[] {
  const faults: string[] = [];
  if (!/^[a-z]+(?:-[a-z]+)*$/.test(name)) faults.push('a name');
  if (!/^[A-Z].*\.$/.test(help)) faults.push('a sentence of help');
  if (typeof isRepeatable !== 'boolean') faults.push('whether it is repeatable');
  const schemas = [input, output].map((schema) => z.toJSONSchema(schema, { io: 'input' }));
  if (schemas.some(({ type }) => type !== 'object')) faults.push('schemas of objects');
  const fields = Object.keys(schemas[0]?.properties ?? {});
  if (!allRights.includes(right)) faults.push('a right');
  else if (isTenantRight(right) && !fields.some((field) => field === 'domain' || field === 'jid'))
    faults.push('a right, with the tenant in its input');
  if ('whyNone' in asked) {
    if (asked.whyNone.length < 10) faults.push('why no command asks for it');
  } else if (!asked.every((command) => commands.some((one) => one.name === command))) faults.push('a command that there is');
  if ('whyNone' in http) {
    if (http.whyNone.length < 10) faults.push('why the API has no route');
  } else {
    const inPath = [...http.path.matchAll(/\{(\w+)\}/g)].map(([, field]) => field!);
    const known = fields.includes('jid') ? [...fields, 'domain', 'local'] : fields;
    if (!inPath.every((field) => known.includes(field))) faults.push('a path of fields that there are');
    if (isTenantRight(right) && !http.path.startsWith('/tenants/{domain}')) faults.push('a path below its tenant');
  }
  return faults;
}

describe('the list of operations', () => {
  test('has no two with the same route', () => {
    const routes = operations.flatMap(({ http }) => ('whyNone' in http ? [] : [`${http.method} ${http.path}`]));
    assert.equal(new Set(routes).size, routes.length);
    assert.ok(routes.length > 5);
  });

  test('has each of them once', () => {
    const declared = Object.values(exported);
    assert.deepEqual(new Set(operations), new Set(declared));
    assert.equal(operations.length, declared.length);
    assert.equal(new Set(operations.map(({ name }) => name)).size, operations.length);
  });

  for (const one of operations) {
    test(`${one.name} is declared in full, and its commands ask for it`, () => {
      assert.deepEqual(faultsOf(one), []);
      const [constant] = Object.entries(exported).find(([, value]) => value === one)!;
      const isAsked = commandCode.some((code) =>
        new RegExp(`[(]\\s*(?:${constant}|${constant}Operation)\\b|, ${constant},`).test(code),
      );
      assert.equal(isAsked, !('whyNone' in one.commands), 'a command asks for it');
    });
  }

  test('shows what a declaration lacks', () => {
    const half = { ...users.userAdd, name: 'User add', help: 'adds', commands: ['user launch'] } as unknown as Operation;
    assert.deepEqual(faultsOf(half), ['a name', 'a sentence of help', 'a command that there is']);
    assert.deepEqual(faultsOf({ ...nodes.status, right: 'tenant.see', http: users.userList.http }), [
      'a right, with the tenant in its input',
      'a path of fields that there are',
    ]);
    assert.deepEqual(faultsOf({ ...nodes.status, commands: { whyNone: '' } }), ['why no command asks for it']);
    assert.deepEqual(faultsOf({ ...nodes.status, input: z.string() }), ['schemas of objects']);
    assert.deepEqual(faultsOf({ ...nodes.status, http: { whyNone: '' } }), ['why the API has no route']);
    assert.deepEqual(faultsOf({ ...nodes.status, http: { method: 'get', path: '/nodes/{all}' } }), [
      'a path of fields that there are',
    ]);
    assert.deepEqual(faultsOf({ ...users.userList, http: { method: 'get', path: '/accounts' } }), ['a path below its tenant']);
  });
});

describe('an operation', () => {
  let dependencies: EmbeddedDependencies;
  beforeEach(async () => {
    dependencies = await embeddedDependencies();
  });
  afterEach(() => dependencies.close());

  const ask = (list: readonly Operation[], name: string, given: Readonly<Record<string, unknown>>) =>
    perform(dependencies, { kind: 'admin', operation: name, arguments: given }, list);

  /** All that it takes to add one. */
  const echo = operation({
    name: 'word-echo',
    input: z.strictObject({
      word: z.string().min(1).max(5),
      times: z.number().default(1),
      mood: z.enum(['calm', 'loud']).optional(),
    }),
    output: z.object({ words: z.string() }),
    right: 'deployment.see',
    isRepeatable: true,
    help: 'Says a word again.',
    commands: { whyNone: 'it serves this test only' },
    http: { whyNone: 'it serves this test only' },
    async run({ version }, { word, times }) {
      if (times > 3) throw new Refusal('conflict', `'${word}' is said often enough`);
      return { words: word.repeat(times), version, secret: 'never sent' };
    },
  });

  test('is added with one declaration, and gone without it', async () => {
    assert.deepEqual(faultsOf(echo), []);
    const more = [...operations, echo];
    assert.deepEqual(await ask(more, 'word-echo', { word: 'hi', times: 2 }), { ok: true, result: { words: 'hihi' } });
    assert.deepEqual(await ask(more, 'word-echo', { word: 'hi', times: 4 }), {
      ok: false,
      error: "'hi' is said often enough",
      refusal: 'conflict',
    });
    assert.match(
      (await ask(operations, 'word-echo', { word: 'hi' })).error!,
      /^unknown operation 'word-echo'; there are: user-add, /,
    );
  });

  test('is told in a sentence what is wrong with its input', async () => {
    for (const [given, error] of [
      [{}, "the operation needs 'word'"],
      [{ word: '' }, "the operation needs 'word'"],
      [{ word: 7 }, "'word' takes text"],
      [{ word: null }, "'word' takes text"],
      [{ word: 'secret' }, "'word' has more than 5 characters"],
      [{ word: 'hi', times: '2' }, "'times' takes a number"],
      [{ word: 'hi', times: true }, "'times' takes a number"],
      [{ word: 'hi', mood: 'sad' }, "mood is 'calm' or 'loud', not 'sad'"],
      [{ word: 'hi', loud: true }, "'word-echo' does not take 'loud'"],
      [[], "'word-echo' takes an object"],
    ] as const) {
      assert.deepEqual(await ask([echo], 'word-echo', given as Readonly<Record<string, unknown>>), {
        ok: false,
        error,
        refusal: 'invalid',
      });
    }
  });

  test('checks every field of those that there are', async () => {
    for (const [name, given, error] of [
      ['user-remove', { jid: 'a@b.example', waitMs: '2000' }, "'waitMs' takes a number"],
      ['user-remove', { jid: 'a@b.example', again: 'yes' }, "'again' takes true or false"],
      ['tenant-remove', { domain: 'b.example', force: 'yes' }, "'force' takes true or false"],
      ['user-add', { jid: 'a@b.example', password: { secret: 1 } }, "'password' takes text"],
      ['user-list', { domain: 'b.example', from: 'a' }, "'user-list' does not take 'from'"],
      ['status', { all: true }, "'status' does not take 'all'"],
      ['certificate-put', { row: { table: 'core', partition: 'a.example/c', sort: 's' } }, "the operation needs 'row.value'"],
    ] as const) {
      assert.deepEqual(await ask(operations, name, given), {
        ok: false,
        error,
        refusal: 'invalid',
      });
    }
  });
});
