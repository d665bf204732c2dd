/**
 * Roles: the table of lib/runtime/rights.ts is what the router refuses by, whoever asks; nobody rises above what they have, by whatever operation;
 * and an owner is left.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { readToken } from '../../lib/runtime/api-keys.ts';
import { listAudit } from '../../lib/runtime/audit.ts';
import {
  allRights,
  contentRight,
  isTenantRight,
  type Role,
  rightsOf,
  rightTexts,
  roleNames,
  tenantRoleNames,
} from '../../lib/runtime/rights.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { holdersOf, operatorsOf } from '../../services/router/core/roles.ts';
import { commanderOf } from '../../services/router/operations/asker.ts';
import { answerConsole } from '../../services/router/operations/console-sessions.ts';
import { operations } from '../../services/router/operations/index.ts';
import { perform, performAs } from '../../services/router/operations/perform.ts';
import { blankInput } from '../support/operation-inputs.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';

let stage: RouterStage;

beforeEach(async () => {
  stage = await openRouter({ hasRooms: true });
  for (const domain of ['a.example', 'b.example'])
    for (const local of ['juliet', 'nurse', 'romeo', 'tybalt'])
      await done('user-add', { jid: `${local}@${domain}`, password: 'secret' });
});
afterEach(() => stage.close());

type Given = Readonly<Record<string, unknown>>;

/** As an operator on the machine. */
const operate = (operation: string, given: Given) => perform(stage.dependencies, { kind: 'admin', operation, arguments: given });

async function done(operation: string, given: Given): Promise<Given> {
  const { ok, error, result } = await operate(operation, given);
  assert.ok(ok, error);
  return result as Given;
}

/** A way to ask with the rights of a role: a key of the API. */
async function keyFor(role: Exclude<Role, 'none'>, domain?: string, more: Given = {}) {
  const { token } = await done('key-add', {
    name: role,
    role,
    access: 'write',
    ...(domain !== undefined && { domain }),
    ...more,
  });
  const key = readToken(token as string)!;
  return (operation: string, given: Given) =>
    perform(stage.dependencies, { kind: 'admin', operation, arguments: given, by: { key, address: '192.0.2.7' } });
}

const give = (jid: string, role: Role, more: Given = {}) => done('user-role', { jid, role, ...more });

describe('the table', () => {
  test('gives no role the content of messages, and each role over the deployment what those below have', () => {
    for (const role of roleNames) assert.ok(!rightsOf({ role }).includes(contentRight), role);
    assert.deepEqual(
      rightsOf({ role: 'deployment-owner' }).toSorted(),
      allRights.filter((right) => right !== contentRight).toSorted(),
    );
    for (const role of tenantRoleNames) assert.ok(rightsOf({ role }).every(isTenantRight), role);
    for (const [lower, upper] of [
      ['auditor', 'admin'],
      ['support', 'admin'],
      ['admin', 'owner'],
      ['owner', 'operator'],
      ['operator', 'deployment-owner'],
    ] as const)
      assert.ok(
        rightsOf({ role: lower }).every((right) => rightsOf({ role: upper }).includes(right)),
        lower,
      );
  });

  test('names no right that no operation needs', () => {
    const needed = new Set<string>(operations.map(({ right }) => right));
    assert.deepEqual(
      allRights.filter((right) => !needed.has(right)),
      [],
    );
  });

  test('is the one in docs/operations.md', () => {
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const roles = roleNames.filter((role) => role !== 'none');
    const lines = allRights.map((right) => {
      const ticks = roles.map((role) => (rightsOf({ role }).includes(right) ? ' ✓ |' : ' |'));
      return `| \`${right}\` | ${rightTexts[right]} |${ticks.join('')}`;
    });
    assert.ok(page.includes([`| Right | To | ${roles.join(' | ')} |`, '|---|---|---|---|---|---|---|---|', ...lines].join('\n')));
  });

  for (const role of roleNames.filter((one) => one !== 'none')) {
    test(`${role}: the router refuses exactly what the table does not say, for a key of one tenant and of the deployment`, async () => {
      const isOfTenant = (tenantRoleNames as readonly Role[]).includes(role);
      for (const domain of isOfTenant ? ['a.example', undefined] : [undefined]) {
        const ask = await keyFor(role, domain);
        let [allowed, refused] = [0, 0];
        for (const operation of operations.filter(({ http }) => !('whyNone' in http))) {
          const { ok, error, refusal } = await ask(operation.name, blankInput(operation, 'a.example'));
          const mayDo = rightsOf({ role }).includes(operation.right);
          const isForbidden = !ok && refusal === 'forbidden';
          assert.equal(isForbidden, !mayDo, `${operation.name}: ${error}`);
          if (mayDo) allowed++;
          else refused++;
        }
        assert.ok(allowed > 5 && refused > 0, `${allowed} ${refused}`);
      }
    });
  }

  test('holds for ad-hoc commands, where a role over the deployment reaches no further than the own tenant', async () => {
    const asker = commanderOf(Jid.parse('nurse@a.example'), { role: 'deployment-owner' });
    const asked = (operation: string, given: Given) => performAs(stage.dependencies, asker, { operation, arguments: given });
    assert.equal((await asked('user-list', { domain: 'a.example' })).ok, true);
    for (const [operation, given] of [
      ['user-list', { domain: 'b.example' }],
      ['tenant-list', {}],
      ['user-role', { jid: 'romeo@a.example', role: 'operator' }],
    ] as const)
      assert.equal((await asked(operation, given)).refusal, 'forbidden', operation);
  });
});

