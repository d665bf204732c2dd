/** What operators ask the router for. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { RemovalLease } from '../../lib/runtime/removals.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { type SessionEntry, updateSessions } from '../../lib/runtime/sessions.ts';
import { type Tenant, Tenants } from '../../lib/runtime/tenants.ts';
import type { NodeRequest } from '../../lib/runtime/wire.ts';
import { addAccount } from '../../services/router/accounts/add-account.ts';
import { accounts, createAccount, deleteAccountRow, findAccount } from '../../services/router/core/accounts.ts';
import type { AccountFeature } from '../../services/router/core/feature.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { removalsOf } from '../../services/router/removal/removals.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const node = 'n.node-1.a';
let log: string[] = [];

/** Says which of the hooks ran and what they still saw. */
const witness: AccountFeature = {
  spec: 'XEP-0000',
  version: '1.0',
  title: 'Witness',
  ended: (account, entry) => void log.push(`ended ${account.jid}/${entry.resource}`),
  removed: async (account) =>
    void log.push(`removed ${account.jid}, ${(await account.exists()) ? 'there' : 'gone'}, note ${await account.get(note)}`),
};
const note = collection<string>('note', 'account');

let dependencies: EmbeddedDependencies;

beforeEach(async () => {
  log = [];
  dependencies = await embeddedDependencies({ features: [witness], clock: steppedClock() });
  await dependencies.bus.serve(node, (payload) => {
    const { header } = decodeFrame<NodeRequest>(payload);
    if (header.kind === 'close') log.push(`close ${header.sid} ${header.condition}`);
    return encodeFrame({ ok: true });
  });
});

afterEach(() => dependencies.close());

const ask = (operation: string, given: Record<string, unknown> = {}) =>
  perform(dependencies, { kind: 'admin', operation, arguments: given });

async function done(operation: string, given: Record<string, unknown> = {}): Promise<unknown> {
  const { ok, error, result } = await ask(operation, given);
  assert.equal(ok, true, error);
  return result;
}

async function refused(operation: string, given: Record<string, unknown> = {}): Promise<string | undefined> {
  const { ok, error } = await ask(operation, given);
  assert.equal(ok, false);
  return error;
}

/** As a process that dies when it has begun a removal. */
async function breakOff(tenant: Tenant, local: string): Promise<void> {
  const name = `${local}@${tenant.domain}`;
  assert.ok(await RemovalLease.take(dependencies, name, 'a process that died', { row: { tenant, local }, mayTake: () => false }));
  await deleteAccountRow(dependencies.store, tenant.domain, local);
}

async function allRows(domain: string, local: string): Promise<number> {
  let count = 0;
  for (const table of ['core', 'archive', 'live'] as const) {
    const { partition } = Rows.ofAccount(dependencies.store, domain, local);
    count += (await dependencies.store.query({ table, partition, limit: 1_000, consistent: true })).length;
  }
  return count;
}

