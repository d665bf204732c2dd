import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zeroStats } from '../../lib/adapters/bus-messages.ts';
import { PendingReplies } from '../../lib/adapters/pending-replies.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';

/** Timers fire when the test says so, in order, `earlyMs` before their time. */
class Timers implements Clock {
  nowMs = 0;
  earlyMs = 0;
  made = 0;
  #set: { readonly atMs: number; readonly run: () => void }[] = [];

  get count(): number {
    return this.#set.length;
  }

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void) {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#set.push(timer);
    this.made++;
    return {
      cancel: () => {
        this.#set = this.#set.filter((other) => other !== timer);
      },
    };
  }

  randomBytes(length: number): Buffer {
    return Buffer.alloc(length);
  }

  advance(toMs: number): void {
    for (let fired = 0; ; fired++) {
      assert.ok(fired < 100, 'timers never stop');
      const due = this.#set.filter(({ atMs }) => atMs - this.earlyMs <= toMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#set = this.#set.filter((other) => other !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs - this.earlyMs);
      due.run();
    }
    this.nowMs = toMs;
  }
}

function arrange(earlyMs = 0) {
  const clock = new Timers();
  clock.earlyMs = earlyMs;
  const stats = zeroStats();
  const replies = new PendingReplies(clock, stats);
  const failed: string[] = [];
  const open = (name: string, timeoutMs: number): number => {
    const { id, reply } = replies.open(name, timeoutMs);
    reply.catch((error: unknown) => {
      assert.ok(error instanceof Unavailable);
      failed.push(`${name} ${clock.nowMs}`);
    });
    return id;
  };
  const advance = async (toMs: number): Promise<readonly string[]> => {
    clock.advance(toMs);
    await Promise.resolve();
    await Promise.resolve();
    return failed.map((text) => text.split(' ')[0]!);
  };
  return { clock, stats, replies, open, advance };
}

test('requests of several timeouts share a timer, and each fails in its time', async () => {
  const { clock, stats, replies, open, advance } = arrange();
  open('long', 1_000);
  open('short', 200);
  const answered = open('answered', 100);
  replies.settle(answered, Buffer.alloc(0));
  assert.equal(clock.count, 1);
  assert.deepEqual(await advance(199), []);
  open('later', 900);
  assert.deepEqual(await advance(200), ['short']);
  assert.deepEqual(await advance(999), ['short']);
  assert.deepEqual(await advance(1_000), ['short', 'long']);
  assert.deepEqual(await advance(1_099), ['short', 'long', 'later']);
  assert.equal(stats.timeouts, 3);
  assert.equal(clock.count, 0);
});

test('thousands of requests that are answered while another waits set no timer each', () => {
  const { clock, replies, open } = arrange();
  open('first', 1_000);
  for (let count = 0; count < 1_000; count++) replies.settle(open('next', 1_000), Buffer.alloc(0));
  assert.equal(clock.made, 1);
});

test('a timer that fires a fraction too soon fails its request and is not set again and again', async () => {
  const { clock, open, advance } = arrange(1e-9);
  open('one', 0.1 + 0.2);
  assert.deepEqual(await advance(1), ['one']);
  assert.equal(clock.made, 1);
});

test('no timer is set when nothing waits', () => {
  const { clock, stats, replies, open } = arrange();
  replies.settle(open('a', 500), Buffer.alloc(0));
  assert.equal(clock.count, 0);
  open('b', 500);
  open('c', 100);
  replies.failAll('over');
  assert.equal(clock.count, 0);
  assert.equal(stats.requestsUnderWay, 0);
});