describe('nobody rises', () => {
  test('a role with a right that the giver lacks is not given', async () => {
    const may: Readonly<Record<string, readonly Role[]>> = {
      admin: ['none', 'auditor', 'support', 'admin'],
      owner: ['none', 'auditor', 'support', 'admin', 'owner'],
      operator: ['none', 'auditor', 'support', 'admin', 'owner', 'operator'],
      'deployment-owner': roleNames,
    };
    for (const [giver, givable] of Object.entries(may)) {
      const ask = await keyFor(giver as Exclude<Role, 'none'>);
      for (const role of roleNames) {
        const { ok, error } = await ask('user-role', { jid: 'romeo@a.example', role });
        assert.equal(ok, givable.includes(role), `${giver} gives ${role}: ${error}`);
        await operate('user-role', { jid: 'tybalt@a.example', role: 'owner' });
        await operate('user-role', { jid: 'tybalt@b.example', role: 'deployment-owner' });
        await give('romeo@a.example', 'none');
      }
    }
  });

  test('nothing of an account with more rights is changed: not its role, password, link, sessions or life', async () => {
    await give('juliet@a.example', 'owner');
    await give('romeo@a.example', 'operator');
    const [admin, owner] = [await keyFor('admin', 'a.example'), await keyFor('owner', 'a.example')];
    const changing = operations.filter(
      ({ http, input }) => 'method' in http && http.method !== 'get' && 'jid' in (input as unknown as { shape: object }).shape,
    );
    assert.ok(changing.length >= 7, `${changing.length}`);
    for (const operation of changing) {
      for (const [ask, jid] of [
        [admin, 'juliet@a.example'],
        [admin, 'romeo@a.example'],
        [owner, 'romeo@a.example'],
      ] as const) {
        const given = { ...blankInput(operation, 'a.example'), jid };
        assert.equal((await ask(operation.name, given)).refusal, 'forbidden', `${operation.name} ${jid}`);
      }
    }
    assert.equal((await owner('user-password', { jid: 'juliet@a.example', password: 'another' })).ok, true);
  });

  test('an admin does not say how people sign in, and is not shown less of the policy', async () => {
    const [admin, owner] = [await keyFor('admin', 'a.example'), await keyFor('owner', 'a.example')];
    for (const change of [
      { signIn: ['password', 'webhook'] },
      { webhookUrl: 'https://eve.example/' },
      { ldapUrl: 'ldaps://eve.example' },
      { jwtKeys: 'https://eve.example/keys' },
      { webUrl: 'https://eve.example' },
    ]) {
      const { refusal } = await admin('tenant-set', { domain: 'a.example', inviteDays: 3, ...change });
      assert.equal(refusal, 'forbidden', JSON.stringify(change));
    }
    const shown = (await admin('tenant-show', { domain: 'a.example' })).result as {
      policy: { inviteDays: number; signIn: string[] };
    };
    assert.deepEqual([shown.policy.inviteDays, shown.policy.signIn], [7, ['password']]);
    assert.equal((await admin('tenant-set', { domain: 'a.example', inviteDays: 3 })).ok, true);
    assert.equal((await owner('tenant-set', { domain: 'a.example', signIn: ['password', 'jwt'] })).ok, true);
  });

  test('a key for one tenant has no role over the deployment, and an operator makes no keys', async () => {
    const { error } = await operate('key-add', { name: 'x', domain: 'a.example', role: 'operator' });
    assert.match(error ?? '', /has a role over a tenant/);
    assert.equal((await (await keyFor('operator'))('key-add', { name: 'x' })).refusal, 'forbidden');
  });
});