describe('tenants', () => {
  test('are added, listed without their secrets, and removed', async () => {
    const createdAt = '2023-11-14T22:13:20.000Z';
    const org = { domain: 'example.org', createdAt, registration: 'closed', retentionDays: 0 };
    assert.deepEqual(await done('tenant-add', { domain: 'Example.ORG' }), org);
    await done('tenant-add', { domain: 'example.net', registration: 'open' });
    assert.deepEqual(await done('tenant-list'), {
      tenants: [{ domain: 'example.net', createdAt, registration: 'open', retentionDays: 0 }, org],
      next: undefined,
    });
    assert.deepEqual(await done('tenant-remove', { domain: 'example.org' }), { domain: 'example.org' });
    assert.equal(await dependencies.tenants.find('example.org'), undefined);
    assert.ok(await dependencies.tenants.find('example.net'));
  });

  test('that cannot be are refused', async () => {
    await done('tenant-add', { domain: 'example.org' });
    await done('tenant-add', { domain: 'conference.example.net' });
    await done('tenant-add', { domain: 'upload.example.com' });
    for (const [given, error] of [
      [{ domain: 'example.org' }, "there is a tenant 'example.org' already"],
      [{ domain: 'EXAMPLE.org.' }, "there is a tenant 'example.org' already"],
      [{ domain: 'conference.example.org' }, "'conference.example.org' is where the rooms of tenant 'example.org' are"],
      [{ domain: 'example.net' }, "the rooms of 'example.net' would be at 'conference.example.net', which is a tenant"],
      [{ domain: 'upload.example.org' }, "'upload.example.org' is where the files of tenant 'example.org' are"],
      [{ domain: 'example.com' }, "the files of 'example.com' would be at 'upload.example.com', which is a tenant"],
      [{ domain: 'a b' }, "'a b' is not a domain name"],
      [{ domain: 'juliet@example.org' }, "'juliet@example.org' is not a domain name"],
      [{ domain: 'example.org/x' }, "'example.org/x' is not a domain name"],
      [{ domain: '#tenants' }, "'#tenants' is not a domain name"],
      [{ domain: `${'a.'.repeat(130)}org` }, `'${'a.'.repeat(130)}org' is not a domain name`],
      [{ domain: '' }, "the operation needs 'domain'"],
      [{}, "the operation needs 'domain'"],
      [{ domain: 'example.com', registration: 'yes' }, "registration is 'open' or 'closed' or 'web', not 'yes'"],
    ] as const) {
      assert.equal(await refused('tenant-add', given), error);
    }
  });

  test('that are none are told from those that are', async () => {
    const error = "there is no tenant 'example.org'; add it with: skylark tenant add example.org";
    assert.equal(await refused('tenant-remove', { domain: 'example.org' }), error);
    assert.equal(await refused('user-list', { domain: 'example.org' }), error);
    assert.equal(await refused('user-add', { jid: 'juliet@example.org', password: 'x' }), error);
    assert.equal(await refused('user-remove', { jid: 'juliet@example.org' }), error);
  });

  test('with accounts go only by force, and leave nothing behind', async () => {
    await done('tenant-add', { domain: 'example.org' });
    await done('tenant-add', { domain: 'example.net' });
    for (const local of ['romeo', 'juliet']) await done('user-add', { jid: `${local}@example.org`, password: 'x' });
    await done('user-add', { jid: 'juliet@example.net', password: 'x' });
    const error =
      "tenant 'example.org' has accounts, such as 'juliet@example.org'; remove them with it by: skylark tenant remove example.org --force";
    assert.equal(await refused('tenant-remove', { domain: 'example.org' }), error);
    assert.equal(await refused('tenant-remove', { domain: 'example.org', force: false }), error);
    await breakOff((await dependencies.tenants.find('example.org'))!, 'romeo');
    await done('tenant-remove', { domain: 'example.org', force: true });
    await done('tenant-add', { domain: 'example.org' });
    assert.deepEqual(await done('user-list', { domain: 'example.org' }), { users: [], next: undefined });
    assert.equal((await allRows('example.org', 'juliet')) + (await allRows('example.org', 'romeo')), 0);
    assert.deepEqual(await done('user-list', { domain: 'example.net' }), { users: ['juliet@example.net'], next: undefined });
    await done('user-add', { jid: 'romeo@example.org', password: 'x' });
  });

  test('take no account in while they go, although other routers may still believe in them', async () => {
    await done('tenant-add', { domain: 'example.org' });
    const tenant = (await dependencies.tenants.find('example.org'))!;
    const made: string[] = [];
    const clock = new DeploymentClock({
      ...systemClock,
      after(_, run) {
        void addAccount(dependencies, tenant, 'late', 'x').then((outcome) => {
          made.push(outcome);
          run();
        });
        return { cancel: () => {} };
      },
    });
    const request = { kind: 'admin', operation: 'tenant-remove', arguments: { domain: 'example.org' } } as const;
    assert.equal((await perform({ ...dependencies, clock, tenants: new Tenants(dependencies.store, clock) }, request)).ok, true);
    assert.ok(made.length > 0);
    for (const outcome of made) assert.equal(outcome, 'leaving');
    assert.equal(await allRows('example.org', 'late'), 0);
  });

  test('are listed by pages', async () => {
    const domains = Array.from(
      { length: runtimeLimits.adminPageMax + 1 },
      (_, index) => `t${String(index).padStart(3, '0')}.example`,
    );
    for (const domain of domains) await dependencies.tenants.add(domain, { registration: 'closed', retentionDays: 0 });
    const first = (await done('tenant-list')) as { tenants: { domain: string }[]; next: string };
    assert.equal(first.tenants.length, runtimeLimits.adminPageMax);
    const second = (await done('tenant-list', { after: first.next })) as typeof first;
    assert.deepEqual(
      [...first.tenants, ...second.tenants].map(({ domain }) => domain),
      domains,
    );
    assert.equal(second.next, undefined);
  });
});

