/** How long a server that cannot be reached is left alone. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Dependencies } from '../../services/federation/core/dependencies.ts';
import { Gate } from '../../services/federation/core/gate.ts';
import { Unreachable } from '../../services/federation/finding/errors.ts';
import { findingLimits } from '../../services/federation/finding/limits.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { Connector } from '../../services/federation/pairs/connector.ts';
import { ManualClock, settled } from '../connection/manual-clock.ts';

const { connectsBeginningMax, deadRetriesPerSecond, reachedMs, retryMaxMs, retryMinMs } = federationLimits;
const hourMs = 60 * 60_000;
/** A server that is back is reached by then. */
const upMaxMs = 60_000;

let clock: ManualClock;
let gate: Gate;
let tries: number;
let connector: Connector;

beforeEach(() => {
  clock = new ManualClock();
  gate = new Gate(clock);
  tries = 0;
  connector = connectorTo('x.example');
});

function connectorTo(peer: string): Connector {
  const finder = {
    // biome-ignore lint/correctness/useYield: nothing is found
    async *connections(): AsyncGenerator<never, never> {
      tries++;
      throw new Unreachable('the connection was refused');
    },
  };
  const dependencies = { clock, finder } as unknown as Dependencies;
  const pair = { tenant: 'a.example', host: 'a.example', peer };
  const made: Connector = new Connector(dependencies, gate, pair, {
    ready: () => {},
    failed: (error) => made.rest(error),
  });
  return made;
}

/** Others that are never reached, as their pairs try them. @returns how often, within that time */
async function tryOthers(count: number, forMs: number): Promise<number> {
  const others = Array.from({ length: count }, (_, index) => connectorTo(`dead${index}.example`));
  const before = tries;
  for (const untilMs = clock.monotonic() + forMs; clock.monotonic() < untilMs; await clock.advance(federationLimits.tickMs))
    for (const other of others) if (other.isIdle) other.connect(() => '');
  return tries - before;
}

/** @returns the pause that follows, ms */
async function tryAgain(): Promise<number> {
  await clock.advance(connector.retryInMs);
  const before = tries;
  connector.connect(() => '');
  await settled();
  assert.equal(tries, before + 1);
  return connector.retryInMs;
}

test('the pause doubles with each try, and nothing is tried within it', async () => {
  for (const factor of [1, 2, 4, 8]) {
    const pauseMs = await tryAgain();
    assert.ok(pauseMs >= factor * retryMinMs && pauseMs <= 2 * factor * retryMinMs, `${pauseMs}`);
  }
  connector.connect(() => '');
  await settled();
  assert.equal(tries, 4);
});

test('a key that cannot be asked for within the pause does not lengthen it', async () => {
  const pauseMs = await tryAgain();
  for (let keys = 0; keys < connectsBeginningMax - 1; keys++)
    await assert.rejects(connector.verify('stream', 'key'), Unreachable);
  assert.equal(tries, connectsBeginningMax);
  assert.equal(connector.retryInMs, pauseMs);
  const nextMs = await tryAgain();
  assert.ok(nextMs >= 2 * retryMinMs && nextMs <= 4 * retryMinMs, `${nextMs}`);
});

test('what was confirmed ends the pause, and the next one is short', async () => {
  for (let times = 0; times < 5; times++) await tryAgain();
  connector.succeeded();
  connector.rest(new Unreachable('the stream broke'));
  assert.ok(connector.retryInMs >= retryMinMs && connector.retryInMs <= 2 * retryMinMs, `${connector.retryInMs}`);
});

test('a server that was reached of late is reached again within a minute after it is back, however long it was away', async () => {
  connector.succeeded();
  for (const untilMs = clock.monotonic() + 4 * hourMs; clock.monotonic() < untilMs; ) {
    const pauseMs = await tryAgain();
    assert.ok(pauseMs <= 2 * retryMaxMs && pauseMs + findingLimits.connectMs < upMaxMs, `${pauseMs}`);
  }
});

test('so is one that this process has never reached, when not many others are dead', async () => {
  for (let times = 0; times < 20; times++) await tryAgain();
  assert.ok(connector.retryInMs <= 2 * retryMaxMs, `${connector.retryInMs}`);
});

test('a thousand dead servers are tried a few at a time, and one that was reached does not wait for their turns', async () => {
  connector.succeeded();
  const count = 1_000;
  const seconds = 60;
  const tried = await tryOthers(count, seconds * 1_000);
  assert.ok(tried >= count && tried <= count + seconds * deadRetriesPerSecond, `${tried} tries`);
  const pauseMs = await tryAgain();
  assert.ok(pauseMs <= 2 * retryMinMs, `${pauseMs}`);
  const other = connectorTo('new.example');
  other.rest(new Unreachable('the connection was refused'));
  assert.ok(other.retryInMs > 2 * retryMaxMs, `${other.retryInMs}: it waits for its turn`);
});

test('a server that was not reached for a day takes turns with the dead', async () => {
  connector.succeeded();
  await clock.advance(reachedMs + 1);
  for (let others = 0; others < 1_000; others++) gate.deadTurnMs();
  assert.ok((await tryAgain()) > 2 * retryMaxMs);
});