describe('an owner is left', () => {
  test('the last one does not lose the role, whoever asks and however', async () => {
    await give('juliet@a.example', 'owner');
    const owner = await keyFor('owner', 'a.example');
    for (const [operation, given] of [
      ['user-role', { role: 'admin' }],
      ['user-role', { role: 'none' }],
      ['user-remove', {}],
      ['user-disable', {}],
    ] as const) {
      const { refusal, error } = await owner(operation, { jid: 'juliet@a.example', ...given });
      assert.deepEqual([refusal, /the last owner/.test(error ?? '')], ['conflict', true], operation);
    }
    assert.equal((await operate('user-role', { jid: 'juliet@a.example', role: 'none' })).refusal, 'conflict', 'an operator, too');
    await give('nurse@b.example', 'owner');
    assert.equal((await operate('user-role', { jid: 'juliet@a.example', role: 'none' })).refusal, 'conflict', 'of this tenant');
    await give('romeo@a.example', 'owner');
    assert.equal((await owner('user-role', { jid: 'juliet@a.example', role: 'admin' })).ok, true);
  });

  test('an owner who is disabled does not count, and one that takes a role over the deployment stays an owner', async () => {
    await give('juliet@a.example', 'owner');
    await give('romeo@a.example', 'owner');
    await done('user-disable', { jid: 'romeo@a.example' });
    assert.equal((await operate('user-role', { jid: 'juliet@a.example', role: 'admin' })).refusal, 'conflict');
    await give('juliet@a.example', 'operator');
    assert.deepEqual(Object.keys(await operatorsOf(stage.dependencies.store)), ['juliet@a.example']);
    assert.deepEqual(Object.keys(await holdersOf(stage.dependencies.store, 'a.example')), ['romeo']);
  });

  test('of two who give up the role at the same time, one is refused', async () => {
    for (let round = 0; round < 10; round++) {
      await give('juliet@a.example', 'owner');
      await give('romeo@a.example', 'owner');
      const given = await Promise.all(
        ['juliet@a.example', 'romeo@a.example'].map((jid) => operate('user-role', { jid, role: 'none' })),
      );
      assert.equal(given.filter(({ ok }) => ok).length, 1);
    }
  });

  test('the last owner cannot remove the account either (XEP-0077)', async () => {
    await give('juliet@a.example', 'owner');
    const juliet = await stage.join('juliet@a.example/x');
    const remove = `<query xmlns='jabber:iq:register'><remove/></query>`;
    assert.match(await juliet.ask('set', remove, 'a.example'), /<not-allowed /);
    assert.equal((await done('user-show', { jid: 'juliet@a.example' })).role, 'owner');
  });

  test('the last owner of the deployment stays one', async () => {
    await give('juliet@a.example', 'deployment-owner');
    assert.equal((await operate('user-role', { jid: 'juliet@a.example', role: 'operator' })).refusal, 'conflict');
    await give('romeo@b.example', 'deployment-owner');
    await give('juliet@a.example', 'operator');
  });
});