describe('users', () => {
  beforeEach(async () => {
    await done('tenant-add', { domain: 'example.org' });
  });

  test('are added under their prepared name, listed and removed', async () => {
    assert.deepEqual(await done('user-add', { jid: 'JULIET@example.org', password: 'pencil' }), { jid: 'juliet@example.org' });
    await done('user-add', { jid: 'romeo@example.org', password: 'rose' });
    assert.deepEqual(await done('user-list', { domain: 'example.org' }), {
      users: ['juliet@example.org', 'romeo@example.org'],
      next: undefined,
    });
    assert.deepEqual(await done('user-remove', { jid: 'juliet@example.org' }), { jid: 'juliet@example.org' });
    assert.deepEqual(await done('user-list', { domain: 'example.org' }), { users: ['romeo@example.org'], next: undefined });
    assert.equal(await allRows('example.org', 'juliet'), 0);
    assert.ok(await findAccount(dependencies.store, 'example.org', 'romeo'));
  });

  test('that cannot be are refused', async () => {
    await done('user-add', { jid: 'juliet@example.org', password: 'pencil' });
    const isNone = (text: string) => `'${text}' is not the address of an account, such as juliet@example.org`;
    const none = "there is no account 'romeo@example.org'; add it with: skylark user add romeo@example.org";
    const long = `${'x'.repeat(1_020)}@example.org`;
    for (const [operation, given, error] of [
      [
        'user-add',
        { jid: 'juliet@example.org', password: 'x' },
        "there is an account 'juliet@example.org' already; change its password with: skylark user password juliet@example.org",
      ],
      ['user-add', { jid: 'example.org', password: 'x' }, isNone('example.org')],
      ['user-add', { jid: 'romeo@example.org/orchard', password: 'x' }, isNone('romeo@example.org/orchard')],
      ['user-add', { jid: 'ro meo@example.org', password: 'x' }, isNone('ro meo@example.org')],
      ['user-add', { jid: long, password: 'x' }, `'${long}' is too long for an account`],
      ['user-add', { jid: 'romeo@example.org' }, "the operation needs 'password'"],
      ['user-add', { password: 'x' }, "the operation needs 'jid'"],
      [
        'user-add',
        { jid: 'romeo@example.org', password: 'a\u0085b' },
        'a password cannot contain control characters or other forbidden characters',
      ],
      ['user-add', { jid: 'romeo@example.org', password: 'x'.repeat(1_024) }, 'a password has at most 1023 bytes'],
      ['user-password', { jid: 'romeo@example.org', password: 'x' }, none],
      ['user-remove', { jid: 'romeo@example.org' }, none],
      ['user-rename', {}, /^unknown operation 'user-rename'; there are: user-add, user-remove, /],
      ['constructor', {}, undefined],
    ] as const) {
      const said = await refused(operation, given);
      if (error instanceof RegExp) assert.match(said ?? '', error);
      else if (error !== undefined) assert.equal(said, error);
    }
    assert.deepEqual(await done('user-list', { domain: 'example.org' }), { users: ['juliet@example.org'], next: undefined });
  });

  test('get a new password', async () => {
    await done('user-add', { jid: 'juliet@example.org', password: 'pencil' });
    const before = await findAccount(dependencies.store, 'example.org', 'juliet');
    await done('user-password', { jid: 'juliet@example.org', password: 'pen' });
    const now = await findAccount(dependencies.store, 'example.org', 'juliet');
    assert.equal(now?.createdAt, before?.createdAt);
    for (const hash of ['SHA-1', 'SHA-256', 'SHA-512'] as const) {
      assert.notEqual(now?.scram[hash]?.storedKey, before?.scram[hash]?.storedKey);
      assert.notEqual(now?.scram[hash]?.salt, before?.scram[hash]?.salt);
    }
    assert.ok(!JSON.stringify(now).includes('pen"'));
  });

  test('are listed by pages, in order, each once', async () => {
    const locals = Array.from(
      { length: 2 * runtimeLimits.adminPageMax + 5 },
      (_, index) => `user${String(index).padStart(3, '0')}`,
    );
    const keys = { salt: '', iterations: 1, storedKey: '', serverKey: '' };
    const row = { createdAt: '2026-01-01T00:00:00Z', scram: { 'SHA-1': keys, 'SHA-256': keys } };
    await Promise.all(locals.map((local) => createAccount(dependencies.store, 'example.org', local, row)));
    const users: string[] = [];
    for (let after: string | undefined, pages = 1; ; pages++) {
      const page = (await done('user-list', { domain: 'example.org', ...(after && { after }) })) as {
        users: string[];
        next?: string;
      };
      users.push(...page.users);
      after = page.next;
      if (after === undefined) {
        assert.equal(pages, 3);
        break;
      }
    }
    assert.deepEqual(
      users,
      locals.map((local) => `${local}@example.org`),
    );
  });
});

