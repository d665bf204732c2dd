/** The policy of a tenant: what a row may say, what operators may set, and what becomes of what another program wrote. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { allowsPeer } from '../../lib/runtime/policy/peer-policy.ts';
import { policyKeys, readPolicy } from '../../lib/runtime/policy/tenant-policy.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { type EmbeddedDependencies, embeddedDependencies } from '../support/stage/parts.ts';

const presets = {
  ...{ registration: 'closed', retentionDays: 0, roomRetentionDays: 0, fileRetentionDays: 0, search: 'off', tokenDays: 21 },
  ...{ federation: 'open', allow: [], block: [], proof: 'any', hold: 3_600 },
  ...{ stanzasPerSecond: 300, kilobytesPerSecond: 1_024, pushResumeHours: 24, pushSummary: 'counts' },
  ...{ accountsMax: 0, roomsMax: 16_000 },
  ...{ fileMegabytes: 100, uploadMegabytes: 2_048, keptMegabytes: 1_024 },
  ...{ callServers: [], turnSecret: false },
  ...{ registrationUrl: '', invites: 'admins', inviteDays: 7, inviteUses: 5, webUrl: '', auditDays: 0 },
  ...{ brandName: '', brandColour: '', brandBackground: '', brandLogo: '' },
  ...{
    blockLists: [],
    pubsub: 'members',
    serverInfo: 'off',
    certificateCa: '',
    expiredSessions: 'stay',
    registrationsPerAddress: 0,
    registrationsPerDay: 0,
    removalGraceDays: 0,
  },
  ...{ newcomerContacts: [], newcomerRooms: [] },
  ...{ abuseContacts: [], adminContacts: [], securityContacts: [], supportContacts: [], statusUrls: [] },
  ...{ termsUrl: '', dataAccess: [], dataEncrypted: 'unsaid' },
  ...{ signIn: ['password'], jwtIssuer: '', jwtAudience: '', jwtClaim: 'sub', jwtKeys: '', jwtSecret: false },
  ...{ ldapUrl: '', ldapDn: '', ldapBase: '', ldapFilter: '', ldapBindDn: '', ldapBindSecret: false, ldapCa: '' },
  ...{ webhookUrl: '', webhookSecret: false },
  ...{ oauthUrl: '', oauthClient: '', oauthSecret: false, oauthClaim: 'username', oauthScope: '' },
  ...{ guestsMax: 100, guestsPerAddress: 10, guestReach: 'domain' },
};

let dependencies: EmbeddedDependencies;
beforeEach(async () => {
  dependencies = await embeddedDependencies();
  await dependencies.tenants.add('a.example', {});
  await dependencies.tenants.add('b.example', { registration: 'open' });
});
afterEach(() => dependencies.close());

const ask = (operation: string, given: object) =>
  perform(dependencies, { kind: 'admin', operation, arguments: given as Record<string, unknown> });

async function shown(domain: string): Promise<unknown> {
  return (await ask('tenant-show', { domain })).result;
}

test('a tenant has the presets until somebody sets something, key by key', async () => {
  assert.deepEqual(await shown('a.example'), { domain: 'a.example', policyVersion: 0, policy: presets });
  const { result } = await ask('tenant-set', {
    domain: 'A.example',
    federation: 'listed',
    allow: ['B.Example.', 'xn--bcher-kva.example'],
  });
  const policy = { ...presets, federation: 'listed', allow: ['b.example', 'bücher.example'] };
  assert.deepEqual(result, { domain: 'a.example', policyVersion: 1, policy });
  await ask('tenant-set', { domain: 'a.example', hold: 0 });
  assert.deepEqual(await shown('a.example'), { domain: 'a.example', policyVersion: 2, policy: { ...policy, hold: 0 } });
  assert.deepEqual(await shown('b.example'), {
    domain: 'b.example',
    policyVersion: 0,
    policy: { ...presets, registration: 'open' },
  });
});

test('a change can be made to depend on the version that was seen', async () => {
  assert.equal((await ask('tenant-set', { domain: 'a.example', hold: 1, policyVersion: 0 })).ok, true);
  const { error } = await ask('tenant-set', { domain: 'a.example', hold: 2, policyVersion: 0 });
  assert.equal(error, "the policy of 'a.example' was changed: look at it again");
  assert.deepEqual(await shown('a.example'), { domain: 'a.example', policyVersion: 1, policy: { ...presets, hold: 1 } });
});

describe('a change is refused in words', () => {
  for (const [given, error] of [
    [{}, `say what to change: ${Object.keys(policyKeys).join(', ')}`],
    [{ federation: 'half' }, "federation is 'open' or 'listed' or 'closed', not 'half'"],
    [{ proof: 'none' }, "proof is 'any' or 'certificate', not 'none'"],
    [{ allow: ['a b'] }, "'a b' is not a domain name"],
    [{ block: 'c.example' }, "'block' is not allowed as it is"],
    [{ block: Array.from({ length: 501 }, (_, index) => `n${index}.example`) }, 'a list has at most 500 domains'],
    [{ hold: -1 }, "'hold' is not allowed as it is"],
    [{ hold: 1.5 }, "'hold' takes a whole number"],
    [{ hold: 604_801 }, "'hold' is not allowed as it is"],
    [{ colour: 'red' }, "'tenant-set' does not take 'colour'"],
  ] as const) {
    test(error, async () => {
      assert.equal((await ask('tenant-set', { domain: 'a.example', ...given })).error, error);
      assert.deepEqual(await shown('a.example'), { domain: 'a.example', policyVersion: 0, policy: presets });
    });
  }

  test('for a tenant that is none', async () => {
    assert.match((await ask('tenant-set', { domain: 'c.example', hold: 0 })).error!, /^there is no tenant 'c.example'/);
  });
});

test('what an older program wrote lacks keys, what a newer one wrote is kept, and what cannot be read is as strict as can be', async () => {
  const at = { table: 'core', partition: '#tenants', sort: 'tenant/a.example' } as const;
  const row = JSON.parse((await dependencies.store.get(at, { consistent: true }))!.value);
  const policy = { registration: 'open', federation: 'only on Sundays', proof: 7, allow: 'all', later: [1] };
  await dependencies.store.put({ ...at, value: JSON.stringify({ ...row, policy }) });
  const strict = { ...presets, registration: 'open', federation: 'closed', proof: 'certificate' };
  assert.deepEqual(await shown('a.example'), { domain: 'a.example', policyVersion: 0, policy: strict });
  await ask('tenant-set', { domain: 'a.example', federation: 'open' });
  const after = JSON.parse((await dependencies.store.get(at, { consistent: true }))!.value);
  assert.deepEqual(after.policy, { ...policy, federation: 'open' });
  assert.equal(after.secret, row.secret);
});

test('the longest lists fit into a row', async () => {
  const domain = (letter: string, index: number) => `${`${letter.repeat(59)}.`.repeat(4)}n${String(index).padStart(4, '0')}`;
  const list = (letter: string) => Array.from({ length: 500 }, (_, index) => domain(letter, index));
  const { ok, error } = await ask('tenant-set', { domain: 'a.example', allow: list('a'), block: list('b') });
  assert.equal(ok, true, error);
});

test('policies are read once a second at most, however many ask', async () => {
  let reads = 0;
  const { store } = dependencies;
  const get: typeof store.get = (...args) => {
    if (args[0].sort.startsWith('tenant/')) reads++;
    return store.get(...args);
  };
  const counting = { ...store, get } as typeof store;
  const tenants = new Tenants(counting, dependencies.clock);
  await Promise.all(Array.from({ length: 100 }, () => tenants.find('a.example')));
  for (let count = 0; count < 100; count++) await tenants.find('a.example');
  assert.equal(reads, 1);
});

test('lists name domains and all below them', () => {
  const policy = readPolicy({ federation: 'listed', allow: ['b.example', 'example.org'], block: ['bad.example.org'] });
  for (const [peer, isAllowed] of [
    ['b.example', true],
    ['conference.b.example', true],
    ['xb.example', false],
    ['example', false],
    ['x.example.org', true],
    ['bad.example.org', false],
    ['rooms.bad.example.org', false],
    ['', false],
  ] as const) {
    assert.equal(allowsPeer(policy, peer), isAllowed, peer);
    assert.equal(allowsPeer({ ...policy, federation: 'closed' }, peer), false);
  }
  assert.equal(allowsPeer(readPolicy(undefined), 'any.example'), true);
});