describe('who has a role', () => {
  test('is listed, by tenant and for the deployment, until the account is removed', async () => {
    await give('juliet@a.example', 'admin', { content: true });
    await give('romeo@a.example', 'operator');
    await give('nurse@b.example', 'support');
    const holders = async (domain: string) =>
      ((await done('role-list', { domain })).holders as { jid: string; role: string; content: boolean; since: string }[]).map(
        ({ since, ...one }) => {
          assert.match(since, /^\d{4}-/);
          return one;
        },
      );
    assert.deepEqual(await holders('a.example'), [{ jid: 'juliet@a.example', role: 'admin', content: true }]);
    assert.deepEqual(await holders('b.example'), [{ jid: 'nurse@b.example', role: 'support', content: false }]);
    assert.deepEqual(
      ((await done('role-deployment-list', {})).holders as { jid: string }[]).map(({ jid }) => jid),
      ['romeo@a.example'],
    );
    for (const jid of ['juliet@a.example', 'romeo@a.example']) await done('user-remove', { jid });
    assert.deepEqual(await holders('a.example'), []);
    assert.deepEqual((await done('role-deployment-list', {})).holders, []);
    await done('user-add', { jid: 'juliet@a.example', password: 'secret' });
    assert.equal((await done('user-show', { jid: 'juliet@a.example' })).role, 'none', 'whoever gets the name gets no role');
  });

  test('is listed when they come to the console, although the role is from before there were lists', async () => {
    const { store } = stage.dependencies;
    const row = { table: 'core', partition: 'a.example/a/romeo', sort: 'role/', value: '{"role":"admin"}' } as const;
    await store.put(row);
    assert.deepEqual((await done('role-list', { domain: 'a.example' })).holders, []);
    const asked = { session: 's', address: '192.0.2.7', jid: 'romeo@a.example', password: 'secret' };
    const { who } = await answerConsole(stage.dependencies, { kind: 'console', verb: 'enter', ...asked });
    assert.equal(who?.name, 'romeo@a.example');
    const [holder] = (await done('role-list', { domain: 'a.example' })).holders as { jid: string; role: string }[];
    assert.deepEqual([holder?.jid, holder?.role], ['romeo@a.example', 'admin']);
  });

  test('goes with the tenant', async () => {
    await give('romeo@a.example', 'operator');
    await give('romeo@b.example', 'operator');
    await done('tenant-remove', { domain: 'a.example', force: true });
    assert.deepEqual(Object.keys(await operatorsOf(stage.dependencies.store)), ['romeo@b.example']);
  });

  test('stands in the audit log with what they had before and have after', async () => {
    await give('juliet@a.example', 'admin');
    await give('juliet@a.example', 'support', { content: true });
    const entries = await listAudit(stage.dependencies.store, 'a.example', 100);
    assert.deepEqual(
      entries.filter(({ operation }) => operation === 'user-role').map(({ outcome, change }) => [outcome, change]),
      [
        ['begun', undefined],
        ['done', { before: { role: 'none' }, after: { role: 'admin' } }],
        ['begun', undefined],
        ['done', { before: { role: 'admin' }, after: { role: 'support', hasContent: true } }],
      ],
    );
    assert.equal((await done('audit-tenant-list', { domain: 'a.example' })).brokenAt, undefined, 'the chain covers the change');
  });

  test('a change of the policy stands there, too, without secrets, and of what is long how long it was', async () => {
    const block = Array.from({ length: 100 }, (_, at) => `${'x'.repeat(50)}${at}.example`);
    await done('tenant-set', { domain: 'a.example', block });
    const [long] = (await listAudit(stage.dependencies.store, 'a.example', 100)).slice(-1);
    const kept = JSON.stringify(long);
    assert.ok(kept.length < 2_000, kept);
    const { block: told } = long!.change!.after as { block: string };
    assert.match(told, /^\d{4} bytes, SHA-256 [0-9a-f]{64}$/);
    await done('tenant-set', { domain: 'a.example', inviteDays: 3, federation: 'closed' });
    const last = (await listAudit(stage.dependencies.store, 'a.example', 100)).at(-1);
    assert.deepEqual(last?.change, {
      before: { inviteDays: 7, federation: 'open' },
      after: { inviteDays: 3, federation: 'closed' },
    });
  });
});

describe('the content of messages', () => {
  test('is shown to nobody without the right, and each look is an entry of the log', async () => {
    const looks = async () =>
      (await listAudit(stage.dependencies.store, 'a.example', 100))
        .filter(({ operation }) => operation === 'report-show')
        .map(({ by, outcome }) => [by.split(' ')[0], outcome]);
    const id = `2026-01-01 ${'0'.repeat(16)}`;
    for (const role of roleNames.filter((one) => one !== 'none'))
      assert.equal((await (await keyFor(role))('report-show', { domain: 'a.example', id })).refusal, 'forbidden', role);
    assert.deepEqual(await looks(), []);
    const reader = await keyFor('support', 'a.example', { content: true });
    assert.equal((await reader('report-show', { domain: 'a.example', id })).refusal, 'absent');
    assert.equal((await reader('report-show', { domain: 'b.example', id })).refusal, 'forbidden');
    assert.deepEqual(
      (await looks()).map(([by]) => by),
      ['key', 'key'],
    );
  });

  test('is a right that an owner gives, and an admin does not', async () => {
    const [admin, owner] = [await keyFor('admin', 'a.example'), await keyFor('owner', 'a.example')];
    const given = { jid: 'romeo@a.example', role: 'support', content: true };
    assert.equal((await admin('user-role', given)).refusal, 'forbidden');
    assert.equal((await owner('user-role', given)).ok, true);
    assert.equal((await admin('user-role', { jid: 'romeo@a.example', role: 'none' })).refusal, 'forbidden', 'nor takes it');
    assert.equal((await admin('user-password', { jid: 'romeo@a.example', password: 'mine' })).refusal, 'forbidden');
  });
});
