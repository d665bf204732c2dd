/** How long a server that cannot be reached is left alone. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Dependencies } from '../../services/federation/core/dependencies.ts';
import { Gate } from '../../services/federation/core/gate.ts';
import { Unreachable } from '../../services/federation/finding/errors.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { Connector } from '../../services/federation/pairs/connector.ts';
import { ManualClock, settled } from '../connection/manual-clock.ts';

const { connectsBeginningMax, retryMinMs } = federationLimits;

let clock: ManualClock;
let tries: number;
let connector: Connector;

beforeEach(() => {
  clock = new ManualClock();
  tries = 0;
  const finder = {
    // biome-ignore lint/correctness/useYield: nothing is found
    async *connections(): AsyncGenerator<never, never> {
      tries++;
      throw new Unreachable('the connection was refused');
    },
  };
  const dependencies = { clock, finder } as unknown as Dependencies;
  const pair = { tenant: 'a.example', host: 'a.example', peer: 'x.example' };
  connector = new Connector(dependencies, new Gate(clock), pair, {
    ready: () => {},
    failed: (error) => connector.rest(error),
  });
});

/** @returns the pause that follows, ms */
async function tryAgain(): Promise<number> {
  await clock.advance(connector.retryInMs);
  const before = tries;
  connector.connect();
  await settled();
  assert.equal(tries, before + 1);
  return connector.retryInMs;
}

test('the pause doubles with each try, and nothing is tried within it', async () => {
  for (const factor of [1, 2, 4, 8]) {
    const pauseMs = await tryAgain();
    assert.ok(pauseMs >= factor * retryMinMs && pauseMs <= 2 * factor * retryMinMs, `${pauseMs}`);
  }
  connector.connect();
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
