/** Who may begin to connect to other servers, and when: a storm of dead ones leaves room for the living. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Timer } from '../../lib/ports/clock.ts';
import type { Urgency } from '../../services/federation/core/beginnings.ts';
import { Gate } from '../../services/federation/core/gate.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { ManualClock } from '../connection/manual-clock.ts';

const { connectsBeginningMax, connectBeginningMs, connectYieldMaxMs, connectYieldPerLateMs } = federationLimits;
const { deadRetriesPerSecond, deadRetryMaxMs } = federationLimits;

const pairOf = (tenant: string, index: number) => ({ tenant, host: tenant, peer: `dead${index}.example` });
const silence = () => new Promise<never>(() => {});

/** More have come at once than can begin, and then the first ones keep their places for longer. */
const firstMs = connectBeginningMs + connectYieldMaxMs;

/** @param senders those who write to the others, in turns */
function storm(gate: Gate, count: number, urgency: Urgency = 'first', senders = 1): string[] {
  const begun: string[] = [];
  for (let index = 0; index < count; index++) {
    const pair = pairOf('a.example', index);
    void gate.connecting(pair, urgency, `sender${index % senders}@a.example`, () => {
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
  assert.equal(begun.length, connectsBeginningMax);
  await clock.advance(firstMs);
  for (let turn = 2; turn <= 100 / connectsBeginningMax; turn++) {
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
  await clock.advance(firstMs + 2 * lateMs + 10 * eachMs + 1);
  assert.equal(begun.length, 12 * connectsBeginningMax);
  const fewestPerSecond = (connectsBeginningMax * 1_000) / (connectBeginningMs + connectYieldMaxMs);
  assert.ok(fewestPerSecond >= 40, `${fewestPerSecond}`);
});

/** A hundred people go on writing to more dead ones. @returns how many have begun */
async function writeOn(gate: Gate, clock: ManualClock, perTurn: number, forMs: number): Promise<() => number> {
  const begun: string[][] = [];
  for (const untilMs = clock.monotonic() + forMs; clock.monotonic() < untilMs; await clock.advance(connectBeginningMs))
    begun.push(storm(gate, perTurn, 'first', 100));
  return () => begun.flat().length;
}

test('while more new ones come than can begin, they begin slowly: what people write is taken in first', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  const begun = await writeOn(gate, clock, 2 * connectsBeginningMax, 1_000);
  const before = begun();
  const slow = (connectsBeginningMax * 1_000) / firstMs;
  assert.ok(before >= slow && before <= slow + 2 * connectsBeginningMax, `${before}`);
  await clock.advance(connectYieldMaxMs + 1_000);
  assert.ok(begun() >= before + (connectsBeginningMax * 1_000) / connectBeginningMs, `${begun()} of them`);
});

test('a new server that one person writes to begins within a second while a thousand wait that a hundred write to', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  storm(gate, 1_000, 'first', 100);
  let beganAtMs: number | undefined;
  const write = () =>
    void gate.connecting(pairOf('a.example', 5_000), 'first', 'juliet@a.example', () => {
      beganAtMs = clock.monotonic();
      return silence();
    });
  write();
  await writeOn(gate, clock, 2 * connectsBeginningMax, 1_000);
  assert.ok(beganAtMs !== undefined && beganAtMs < 1_000, `it has not begun: ${beganAtMs}`);
});

test('people who write to a single new server each, as many as can begin, do not keep those waiting who write to many', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  const many = storm(gate, 20);
  await clock.advance(1);
  const before = many.length;
  for (let turn = 0; turn < 100; turn++) {
    for (let one = 0; one < connectsBeginningMax; one++)
      void gate.connecting(pairOf('a.example', 100), 'first', `one${turn}-${one}@a.example`, silence);
    await clock.advance(connectBeginningMs);
  }
  assert.ok(many.length >= before + 3, `${many.length}`);
});

test('another tenant does not wait for the line of the first', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  storm(gate, 100);
  let isBegun = false;
  void gate.connecting(pairOf('b.example', 0), 'first', 'juliet@b.example', () => {
    isBegun = true;
    return silence();
  });
  await clock.advance(firstMs + 1);
  assert.ok(isBegun);
});

test('whoever asks for us by a key, was reached of late, or was not tried yet, does not wait for the line of those that failed', async () => {
  const clock = new ManualClock();
  const gate = new Gate(clock);
  storm(gate, 100, 'again');
  const begun: string[] = [];
  for (const urgency of ['asked', 'known', 'first'] as const)
    void gate.connecting(pairOf('a.example', 100), urgency, 'sender0@a.example', () => {
      begun.push(urgency);
      return silence();
    });
  await clock.advance(firstMs + 1);
  assert.deepEqual(begun, ['asked', 'known', 'first']);
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
  assert.equal(await gate.connecting(pairOf('a.example', 0), 'first', '', async () => 'a stream'), 'a stream');
  await assert.rejects(
    gate.connecting(pairOf('a.example', 1), 'first', '', () => Promise.reject(new Error('refused'))),
    /refused/,
  );
});
