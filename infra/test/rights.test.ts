/**
 * What services ask of the store is what their roles are allowed: the simulator runs connection, router and rooms with a store that
 * writes down each call, in all that goes wrong in a few seeds, and every call is held against the policies in the template.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Store } from '../../lib/ports/store.ts';
import { plainPlant } from '../../test/simulator/plant.ts';
import { runSeed } from '../../test/simulator/run.ts';
import { rowRights, type Tier } from '../lib/rights.ts';
import { recorded } from './recorded-store.ts';
import { allows, type Call, tiers, touches } from './row-policy.ts';

const seedsMax = 40;

/** Rights that the simulator has no use for, because it plays neither operators nor TLS: unplayed-rights.test.ts does. */
const unplayed: readonly { readonly tier: string; readonly table: string; readonly partition: string; readonly why: string }[] = [
  { tier: 'connection', table: 'live', partition: '#tls', why: 'keys of TLS tickets: lib/runtime/ticket-keys.ts' },
  { tier: 'connection', table: 'core', partition: '#certificates', why: 'which domains have certificates' },
  { tier: 'connection', table: 'core', partition: '*/c', why: 'a certificate and its sealed key' },
  { tier: 'router', table: 'core', partition: '#removals', why: 'what is being removed: lib/runtime/removals.ts' },
  {
    tier: 'router',
    table: 'core',
    partition: '#files',
    why: 'files of removed accounts: services/router/removal/doomed-files.ts',
  },
  { tier: 'router', table: 'core', partition: '*/d/*', why: 'the directory, when accounts are made' },
  { tier: 'router', table: 'core', partition: '#audit', why: 'what operators change: lib/runtime/audit.ts' },
  { tier: 'router', table: 'core', partition: '#apikeys', why: 'keys of operators: lib/runtime/api-keys.ts' },
  { tier: 'router', table: 'core', partition: '#roles', why: 'who has a role over the deployment' },
  { tier: 'router', table: 'live', partition: '#idempotency', why: 'requests of the API that may come again' },
  ...['router', 'muc'].map((tier) => ({
    ...{ tier, table: 'live', partition: '#work-*' },
    why: 'events for webhooks: lib/runtime/work-lists.ts',
  })),
  { tier: 'router', table: 'live', partition: '#console', why: 'who is in the console: lib/runtime/console-sessions.ts' },
  { tier: 'router', table: 'core', partition: '#certificates', why: 'a tenant goes with its certificate' },
  { tier: 'router', table: 'core', partition: '*/c', why: 'a tenant goes with its certificate' },
  { tier: 'router', table: 'core', partition: '*/f', why: 'a tenant goes with its secrets towards other servers' },
  ...[
    { table: 'core', partition: '*/s/*' },
    { table: 'archive', partition: '*/s/*' },
  ].map((one) => ({ tier: 'router', ...one, why: 'a tenant goes with what waits for other servers' })),
  ...['*/s/*', '#s2s-*'].map((partition) => ({
    ...{ tier: 'muc', table: 'live', partition },
    why: 'what rooms send to other servers: federation-rights.test.ts',
  })),
  ...(
    [
      ['archive', '*/t'],
      ['archive', '*/c'],
      ['archive', '*/f'],
      ['archive', '*/p/*'],
      ['core', '*/s/*'],
      ['archive', '*/s/*'],
      ['archive', '*/d/*'],
      ['live', '*/c'],
      ['live', '*/f'],
      ['live', '*/d/*'],
    ] as const
  ).map(([table, partition]) => ({ tier: 'router', table, partition, why: 'who erases a tenant looks into all tables' })),
];