describe('the removal of an account', () => {
  async function prepare() {
    await done('tenant-add', { domain: 'example.org' });
    await done('user-add', { jid: 'juliet@example.org', password: 'pencil' });
    return (await dependencies.tenants.find('example.org'))!;
  }

  test('closes its streams, runs the hooks while its rows are there, and erases them all', async () => {
    const tenant = await prepare();
    const rows = Rows.ofAccount(dependencies.store, 'example.org', 'juliet');
    await rows.put(note, '', 'kept');
    const many = collection<number>('many', 'account', 'archive');
    const entries = Array.from({ length: 2 * runtimeLimits.eraseRowsMax + 1 }, (_, index) => rows.row(many, `${index}`, index));
    await dependencies.store.batchPut(entries);
    const session = (sid: string, at: string): SessionEntry => ({
      node: at,
      sid,
      resource: sid,
      boundAt: 0,
      available: true,
      priority: 0,
    });
    const sessions = [session('balcony', node), session('lost', 'n.dead.a')];
    await updateSessions(dependencies.store, { domain: 'example.org', local: 'juliet' }, () => sessions);

    assert.equal(await removalsOf(dependencies).account(tenant, 'juliet'), true);
    assert.deepEqual(log, [
      'close balcony not-authorized',
      'ended juliet@example.org/balcony',
      'ended juliet@example.org/lost',
      'removed juliet@example.org, gone, note kept',
      'removed juliet@example.org, gone, note undefined', // what was written meanwhile
    ]);
    assert.equal(await allRows('example.org', 'juliet'), 0);
    assert.equal(await removalsOf(dependencies).account(tenant, 'juliet'), false);
    assert.equal(log.length, 5);
  });

  test('that broke off keeps the name taken until it is done again', async () => {
    const tenant = await prepare();
    await Rows.ofAccount(dependencies.store, 'example.org', 'juliet').put(note, '', 'private');
    await breakOff(tenant, 'juliet');
    assert.equal(await findAccount(dependencies.store, 'example.org', 'juliet'), undefined);
    assert.equal(
      await refused('user-add', { jid: 'juliet@example.org', password: 'x' }),
      "the last account 'juliet@example.org' is being removed, and its name is not free yet; to wait for it: skylark user remove juliet@example.org",
    );
    await done('user-remove', { jid: 'juliet@example.org' });
    await done('user-add', { jid: 'juliet@example.org', password: 'x' });
    assert.equal(await Rows.ofAccount(dependencies.store, 'example.org', 'juliet').get(note), undefined);
  });

  for (const isErased of [false, true]) {
    test(`takes no account along that is made meanwhile (${isErased ? 'before' : 'after'} it is erased)`, async () => {
      const tenant = await prepare();
      const remove = async () => {
        assert.equal(await addAccount(dependencies, tenant, 'romeo', 'first'), 'added');
        await breakOff(tenant, 'romeo');
      };
      let steps = 0;
      // Another router, whose row is written between the two halves of a removal, or read behind it.
      const store = Object.create(dependencies.store) as Store;
      store.put = async (row, condition) => {
        const isAccount = row.partition === 'example.org/a/romeo' && ++steps === 1;
        if (isAccount) await remove();
        const version = await dependencies.store.put(row, condition);
        if (isAccount && isErased) await removalsOf(dependencies).account(tenant, 'romeo');
        return version;
      };
      for (const name of ['get', 'batchGet', 'query', 'batchPut', 'batchDelete', 'delete', 'add'] as const) {
        Object.defineProperty(store, name, { value: dependencies.store[name].bind(dependencies.store) });
      }
      assert.equal(await addAccount({ ...dependencies, store }, tenant, 'romeo', 'second'), 'leaving');
      assert.equal(steps, 1);
      assert.equal(await findAccount(dependencies.store, 'example.org', 'romeo'), undefined);
      await removalsOf(dependencies).account(tenant, 'romeo');
      assert.deepEqual(await done('user-list', { domain: 'example.org' }), { users: ['juliet@example.org'], next: undefined });
      assert.equal(await addAccount(dependencies, tenant, 'romeo', 'third'), 'added');
    });
  }

  test('clears an entry of the directory that has no account', async () => {
    const tenant = await prepare();
    await Rows.ofAccount(dependencies.store, 'example.org', 'juliet').delete(accounts);
    assert.deepEqual(await done('user-list', { domain: 'example.org' }), { users: ['juliet@example.org'], next: undefined });
    assert.equal(await removalsOf(dependencies).account(tenant, 'juliet'), false);
    assert.deepEqual(await done('user-list', { domain: 'example.org' }), { users: [], next: undefined });
  });
});
