/** Stanzas of another server on their way to routers, when none of them answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../lib/runtime/ids.ts';
import { routerSubject } from '../../lib/runtime/wire.ts';
import { Arrivals } from '../../lib/s2s/arrivals.ts';
import { s2sLimits } from '../../lib/s2s/limits.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const pair = { tenant: 'a.example', host: 'a.example', peer: 'x.example', isCertified: false };

test('XEP-0198 §5: what no router took is not sent once more when its stream is over: it comes again on another one', async () => {
  const wall = new ManualClock();
  const clock = new DeploymentClock(wall);
  const bus = memoryBus({ clock: wall });
  let requests = 0;
  await bus.serve(routerSubject, () => {
    requests++;
    return new Promise(() => {});
  });
  const told: string[] = [];
  const events = {
    handled: () => told.push('handled'),
    failed: () => told.push('failed'),
    forbidden: () => told.push('forbidden'),
  };
  const arrivals = new Arrivals({ bus, clock, ids: new IdMint(clock), log: pino({ level: 'silent' }) }, events);
  arrivals.push(pair, Buffer.from(`<presence from='anna@x.example/pc' to='juliet@a.example'/>`));
  await wall.advance(s2sLimits.arrivalTimeoutMs + 1);
  assert.equal(requests, 1);
  arrivals.stop();
  await wall.advance(4 * s2sLimits.arrivalTimeoutMs);
  assert.equal(requests, 1);
  assert.deepEqual(told, ['failed']);
  assert.equal(arrivals.handled, 0);
});
