/**
 * The erasure of a tenant knows every kind of partition, and every collection, also one that is added tomorrow: whatever has the tenant's
 * domain in its key, or an address of it in a row of the deployment, is looked for in the store itself.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Store, Table } from '../../lib/ports/store.ts';
import { type Collection, collection, type OwnerKind } from '../../lib/runtime/collection.ts';
import { directoryOf, roomNames } from '../../lib/runtime/directory.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { perform } from '../../services/router/operations/perform.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';

type TenantKind = Exclude<OwnerKind, 'deployment'>;

/** Where rows of a kind stand for a tenant. A kind that is not here does not compile, and one that is not made in `Rows` is found below. */
const places: Readonly<Record<TenantKind, (store: Store, domain: string) => Rows>> = {
  account: (store, domain) => Rows.ofAccount(store, domain, 'juliet'),
  room: (store, domain) => Rows.ofRoom(store, domain, 'hall'),
  pubsub: (store, domain) => Rows.ofPubsub(store, domain, 'news'),
  tenant: (store, domain) => Rows.ofTenant(store, domain),
  certificate: (store, domain) => Rows.ofCertificate(store, domain),
  federation: (store, domain) => Rows.ofFederation(store, domain),
  outbox: (store, domain) => Rows.ofOutbox(store, domain, 5),
  directory: (store, domain) => Rows.ofDirectory(store, domain, 11),
};

const kinds = Object.keys(places) as TenantKind[];
const tables: readonly Table[] = ['core', 'archive', 'live'];

let stage: RouterStage;
/** Partitions that were written to. */
let written: Set<string>;

function noting(dependencies: EmbeddedDependencies): EmbeddedDependencies {
  const store: Store = new Proxy(dependencies.store, {
    get(target, name: keyof Store) {
      const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
      if (typeof method !== 'function') return method;
      return (...values: unknown[]) => {
        if (name !== 'close') for (const { partition } of [values[0]].flat() as { partition: string }[]) written.add(partition);
        return method.apply(target, values);
      };
    },
  });
  return { ...dependencies, store };
}

beforeEach(async () => {
  written = new Set();
  stage = await openRouter({ wrap: noting, hasRooms: true });
});
afterEach(() => stage.close());

/** Keys of all rows that belong to the tenant: no store lists its partitions, but every one was written to here. */
async function rowsOf(domain: string): Promise<string[]> {
  const found: string[] = [];
  for (const partition of written) {
    for (const table of tables) {
      const rows = await stage.dependencies.store.query({ table, partition, limit: 1_000, consistent: true });
      if (partition === '#audit') continue; // that a tenant was removed is what the deployment's log is for (decision 10)
      const isTenants = partition.startsWith(`${domain}/`);
      found.push(
        ...rows
          .filter(({ sort, value }) => isTenants || (partition.startsWith('#') && `${sort} ${value}`.includes(domain)))
          .map(({ sort }) => `${table} ${partition} ${sort}`),
      );
    }
  }
  return found;
}

test('every kind of partition that rows can stand in is one that the tests, and so the erasure, know', () => {
  const made = Object.getOwnPropertyNames(Rows).flatMap((name) => /^of([A-Z]\w*)$/.exec(name)?.[1]?.toLowerCase() ?? []);
  assert.deepEqual(made.sort(), [...kinds, 'deployment'].sort());
});

test('whatever is added under an account, a room, a node, a tenant, its certificate or its directory goes with the tenant', async () => {
  const juliet = await stage.appear('juliet@a.example/x');
  const other = await stage.appear('juliet@b.example/x');
  for (const actor of [juliet, other]) {
    const room = `hall@conference.${actor.jid.domain}`;
    await actor.send(`<presence to='${room}/J'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await actor.send(
      `<iq type='set' id='c' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
    );
    await actor.send(`<message to='${room}' type='groupchat'><body>said</body></message>`);
    await actor.send(`<message to='juliet@${actor.jid.domain}' type='chat'><body>said</body></message>`);
    const node = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='news'/></pubsub>`;
    await actor.send(`<iq type='set' id='n' to='pubsub.${actor.jid.domain}'>${node}</iq>`);
  }
  for (const domain of ['a.example', 'b.example']) {
    for (const kind of kinds) {
      for (const table of tables) {
        const added: Collection<string> = collection(`added-tomorrow-${table}`, kind, table);
        await places[kind](stage.dependencies.store, domain).put(added, 'any', 'thing');
      }
    }
  }
  assert.ok((await rowsOf('a.example')).length > kinds.length * tables.length);
  const before = await rowsOf('b.example');
  const removed = await perform(stage.dependencies, {
    kind: 'admin',
    operation: 'tenant-remove',
    arguments: { domain: 'a.example', force: true },
  });
  assert.equal(removed.ok, true, removed.error);
  assert.deepEqual(await rowsOf('a.example'), []);
  const after = await rowsOf('b.example');
  assert.deepEqual(
    before.filter((row) => !after.includes(row)),
    [],
    'the other tenant keeps what it has',
  );
});

test('whatever is added under an account goes with it, and nothing of others', async () => {
  await stage.appear('juliet@a.example/x');
  await stage.appear('romeo@a.example/x');
  const added: Collection<string> = collection('added-tomorrow', 'account', 'live');
  for (const local of ['juliet', 'romeo'])
    await Rows.ofAccount(stage.dependencies.store, 'a.example', local).put(added, 'any', 'thing');
  await perform(stage.dependencies, { kind: 'admin', operation: 'user-remove', arguments: { jid: 'juliet@a.example' } });
  const left = await rowsOf('a.example');
  assert.deepEqual(
    left.filter((row) => row.includes('juliet')),
    [],
  );
  assert.ok(left.some((row) => row.endsWith('a.example/a/romeo added-tomorrow/any')));
});

test('rows stand under no partition of another kind than they were declared for', () => {
  const rows = Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet');
  assert.throws(() => rows.keyOf(roomNames, ''), /'room' belong under a partition of kind directory, not account/);
  assert.ok(directoryOf(stage.dependencies.store, 'a.example', 'hall').keyOf(roomNames, 'hall'));
});