describe('what services ask of the store', () => {
  const calls = new Map<string, { readonly tier: string; readonly call: Call }>();

  before(async () => {
    const plant = {
      ...plainPlant,
      store: (tier: string, store: Store) =>
        recorded(store, (actions, { table, partition }) => {
          for (const action of actions)
            calls.set(`${tier} ${action} ${table} ${partition}`, { tier, call: { action, table, partition } });
        }),
    };
    // More seeds only as long as they may show more: what a fault brings about does not happen in each.
    for (let seed = 1; seed <= seedsMax && (seed <= 3 || idle().length > 0); seed++) await runSeed(seed, { plant });
  });

  test('their roles allow', () => {
    assert.ok(calls.size > 100, `only ${calls.size} calls were seen`);
    const refused = [...calls.values()].filter(({ tier, call }) => !allows(tier, call));
    assert.deepEqual(refused, []);
  });

  test('their roles allow all of it in one request: the adapter gathers the reads and the writes of a moment', () => {
    for (const action of ['BatchGetItem', 'BatchWriteItem']) {
      for (const tier of ['connection', 'router', 'muc', 'all']) {
        const asked = [...calls.values()].filter((one) => (tier === 'all' || one.tier === tier) && one.call.action === action);
        for (const table of new Set(asked.map(({ call }) => call.table))) {
          const partition = [...new Set(asked.flatMap(({ call }) => (call.table === table ? call.partition : [])))];
          assert.ok(allows(tier, { action, table, partition }), `${tier} ${action} ${table} ${partition}`);
        }
      }
    }
  });

  test('and their roles allow nothing that none of them asks', () => {
    assert.deepEqual(idle(), []);
    const playedAfterAll = unplayed.filter((one) => isUsed(one.tier, one.table, one.partition));
    assert.deepEqual(playedAfterAll, []);
  });

  function isUsed(tier: string, table: string, pattern: string): boolean {
    const shape = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/#]+')}$`);
    return [...calls.values()].some(
      (one) => one.tier === tier && one.call.table === table && shape.test(`${one.call.partition}`),
    );
  }

  function idle(): string[] {
    const isListed = (tier: string, table: string, pattern: string) =>
      unplayed.some((one) => one.tier === tier && one.table === table && one.partition === pattern);
    return (['connection', 'router', 'muc'] as const).flatMap((tier) =>
      rowRights[tier].flatMap(({ table, partitions }) =>
        partitions
          .filter((pattern) => !isUsed(tier, table, pattern) && !isListed(tier, table, pattern))
          .map((pattern) => `${tier} ${table} ${pattern}`),
      ),
    );
  }
});

const actions = [
  'BatchGetItem',
  'BatchWriteItem',
  'GetItem',
  'PutItem',
  'DeleteItem',
  'UpdateItem',
  'Query',
  'Scan',
  'PartiQLSelect',
];

/** Partitions of core and archive that nobody but the tiers named may touch in any way. */
const secrets: readonly [what: string, table: string, partition: string, readonly string[]][] = [
  ['credentials and roster of an account', 'core', 'example.org/a/juliet', ['router']],
  ['an account that is named like the partition of certificates', 'core', 'example.org/a/c', ['router']],
  ['an account that is named like the partition of the tenant', 'core', 'example.org/a/t', ['router']],
  ['the archive of an account', 'archive', 'example.org/a/juliet', ['router']],
  ['the archive of a room', 'archive', 'example.org/r/garden', ['muc']],
  ['affiliations of a room', 'core', 'example.org/r/garden', ['muc']],
  ['a room that is named like the partition of certificates', 'core', 'example.org/r/c', ['muc']],
  ['a room that is named like the partition of the tenant', 'core', 'example.org/r/t', ['muc']],
  ['a certificate with its sealed key', 'core', 'example.org/c', ['connection', 'peers', 'router', 'federation', 'certificates']],
  ['the secret of a tenant towards other servers', 'core', 'example.org/f', ['router', 'federation']],
  ['what waits for other servers', 'live', 'example.org/s/3', ['router', 'muc', 'federation']],
  ['which pairs have something that waits', 'live', '#s2s-3', ['router', 'muc', 'federation']],
  ['sessions of an account', 'live', 'example.org/a/juliet', ['connection', 'router', 'muc']],
  ['the account at the certificate authority', 'core', '#acme', ['certificates']],
  ['occupants of a room', 'live', 'example.org/r/garden', ['muc']],
  ['keys of TLS tickets', 'live', '#tls', ['connection']],
  ['a kind of row that nobody has yet', 'core', 'example.org/z/new', []],
  ['a partition of the deployment that nobody has yet', 'core', '#new', []],
];

for (const [what, table, partition, owners] of secrets) {
  test(`${what}: for ${owners.join(', ') || 'nobody'} only`, () => {
    for (const tier of tiers) {
      const granted = actions.filter((action) => allows(tier, { action, table, partition }));
      assert.equal(granted.length > 0, owners.includes(tier), `${tier} may ${granted}`);
    }
  });
}

