/** The list of the accounts of a tenant: with role and last seen where somebody wants that, by a few reads for a page. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';

let stage: RouterStage;
const calls: string[] = [];
beforeEach(async () => {
  stage = await openRouter({
    wrap: (parts) => ({
      ...parts,
      store: new Proxy(parts.store, {
        get(target, name: string) {
          const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | undefined;
          if (typeof method !== 'function') return method;
          return (...values: unknown[]) => {
            calls.push(name);
            return method.apply(target, values);
          };
        },
      }),
    }),
  });
});
afterEach(() => stage.close());

function addAccount(jid: string): Promise<void> {
  const [local, domain] = jid.split('@') as [string, string];
  return createAccount(stage.store, domain, local, { createdAt: '2026-01-01T00:00:00Z', scram: {} });
}

interface Page {
  readonly users: readonly string[];
  readonly details?: readonly {
    readonly jid: string;
    readonly role: string;
    readonly content: boolean;
    readonly lastSeen?: string;
  }[];
  readonly next?: string;
}
async function done<Result>(operation: string, given: Readonly<Record<string, unknown>>): Promise<Result> {
  const { ok, error, result } = await perform(stage.dependencies, { kind: 'admin', operation, arguments: given });
  assert.ok(ok, error);
  return result as Result;
}

test('role and last seen are those that the account itself shows, each in its own tenant', async () => {
  for (const jid of ['anna@a.example', 'juliet@a.example', 'juliet@b.example']) await addAccount(jid);
  await done('user-role', { jid: 'juliet@a.example', role: 'admin' });
  await done('user-role', { jid: 'juliet@b.example', role: 'owner', content: true });
  const romeo = await stage.join('romeo@a.example/orchard');
  const tybalt = await stage.join('tybalt@a.example/street');
  await tybalt.send('<presence/>');
  await tybalt.end();
  assert.ok(romeo);
  const { users, details } = await done<Page>('user-list', { domain: 'a.example', details: true });
  assert.deepEqual(
    details?.map(({ jid, role, content, lastSeen }) => [jid, role, content, lastSeen !== undefined]),
    [
      ['anna@a.example', 'none', false, false],
      ['juliet@a.example', 'admin', false, false],
      ['romeo@a.example', 'none', false, true],
      ['tybalt@a.example', 'none', false, true],
    ],
  );
  assert.deepEqual(
    users,
    details!.map(({ jid }) => jid),
  );
  for (const { jid, role, content, lastSeen } of details!) {
    const shown = await done<Record<string, unknown>>('user-show', { jid });
    assert.deepEqual([shown.role, shown.content, shown.lastSeen], [role, content, lastSeen], jid);
  }
  const other = await done<Page>('user-list', { domain: 'b.example', details: true });
  assert.deepEqual(other.details, [{ jid: 'juliet@b.example', role: 'owner', content: true, lastSeen: undefined }]);
  const online = await done<Page>('user-list', { domain: 'a.example', details: true, online: true });
  assert.deepEqual(
    online.details?.map(({ jid }) => jid),
    ['romeo@a.example'],
  );
  assert.equal((await done<Page>('user-list', { domain: 'a.example' })).details, undefined);
});

test('a full page costs as many reads as one account, and has the next one behind it', async () => {
  const reads = async (domain: string) => {
    calls.length = 0;
    const page = await done<Page>('user-list', { domain, details: true });
    return { page, calls: calls.filter((name) => name === 'get' || name === 'batchGet').length };
  };
  await addAccount('anna@b.example');
  await reads('b.example'); // the tenant is read
  const one = await reads('b.example');
  const max = runtimeLimits.adminPageMax;
  for (let count = 0; count < max + 3; count++) await addAccount(`user${`${count}`.padStart(3, '0')}@a.example`);
  await reads('a.example');
  const many = await reads('a.example');
  assert.deepEqual([many.page.details?.length, many.page.next], [max, many.page.users.at(-1)!.split('@')[0]]);
  assert.equal(many.calls, one.calls);
  assert.ok(many.calls <= 5, `${many.calls} reads`);
  const rest = await done<Page>('user-list', { domain: 'a.example', details: true, after: many.page.next });
  assert.deepEqual([rest.details?.length, rest.next], [3, undefined]);
});
