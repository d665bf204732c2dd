/** XEP-0198 §4: a client that asks for acknowledgements faster than routers answer gets them as its stanzas are handled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import { StreamManagement } from '../../services/connection/session/stream-management.ts';
import { ManualClock } from './manual-clock.ts';

function start() {
  const answers: string[] = [];
  const clock = new ManualClock();
  const sm = new StreamManagement({
    clock,
    token: 'token',
    askedMs: 0,
    hasPush: false,
    pushResumeMs: 0,
    silent: () => {},
    write: (text) => answers.push(/ h='(\d+)'/.exec(text)?.[1] ?? text),
  });
  return { answers, clock, sm };
}

test('each step is acknowledged, although there is always a newer request', () => {
  const { answers, sm } = start();
  for (let number = 1; number <= 10; number++) {
    sm.count();
    sm.onRequest();
    if (number > 1) sm.settle(number - 1, true);
  }
  assert.deepEqual(answers, ['1', '2', '3', '4', '5', '6', '7', '8', '9']);
  sm.settle(10, true);
  assert.equal(answers.at(-1), '10');
  sm.settle(10, true);
  assert.equal(answers.length, 10, 'and then nothing is due');
});

test('a request that nothing answers is answered once after a while, with what is handled', async () => {
  const { answers, clock, sm } = start();
  sm.count();
  sm.onRequest();
  sm.count();
  sm.onRequest();
  await clock.advance(connectionLimits.batchTimeoutMs);
  await clock.advance(connectionLimits.batchTimeoutMs);
  assert.deepEqual(answers, ['0']);
  sm.settle(2, true);
  assert.deepEqual(answers, ['0'], 'no further request is open');
});