const samples: Readonly<Record<string, string>> = { '*/a/*': 'example.org/a/c', '*/r/*': 'example.org/r/c', '#n.*': '#n.1' };
const sampleOf = (pattern: string) => samples[pattern] ?? pattern.replace(/^\*/, 'example.org').replace(/\*$/, '3');

for (const tier of [...tiers, 'all']) {
  test(`${tier}: whatever it may read or write of a table, it may in one request, and nothing else with it`, () => {
    const rights =
      tier === 'all'
        ? (['connection', 'peers', 'router', 'muc', 'federation', 'api', 'web'] as const).flatMap((one) => rowRights[one])
        : rowRights[tier as Tier];
    for (const table of new Set(rights.map((right) => right.table))) {
      for (const action of ['BatchGetItem', 'BatchWriteItem']) {
        const granted = rights.filter((right) => right.table === table && right.actions.includes(`dynamodb:${action}`));
        const partition = granted.flatMap(({ partitions }) => partitions.map(sampleOf));
        if (partition.length === 0) continue;
        assert.ok(allows(tier, { action, table, partition }), `${action} ${table} ${partition}`);
        for (const stranger of ['#new', 'example.org/z/new'])
          assert.ok(!allows(tier, { action, table, partition: [...partition, stranger] }), `${action} ${table} ${stranger}`);
      }
    }
  });
}

test('rooms write what waits for other servers, and neither read nor delete it', () => {
  for (const partition of ['example.org/s/3', '#s2s-3']) {
    const granted = actions.filter((action) => allows('muc', { action, table: 'live', partition }));
    assert.deepEqual(granted, ['BatchWriteItem', 'PutItem']);
  }
});

test('the owner of streams to other servers touches neither accounts nor rooms, and in core writes secrets of tenants alone', () => {
  assert.equal(touches('federation', 'archive'), false);
  const own = [...['#tenants', '#certificates', 'example.org/c', 'example.org/t'], 'example.org/a/juliet', 'example.org/r/hall'];
  for (const partition of own)
    for (const action of ['BatchWriteItem', 'PutItem', 'DeleteItem', 'UpdateItem'])
      assert.equal(allows('federation', { action, table: 'core', partition }), false, `${action} ${partition}`);
});

for (const tier of ['connection', 'peers'])
  test(`${tier}: a process that faces the internet does not touch the archive, and changes nothing in core`, () => {
    assert.equal(touches(tier, 'archive'), false);
    for (const action of ['BatchWriteItem', 'PutItem', 'DeleteItem', 'UpdateItem']) {
      for (const partition of ['#tenants', '#certificates', 'example.org/c', 'example.org/a/juliet', 'example.org/t'])
        assert.equal(allows(tier, { action, table: 'core', partition }), false, `${action} ${partition}`);
    }
  });

test('the tier of the console and the API changes nothing in core, and reads tenants there and nothing else', () => {
  assert.equal(touches('api', 'archive'), false);
  for (const partition of [
    '#tenants',
    '#apikeys',
    '#audit',
    '#certificates',
    'example.org/c',
    'example.org/t',
    'example.org/a/juliet',
  ]) {
    const granted = actions.filter((action) => allows('api', { action, table: 'core', partition }));
    assert.deepEqual(granted, partition === '#tenants' ? ['BatchGetItem', 'GetItem'] : [], partition);
  }
  for (const partition of ['#console', '#parked-1', '#tls', 'example.org/a/juliet', 'example.org/t'])
    assert.deepEqual(
      actions.filter((action) => allows('api', { action, table: 'live', partition })),
      [],
      partition,
    );
});

test('nobody scans, and pages read tenants and nothing else', () => {
  for (const tier of tiers) {
    for (const table of ['core', 'archive', 'live'])
      assert.equal(allows(tier, { action: 'Scan', table, partition: '#tenants' }), false);
  }
  assert.deepEqual([touches('web', 'archive'), touches('web', 'live')], [false, false]);
  assert.equal(allows('web', { action: 'BatchGetItem', table: 'core', partition: '#tenants' }), true);
  assert.equal(allows('web', { action: 'BatchWriteItem', table: 'core', partition: '#tenants' }), false);
});
