/** Rows have a schema number: an older program refuses a newer store, and a newer one moves rows forward while it runs. On SQLite and on DynamoDB. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import dynalite from 'dynalite';
import pino from 'pino';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { accountNames, directoryOf, nodeNames, roomNames } from '../../lib/runtime/directory.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { moveRows } from '../../lib/runtime/row-moves.ts';
import {
  checkSchema,
  knownSchema,
  type PlaceKind,
  type RowMove,
  rowMoves,
  schemaRows,
  schemas,
} from '../../lib/runtime/row-schema.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { update } from '../../lib/runtime/update.ts';
import { surviveAborts } from '../../services/cli/compose/dynalite.ts';
import { hastyClock } from '../support/stage/clocks.ts';
import { until } from '../support/until.ts';

const log = pino({ level: 'silent' });
const clock = hastyClock(100);
const domains = ['a.example', 'b.example'] as const;

async function openSqlite(t: TestContext): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-moves-'));
  const store = await openSqliteStore(folder, { clock });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });
  return store;
}

async function openDynalite(t: TestContext): Promise<Store> {
  const server = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
  surviveAborts(server);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const options = { endpoint: `http://127.0.0.1:${port}`, region: 'eu-central-1', credentials, tablePrefix: 'skylark-', clock };
  await createTables(options);
  const store = await openDynamoStore(options);
  t.after(async () => {
    await store.close();
    server.closeAllConnections();
    server.unref();
  });
  return store;
}

interface Form {
  readonly form: number;
  readonly moved: number;
}
const forms = {
  account: collection<Form>('form', 'account'),
  room: collection<Form>('form', 'room'),
  pubsub: collection<Form>('form', 'pubsub'),
};

/** A move that gives rows of a form the next one, and counts how often a row was moved. */
function planted(to: number, isBreaking: boolean, seen: (rows: Rows) => void | Promise<void> = () => {}): RowMove {
  return {
    ...{ to, isBreaking, what: `form ${to}` },
    async move(rows, kind) {
      await seen(rows);
      await update(rows, forms[kind], '', (row) => (row && row.form < to ? { form: to, moved: row.moved + 1 } : row));
    },
  };
}

interface Owner {
  readonly rows: Rows;
  readonly kind: PlaceKind;
}

const formOf = async ({ rows, kind }: Owner) => (await rows.get(forms[kind]))?.value;

/** Two tenants with so many accounts and rooms each, with rows of the first form. */
async function populate(store: Store, count: number): Promise<Owner[]> {
  const tenants = new Tenants(store, clock);
  const all: Owner[] = [];
  for (const domain of domains) {
    await tenants.add(domain, { registration: 'closed', retentionDays: 0 });
    for (let number = 0; number < count; number++)
      for (const [kind, names, rowsOf, name] of [
        ['account', accountNames, Rows.ofAccount, `person${number}`],
        ['room', roomNames, Rows.ofRoom, `room${number}`],
        ['pubsub', nodeNames, Rows.ofPubsub, `node${number}`],
      ] as const) {
        await directoryOf(store, domain, name).put(names as typeof roomNames, name, { createdAt: '2026-11-01T00:00:00Z' });
        const rows = rowsOf(store, domain, name);
        await rows.put(forms[kind], '', { form: 1, moved: 0 });
        all.push({ rows, kind });
      }
  }
  return all;
}

const numberOf = async (store: Store) => (await schemaRows(store).get(schemas))?.value;

async function run(store: Store, moves: readonly RowMove[], by: string, at: Clock = clock): Promise<() => void> {
  const mover = moveRows({ store, clock: at, log, by, moves });
  return () => mover.stop();
}

async function reaches(store: Store, number: number): Promise<void> {
  let found: number | undefined;
  const look = setInterval(() => void numberOf(store).then((row) => (found = row?.number)), 20);
  try {
    await until(
      () => found === number,
      () => `schema ${number}, found ${found}`,
    );
  } finally {
    clearInterval(look);
  }
}

