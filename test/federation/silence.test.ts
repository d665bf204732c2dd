/** A connection that was lost without a word shows when the other server is asked, before somebody has something to say. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Store } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import type { Carrier, CarrierEvents } from '../../services/federation/core/carrier.ts';
import type { Dependencies } from '../../services/federation/core/dependencies.ts';
import { Gate } from '../../services/federation/core/gate.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { Pair } from '../../services/federation/pairs/pair.ts';
import { ManualClock, settled } from '../connection/manual-clock.ts';

const { askSilentMs, confirmMs, pongMs, keepAliveMs, tickMs } = federationLimits;
const presence = Buffer.from(`<presence from='juliet@a.example/balcony' to='anna@x.example'/>`);

let wall: ManualClock;
let pair: Pair;
/** What was done with the stream, in order. */
let done: string[];
let pingIds: string[];
let connections: number;
/** The people that connections were said to be for. */
let waiting: string[];
/** Absent: the peer hears nothing. */
let answer: ((events: CarrierEvents) => void) | undefined;

beforeEach(() => {
  done = [];
  pingIds = [];
  connections = 0;
  waiting = [];
});

async function open(own: Partial<Carrier>): Promise<void> {
  wall = new ManualClock();
  const store = { batchDelete: async () => {}, delete: async () => {} } as unknown as Store;
  const dependencies = {
    ...{ store, clock: new DeploymentClock(wall), holdsLease: () => true },
    log: { info: () => {}, warn: () => {} },
  } as unknown as Dependencies;
  pair = new Pair(
    dependencies,
    new Gate(dependencies.clock),
    { tenant: 'a.example', host: 'a.example', peer: 'x.example' },
    (on) => ({
      ...{ isIdle: true, lastError: undefined, succeeded: () => {}, rest: () => {}, stop: () => {} },
      connect: (senderOf) => {
        waiting.push(senderOf());
        if (connections++ === 0) on.ready(carrier(own));
      },
      verify: () => Promise.reject(new Error('nobody is asked')),
    }),
    () => {},
  );
  pair.take('one', wall.now(), [presence], []);
  await settled();
  done = [];
}

function carrier(own: Partial<Carrier>): Carrier {
  let events!: CarrierEvents;
  const asked = (what: string) => () => {
    done.push(what);
    setImmediate(() => answer?.(events));
  };
  return {
    ...{
      streamId: 'one',
      isCertified: true,
      proof: '',
      hasAcks: true,
      isOpen: true,
      isClosed: false,
      outlivesOwner: false,
      sent: 1,
    },
    ...{ send: () => 0, fail: () => {}, leave: () => {}, requestAck: asked('r'), close: asked('close') },
    ping: (id) => {
      pingIds.push(id);
      done.push('ping');
    },
    destroy: () => {
      done.push('destroy');
      setImmediate(() => events.closed(new Error('it does not confirm what was sent'), false));
    },
    run: async (all) => {
      events = all;
    },
    ...own,
  };
}

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += tickMs) {
    await wall.advance(tickMs);
    pair.tick(wall.monotonic());
    await settled();
  }
}

test('a connection is for whoever has waited for the longest time, and for nobody when nothing waits', async () => {
  await open({});
  pair.retry();
  assert.deepEqual(waiting, ['juliet@a.example']);
});

test('a peer that answers is asked now and then, and its stream stays', async () => {
  answer = (events) => events.acked(1);
  await open({});
  await pass(3 * askSilentMs + 5 * tickMs);
  assert.deepEqual(done, ['r', 'r', 'r']);
});

test('a peer that answers no more is taken for dead, and connected to again for what is to be asked of it', async () => {
  answer = (events) => events.acked(1);
  await open({});
  pair.take('two', wall.now(), [Buffer.from(`<presence type='probe' from='juliet@a.example/balcony' to='anna@x.example'/>`)], []);
  await settled();
  answer = undefined;
  await pass(askSilentMs + confirmMs + 3 * tickMs);
  assert.deepEqual(done.slice(-2), ['r', 'destroy']);
  assert.ok(connections > 1);
});

test('a peer without XEP-0198 is pinged, and asked by closing the stream when it says nothing', async () => {
  await open({ hasAcks: false });
  pair.pong(pingIds.at(-1)!);
  answer = undefined;
  await pass(askSilentMs + pongMs + 3 * tickMs);
  assert.deepEqual(done, ['ping', 'close']);
});

test('a component gets white space, which needs no answer', async () => {
  answer = (events) => events.acked(1);
  await open({ outlivesOwner: true, keepAlive: () => void done.push('white space') });
  await pass(2 * keepAliveMs + 5 * tickMs);
  assert.deepEqual(done, ['white space', 'white space']);
});
