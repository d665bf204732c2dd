/** Rows that nobody has told the owner of a pair come to light after what was written later has left. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Bus } from '../../lib/ports/bus.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { Outbox, type OutboxBatch, readOutbox } from '../../lib/runtime/outbox.ts';
import type { Carrier, CarrierEvents } from '../../services/federation/core/carrier.ts';
import type { Dependencies } from '../../services/federation/core/dependencies.ts';
import { Gate } from '../../services/federation/core/gate.ts';
import type { WayEvents } from '../../services/federation/core/way.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { Pair } from '../../services/federation/pairs/pair.ts';
import { ManualClock, settled } from '../connection/manual-clock.ts';

const name = { tenant: 'a.example', host: 'a.example', peer: 'x.example' };
const parties = `from='juliet@a.example/balcony' to='anna@x.example'`;
const status = (text: string) => `<presence ${parties}><status>${text}</status></presence>`;
const unavailable = `<presence ${parties} type='unavailable'/>`;
const inRoom = `from='juliet@a.example/balcony' to='garden@rooms.x.example/Juliet'`;
const entry = `<presence ${inRoom}><x xmlns='http://jabber.org/protocol/muc'/></presence>`;

let folder: string;
let store: Store;
let wall: ManualClock;
let clock: DeploymentClock;
let pair: Pair;
let carried: string[];
let batches: number;
/** The peer cannot be reached. */
let isAway: boolean;
let isStoreAway: boolean;
/** Keys of rows of which nothing is to be sent any more. */
let confirmed: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'late-rows-'));
  store = await openSqliteStore(join(folder, 'rows.db'), { clock: systemClock });
  wall = new ManualClock();
  clock = new DeploymentClock(wall);
  carried = [];
  batches = 0;
  isAway = false;
  const log = { info: () => {}, warn: () => {} };
  isStoreAway = false;
  confirmed = [];
  const failing = new Proxy(store, {
    get(target, member) {
      if (isStoreAway) return () => Promise.reject(new Unavailable('the store does not answer'));
      const found = target[member as keyof Store] as unknown;
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
  const dependencies = { store: failing, clock, log, holdsLease: () => true } as unknown as Dependencies;
  const wayOf = (events: WayEvents) => ({
    isIdle: true,
    lastError: undefined,
    connect: () => (isAway ? undefined : events.ready(carrier())),
    succeeded: () => {},
    rest: () => {},
    verify: () => Promise.reject(new Error('nobody is asked')),
    stop: () => {},
  });
  pair = new Pair(dependencies, new Gate(clock), name, wayOf, (key) => void confirmed.push(key));
});

afterEach(async () => {
  await pair.stop(false);
  await store.close();
  rmSync(folder, { recursive: true });
});

/** It confirms at once what it carries. */
function carrier(): Carrier {
  let events: CarrierEvents | undefined;
  const nothing = () => {};
  return {
    ...{ streamId: 'one', isCertified: true, proof: '', hasAcks: true, isOpen: true, isClosed: false, outlivesOwner: false },
    get sent() {
      return carried.length;
    },
    send(stanza: Buffer) {
      carried.push(stanza.toString());
      return 0;
    },
    requestAck: () => setImmediate(() => events?.acked(carried.length)),
    ...{ ping: nothing, close: nothing, fail: nothing, destroy: nothing, leave: nothing },
    async run(all: CarrierEvents) {
      events = all;
    },
  };
}

/** The row is there, and its owner was not told. */
async function write(...stanzas: readonly string[]): Promise<OutboxBatch> {
  const outbox = new Outbox({ store, bus: {} as Bus, clock });
  const all = outbox.batches(stanzas.map((xml) => ({ ...name, id: `0${++batches}`, xml: Buffer.from(xml) })));
  await store.batchPut(outbox.puts(all));
  await wall.advance(1_000);
  return all[0]!;
}

function tell({ key, at, departures }: OutboxBatch): void {
  pair.take(
    key,
    at,
    departures.map(({ xml }) => xml),
    [],
  );
}

/** As when the owner looks. Returns when all rows are gone. */
async function find(): Promise<void> {
  await pair.load('late', () => false);
  const untilMs = performance.now() + 10_000;
  while ((await readOutbox(store, name, '')).length > 0) {
    assert.ok(performance.now() < untilMs, carried.join());
    await settled();
  }
}

test('presence that was written before what has left is not sent, and its row goes', async () => {
  const message = `<message ${parties}><body>hello</body></message>`;
  await write(unavailable, message);
  tell(await write(status('here')));
  await settled();
  await find();
  assert.deepEqual(carried, [status('here'), message]);
});

test('that nobody is there of an account is not said behind the presence of one of its sessions', async () => {
  await write(`<presence from='juliet@a.example' to='anna@x.example/pc' type='unavailable'/>`);
  tell(await write(status('here')));
  await settled();
  await find();
  assert.deepEqual(carried, [status('here')]);
  await write(`<presence from='juliet@a.example' to='anna@x.example' type='unavailable'/>`);
  await find();
  assert.equal(carried.length, 2, 'it is the last word');
});

test('of what waits for a stream, too', async () => {
  isAway = true;
  tell(await write(`<presence from='juliet@a.example' to='anna@x.example' type='unavailable'/>`));
  tell(await write(status('here')));
  isAway = false;
  pair.tick(clock.monotonic());
  await settled();
  assert.deepEqual(carried, [status('here')]);
});

test('the same of a row of which a mark tells', async () => {
  await write(unavailable);
  tell(await write(status('here')));
  await settled();
  await pair.load('missed', () => false);
  await settled();
  assert.deepEqual(carried, [status('here')]);
});

test('what the peer has confirmed is known at once, though the store is away and keeps its row', async () => {
  isStoreAway = true;
  const { key, ...batch } = await write(status('here'));
  tell({ key, ...batch });
  await settled();
  assert.deepEqual(confirmed, [key]);
  assert.equal((await readOutbox(store, name, '')).length, 1);
  isStoreAway = false;
  await wall.advance(federationLimits.deletionRetryMaxMs);
});

test('presence that was written later is sent', async () => {
  tell(await write(status('here')));
  await settled();
  await write(unavailable);
  await find();
  assert.deepEqual(carried, [status('here'), unavailable]);
});

test('an entry into a room is not replaced by the status behind it, and is by leaving', async () => {
  const away = `<presence ${inRoom}><show>away</show></presence>`;
  await write(entry);
  tell(await write(away));
  await settled();
  await find();
  assert.deepEqual(carried, [away, entry]);
  await write(entry);
  const left = `<presence ${inRoom} type='unavailable'/>`;
  tell(await write(left));
  await settled();
  await find();
  assert.deepEqual(carried, [away, entry, left]);
});

test('who was asked about in a row that waited for too long is asked about when the peer is back, by a new owner too', async () => {
  const probe = `<presence ${parties} type='probe'/>`;
  isAway = true;
  await write(status('here'), probe);
  await pair.load('takeover', () => false);
  await wall.advance(3_600_000);
  pair.tick(clock.monotonic());
  while ((await readOutbox(store, name, '')).length > 0) await settled();
  isAway = false;
  for (let ticks = 0; ticks < 3; ticks++) pair.tick(clock.monotonic());
  assert.deepEqual(carried.map((xml) => /type=.probe/.test(xml) || /here/.exec(xml)?.[0]).sort(), ['here', true]);
});

test('an answer for a whole account that was given up is not said behind the presence of its sessions', async () => {
  isAway = true;
  tell(await write(`<presence from='juliet@a.example' to='anna@x.example' type='unavailable'/>`));
  await wall.advance(3_600_000);
  pair.tick(clock.monotonic());
  isAway = false;
  tell(await write(status('here')));
  for (let ticks = 0; ticks < 3; ticks++) pair.tick(clock.monotonic());
  await settled();
  assert.deepEqual(carried, [status('here')]);
});