for (const [name, open] of [
  ['SQLite', openSqlite],
  ['DynamoDB', openDynalite],
] as const)
  describe(name, () => {
    test('a store that is new has the schema of its program, and one from before there was a number is moved', async (t) => {
      const [fresh, older] = [await open(t), await open(t)];
      const moves = [planted(2, true), planted(3, false)];
      await populate(older, 2);
      t.after(await run(fresh, moves, 'one'));
      await reaches(fresh, 3);
      assert.deepEqual(await numberOf(fresh), { number: 3, needs: 2 });
      t.after(await run(older, [], 'one'));
      await reaches(older, 1);
      assert.deepEqual(await numberOf(older), { number: 1, needs: 1 });
    });

    test('a newer program moves the rows of all accounts and rooms of all tenants while it runs, each move in its order', async (t) => {
      const store = await open(t);
      const all = await populate(store, 3);
      await checkSchema(store, [planted(2, true)]);
      const order: string[] = [];
      const moves = [
        planted(2, false, (rows) => void order.push(`2 ${rows.partition}`)),
        planted(3, false, (rows) => void order.push(`3 ${rows.partition}`)),
      ];
      t.after(await run(store, moves, 'one'));
      await reaches(store, 3);
      for (const owner of all) assert.deepEqual(await formOf(owner), { form: 3, moved: 2 }, owner.rows.partition);
      assert.deepEqual(order.filter((line) => line.startsWith('2')).length, all.length);
      assert.ok(order.lastIndexOf(`2 b.example/r/room2`) < order.indexOf('3 a.example/a/person0'));
      assert.deepEqual(await numberOf(store), { number: 3, needs: 1 });
    });

    test('an older program refuses from the moment at which rows are written that it cannot read, and one that can does not', async (t) => {
      const store = await open(t);
      await populate(store, 1);
      const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const slow = async () => {
        begun.resolve();
        await goOn.promise;
      };
      t.after(await run(store, [planted(2, false), planted(3, true, slow)], 'new'));
      await begun.promise;
      const refusal = {
        name: 'NewerSchema',
        message: /^the rows have schema 3, this program knows 2: start the version that wrote them/,
      };
      await assert.rejects(checkSchema(store, [planted(2, false)]), refusal);
      await assert.rejects(checkSchema(store, []), { name: 'NewerSchema' });
      await checkSchema(store, [planted(2, false), planted(3, true)]);
      goOn.resolve();
      await reaches(store, 3);
      await assert.rejects(checkSchema(store, []), { name: 'NewerSchema' });
    });

    test('a process that dies in between is followed by another, which goes on there; two at once move nothing twice', async (t) => {
      const store = await open(t);
      const count = runtimeLimits.schemaPageMax + 10;
      const all = await populate(store, count);
      let moved = 0;
      const stops: (() => void)[] = [];
      const counted = planted(2, true, () => {
        moved++;
        if (moved === runtimeLimits.schemaPageMax + 5) stops[0]!();
      });
      stops.push(await run(store, [counted], 'first'));
      await until(
        () => moved >= 2 * runtimeLimits.schemaPageMax || moved > runtimeLimits.schemaPageMax + 5,
        () => `${moved}`,
      ).catch(() => {});
      const { at } = (await numberOf(store))!;
      assert.ok(at !== undefined, 'it has said how far it is');
      const before = moved;
      // The second waits until the first is dead for sure; the third finds that the second is at work.
      const later: Clock = { ...clock, now: () => clock.now() + runtimeLimits.schemaMoverMs + 1 };
      for (const by of ['second', 'third']) stops.push(await run(store, [counted], by, later));
      t.after(() => {
        for (const stop of stops) stop();
      });
      await reaches(store, 2);
      for (const owner of all) assert.deepEqual(await formOf(owner), { form: 2, moved: 1 }, owner.rows.partition);
      assert.ok(moved - before <= all.length, `${moved - before} of ${all.length} were gone through again`);
    });
  });

test('the moves of this program follow each other', () => {
  assert.deepEqual(
    rowMoves.map(({ to }) => to),
    rowMoves.map((_, index) => index + 2),
  );
  assert.equal(knownSchema(rowMoves), rowMoves.length + 1);
});
