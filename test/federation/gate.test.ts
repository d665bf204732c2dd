/** Who may begin to connect to other servers, and when: a storm of dead ones leaves room for the living. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Timer } from '../../lib/ports/clock.ts';
import { Gate, type Urgency } from '../../services/federation/core/gate.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const { connectsBeginningMax, connectBeginningMs, connectYieldMaxMs, connectYieldPerLateMs } = federationLimits;
const { deadRetriesPerSecond, deadRetryMaxMs } = federationLimits;

const pairOf = (tenant: string, index: number) => ({ tenant, host: tenant, peer: `dead${index}.example` });
const silence = () => new Promise<never>(() => {});

function storm(gate: Gate, count: number, urgency: Urgency = 'first'): string[] {
  const begun: string[] = [];
  for (let index = 0; index < count; index++) {
    const pair = pairOf('a.example', index);
    void gate.connecting(pair, urgency, () => {
      begun.push(pair.peer);
      return silence();
    });
  }
  return begun;
}

test('of a hundred that are to be connected to at once some begin at once, and the others a few at a time', async () => {
  const clock = new ManualClock();
  const begun = storm(new Gate(clock), 100);
  await clock.advance(1);
  for (let turn = 1; turn <= 100 / connectsBeginningMax; turn++) {
    assert.equal(begun.length, turn * connectsBeginningMax);
    await clock.advance(connectBeginningMs);
  }
});

test('where the event loop is busy, which late timers say, they begin later, and still begin', async () => {
  const lateMs = 15;
  class LateClock extends ManualClock {
    override after(delayMs: number, run: () => void): Timer {
      return super.after(delayMs + lateMs, run);
    }
  }
  const clock = new LateClock();
  const begun = storm(new Gate(clock), 400);
  const eachMs = connectBeginningMs + lateMs + lateMs * connectYieldPerLateMs + lateMs;
  await clock.advance(10 * eachMs + 1);
  assert.equal(begun.length, 11 * connectsBeginningMax);
  const fewestPerSecond = (connectsBeginningMax * 1_000) / (connectBeginningMs + connectYieldMaxMs);
  assert.ok(fewestPerSecond >= 40, `${fewestPerSecond}`);
});

test('another tenant does not wait for the line of the first', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  storm(gate, 100);
  let isBegun = false;
  void gate.connecting(pairOf('b.example', 0), 'first', () => {
    isBegun = true;
    return silence();
  });
  await clock.advance(connectBeginningMs + 1);
  assert.ok(isBegun);
});

test('whoever asks for us by a key, or was not tried yet, does not wait for the line of those that failed', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  storm(gate, 100, 'again');
  const begun: string[] = [];
  for (const urgency of ['asked', 'first'] as const)
    void gate.connecting(pairOf('a.example', 100), urgency, () => {
      begun.push(urgency);
      return silence();
    });
  await clock.advance(connectBeginningMs + 1);
  assert.deepEqual(begun, ['asked', 'first']);
});

test('those that failed take turns, and each has its turn within the longest pause', () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  for (let index = 1; index <= 5 * deadRetriesPerSecond; index++)
    assert.equal(gate.deadTurnMs(), (index * 1_000) / deadRetriesPerSecond);
  for (let index = 0; index < 10_000; index++) assert.ok(gate.deadTurnMs() <= deadRetryMaxMs);
});

test('what the work returns or throws comes back', async () => {
  const gate = new Gate(new ManualClock());
  assert.equal(await gate.connecting(pairOf('a.example', 0), 'first', async () => 'a stream'), 'a stream');
  await assert.rejects(
    gate.connecting(pairOf('a.example', 1), 'first', () => Promise.reject(new Error('refused'))),
    /refused/,
  );
});
