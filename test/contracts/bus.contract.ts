/** What every adapter of the Bus port must do. `open` returns a medium; each call of its `join` adds a participant. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Bus, BusHandler } from '../../lib/ports/bus.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { collect, pattern, read, text } from './bus-log.ts';

interface BusMedium {
  join(): Promise<Bus>;
  /** Called when all participants are closed. */
  close(): Promise<void>;
}

const MiB = 1024 * 1024;
const long = { timeoutMs: 20_000 };
const short = { timeoutMs: 60 };

export function busContract(name: string, open: () => Promise<BusMedium>, options: { skip?: string | false } = {}): void {
  describe(`${name}: the Bus contract`, { skip: options.skip ?? false, timeout: 60_000 }, () => {
    let medium: BusMedium;
    let count = 0;
    before(async () => {
      medium = await open();
    });
    after(() => medium?.close());

    /** Runs with two participants and a subject of its own. */
    function testBus(
      title: string,
      run: (on: { one: Bus; two: Bus; subject: string; join(): Promise<Bus> }) => Promise<void>,
    ): void {
      test(title, { timeout: 20_000 }, async () => {
        const joined: Bus[] = [];
        const join = async (): Promise<Bus> => {
          const bus = await medium.join();
          joined.push(bus);
          return bus;
        };
        try {
          await run({ one: await join(), two: await join(), subject: `t${++count}.case`, join });
        } finally {
          await Promise.all(joined.map((bus) => bus.close()));
        }
      });
    }

    testBus(
      'what is published reaches every server of the subject once, in the order of its sender',
      async ({ one, two, subject }) => {
        const sent = Array.from({ length: 2_000 }, (_, index) => `${index}`);
        const logs = await Promise.all([collect(one, subject, sent.length), collect(two, subject, sent.length)]);
        for (const item of sent) one.publish(subject, text(item));
        for (const log of logs) {
          await log.full;
          assert.deepEqual(log.items, sent);
        }
      },
    );

    testBus(
      'publishes, requests and answers of one participant arrive in the order it sent them',
      async ({ one, two, subject }) => {
        const seen: string[] = [];
        await two.serve(`${subject}.work`, (payload) => {
          seen.push(read(payload));
          two.publish(`${subject}.news`, text(`before ${read(payload)}`));
          return payload;
        });
        await one.serve(`${subject}.news`, (payload) => {
          seen.push(read(payload));
          return undefined;
        });
        one.publish(`${subject}.work`, text('a'));
        const answers = ['b', 'c'].map((item) => one.request(`${subject}.work`, text(item), long));
        await answers[1];
        assert.deepEqual(
          seen.filter((item) => item.length === 1),
          ['a', 'b', 'c'],
        );
        assert.deepEqual(
          seen.filter((item) => item.length > 1),
          ['before a', 'before b', 'before c'],
        );
      },
    );

    testBus(
      'each message goes to one member of a queue, to all queues, and to those without one',
      async ({ one, two, subject, join }) => {
        const three = await join();
        const sums = { a1: 0, a2: 0, a3: 0, b: 0, alone: 0 };
        const total = 300;
        const done = Promise.withResolvers<void>();
        const add = (key: keyof typeof sums): BusHandler => {
          return () => {
            sums[key]++;
            if (Object.values(sums).reduce((sum, value) => sum + value) === 3 * total) done.resolve();
            return undefined;
          };
        };
        await one.serve(subject, add('a1'), { queue: 'a' });
        await two.serve(subject, add('a2'), { queue: 'a' });
        await three.serve(subject, add('a3'), { queue: 'a' });
        await three.serve(subject, add('b'), { queue: 'b' });
        await two.serve(subject, add('alone'));
        for (let index = 0; index < total; index++) one.publish(subject, text('x'));
        await done.promise;
        assert.equal(sums.a1 + sums.a2 + sums.a3, total);
        assert.equal(sums.b, total);
        assert.equal(sums.alone, total);
        assert.ok(sums.a1 > 0 && sums.a2 > 0 && sums.a3 > 0, `every member gets some: ${JSON.stringify(sums)}`);
      },
    );

    testBus('a thousand requests at once each get their own answer', async ({ one, two, subject }) => {
      const double = async (payload: Uint8Array): Promise<Uint8Array> => {
        if (payload.length % 2 === 0) await new Promise(setImmediate);
        return text(`${read(payload)}${read(payload)}`);
      };
      await two.serve(subject, double, { queue: 'workers' });
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) => one.request(subject, text(`<${index}>`), long)),
      );
      answers.forEach((answer, index) => {
        assert.equal(read(answer), `<${index}><${index}>`);
      });
    });

    testBus('a slow handler holds up neither its own subject nor others', async ({ one, two, subject }) => {
      const gate = Promise.withResolvers<void>();
      await two.serve(subject, async (payload) => {
        if (read(payload) === 'slow') await gate.promise;
        return payload;
      });
      const order: string[] = [];
      const slow = one.request(subject, text('slow'), long).then(() => order.push('slow'));
      await one.request(subject, text('quick'), long).then(() => order.push('quick'));
      gate.resolve();
      await slow;
      assert.deepEqual(order, ['quick', 'slow']);
    });

    testBus('a handler may request, of its own participant too', async ({ one, two, subject }) => {
      await two.serve(`${subject}.inner`, (payload) => text(`inner ${read(payload)}`));
      await two.serve(`${subject}.outer`, async (payload) => {
        return text(`outer ${read(await two.request(`${subject}.inner`, payload, long))}`);
      });
      assert.equal(read(await one.request(`${subject}.outer`, text('x'), long)), 'outer inner x');
    });

    for (const [what, payload] of [
      ['no bytes', new Uint8Array(0)],
      ['every byte', Uint8Array.from({ length: 256 }, (_, index) => index)],
      ['line ends and commands', text('\r\nPUB other 3\r\nabc\r\n+OK\r\n')],
      ['256 KiB', pattern(256 * 1024)],
      ['1 MiB', pattern(MiB)],
    ] as const) {
      testBus(`${what} arrive unchanged both ways`, async ({ one, two, subject }) => {
        await two.serve(subject, (arrived) => {
          assert.ok(Buffer.from(payload).equals(arrived));
          return arrived;
        });
        const answer = await one.request(subject, payload, long);
        assert.ok(answer instanceof Uint8Array);
        assert.ok(Buffer.from(payload).equals(answer));
      });
    }

    testBus('many large payloads at once arrive unchanged', async ({ one, two, subject }) => {
      await two.serve(subject, (arrived) => Uint8Array.from(arrived).reverse());
      const payload = pattern(MiB);
      const expected = Buffer.from(payload).reverse();
      for (const answer of await Promise.all(Array.from({ length: 12 }, () => one.request(subject, payload, long)))) {
        assert.ok(expected.equals(answer));
      }
    });

    testBus('more than 1 MiB is refused, and sent as an answer it is dropped', async ({ one, two, subject }) => {
      await two.serve(subject, (payload) => new Uint8Array(payload[0] === 1 ? MiB + 1 : 1));
      const tooMuch = new Uint8Array(MiB + 1);
      assert.throws(() => one.publish(subject, tooMuch), RangeError);
      await assert.rejects(one.request(subject, tooMuch, long), RangeError);
      await assert.rejects(one.request(subject, Uint8Array.of(1), short), Unavailable);
      assert.equal((await one.request(subject, Uint8Array.of(2), long)).length, 1);
    });

    testBus('what a sender does to its buffer afterwards changes nothing', async ({ one, two, subject }) => {
      const log = await collect(two, subject, 2);
      const kept = text('answer');
      await two.serve(`${subject}.ask`, (payload) => {
        const seen = read(payload);
        setImmediate(() => kept.fill(0));
        queueMicrotask(() => kept.fill(0));
        return seen === 'question' ? kept : undefined;
      });
      const small = text('small');
      const large = pattern(300 * 1024);
      const expected = Buffer.from(large);
      const question = text('question');
      one.publish(subject, small);
      one.publish(subject, large);
      const answer = one.request(`${subject}.ask`, question, long);
      for (const buffer of [small, large, question]) buffer.fill(0);
      await log.full;
      assert.equal(log.items[0], 'small');
      assert.ok(expected.equals(log.payloads[1]!));
      assert.equal(read(await answer), 'answer');
    });

    testBus('what a handler does to its payload reaches no one else', async ({ one, two, subject }) => {
      const seen: string[] = [];
      const done = Promise.withResolvers<void>();
      const scribble: BusHandler = (payload) => {
        seen.push(read(payload));
        payload.fill(0);
        if (seen.length === 8) done.resolve();
        return undefined;
      };
      await one.serve(subject, scribble);
      await one.serve(subject, scribble, { queue: 'q' });
      await two.serve(subject, scribble);
      await two.serve(subject, scribble);
      const mine = text('first');
      one.publish(subject, mine);
      one.publish(subject, text('second'));
      await done.promise;
      assert.deepEqual(seen.toSorted(), [...Array(4).fill('first'), ...Array(4).fill('second')]);
      assert.equal(read(mine), 'first');
    });

    testBus('no handler runs in the stack of its sender', async ({ one, subject }) => {
      let isSending = false;
      const inSender: boolean[] = [];
      await one.serve(subject, (payload) => {
        inSender.push(isSending);
        return payload;
      });
      isSending = true;
      one.publish(subject, text('x'));
      const answer = one.request(subject, text('y'), long);
      isSending = false;
      await answer;
      assert.deepEqual(inSender, [false, false]);
    });

    testBus(
      'a request without an answer in time is Unavailable, and a late answer is nobody else’s',
      async ({ one, two, subject }) => {
        const late = Promise.withResolvers<void>();
        await two.serve(subject, async (payload) => {
          if (read(payload) === 'late') await late.promise;
          return payload;
        });
        await assert.rejects(one.request(subject, text('late'), short), Unavailable);
        const next = one.request(subject, text('next'), long);
        late.resolve();
        assert.equal(read(await next), 'next');
      },
    );

    testBus('a handler that throws, rejects or returns nothing sends no answer, and goes on', async ({ one, two, subject }) => {
      await two.serve(subject, (payload) => {
        if (read(payload) === 'throw') throw new Error('thrown in a test');
        if (read(payload) === 'reject') return Promise.reject(new Error('rejected in a test'));
        return read(payload) === 'nothing' ? undefined : payload;
      });
      const silent = ['throw', 'reject', 'nothing'].map((what) => one.request(subject, text(what), short));
      for (const request of silent) await assert.rejects(request, Unavailable);
      assert.equal(read(await one.request(subject, text('fine'), long)), 'fine');
    });

    testBus('a request that no one serves fails without waiting', async ({ one, subject }) => {
      // The test's own limit is a third of the request's.
      await assert.rejects(one.request(subject, text('x'), { timeoutMs: 60_000 }), Unavailable);
      one.publish(subject, text('nobody hears this'));
    });

    testBus('a subject is served exactly: neither parents, children nor other cases', async ({ one, two, subject }) => {
      const log = await collect(two, subject, 1);
      for (const other of [`${subject}.x`, subject.split('.')[0]!, subject.toUpperCase(), `x.${subject}`, `${subject}x`]) {
        one.publish(other, text(other));
        await assert.rejects(one.request(other, text(other), { timeoutMs: 60_000 }), Unavailable);
      }
      one.publish(subject, text('mine'));
      await log.full;
      assert.deepEqual(log.items, ['mine']);
    });

    testBus('a handler is told the subject', async ({ one, two, subject }) => {
      await two.serve(subject, (_, on) => text(on));
      assert.equal(read(await one.request(subject, text(''), long)), subject);
    });

    testBus('an invalid subject is refused', async ({ one }) => {
      for (const bad of [
        '',
        '.',
        'a.',
        '.a',
        'a..b',
        'a b',
        'a.*',
        '>',
        'a.>',
        'ä',
        'a\r\nPUB b 0',
        'a\0',
        'a/b',
        'x'.repeat(256),
      ]) {
        assert.throws(() => one.publish(bad, text('x')), TypeError);
        await assert.rejects(one.request(bad, text('x'), long), TypeError);
        await assert.rejects(
          one.serve(bad, () => undefined),
          TypeError,
        );
        await assert.rejects(
          one.serve('fine', () => undefined, { queue: bad }),
          TypeError,
        );
      }
    });

    testBus('after stop() the handler gets nothing, others go on, and it may be called again', async ({ one, two, subject }) => {
      let calls = 0;
      const first = await two.serve(
        subject,
        () => {
          calls++;
          return text('first');
        },
        { queue: 'q' },
      );
      assert.equal(read(await one.request(subject, text('x'), long)), 'first');
      const second = await two.serve(subject, () => text('second'), { queue: 'q' });
      await first.stop();
      calls = 0;
      for (let index = 0; index < 20; index++) assert.equal(read(await one.request(subject, text('x'), long)), 'second');
      await first.stop();
      await second.stop();
      await assert.rejects(one.request(subject, text('x'), { timeoutMs: 60_000 }), Unavailable);
      assert.equal(calls, 0);
    });

    testBus('close() fails pending requests', async ({ one, two, subject }) => {
      const gate = Promise.withResolvers<undefined>();
      await two.serve(subject, () => gate.promise);
      const requests = Array.from({ length: 10 }, () => one.request(subject, text('x'), { timeoutMs: 60_000 }));
      const failed = Promise.all(requests.map((request) => assert.rejects(request, Unavailable)));
      await one.close();
      await failed;
      gate.resolve(undefined);
    });

    testBus('close() lets handlers finish: what they request and answer still goes through', async ({ one, join, subject }) => {
      const worker = await join();
      await one.serve(`${subject}.side`, (payload) => text(`side ${read(payload)}`));
      const started = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      await worker.serve(`${subject}.work`, async (payload) => {
        started.resolve();
        await gate.promise;
        return worker.request(`${subject}.side`, payload, long);
      });
      const answer = one.request(`${subject}.work`, text('x'), long);
      await started.promise;
      const closed = worker.close();
      gate.resolve();
      await closed;
      assert.equal(read(await answer), 'side x');
      await assert.rejects(one.request(`${subject}.work`, text('x'), { timeoutMs: 60_000 }), Unavailable);
    });

    testBus(
      'after close() requests and serving are Unavailable, publishing is silent, closing again is fine',
      async ({ one, subject }) => {
        await Promise.all([one.close(), one.close()]);
        one.publish(subject, text('x'));
        await assert.rejects(one.request(subject, text('x'), long), Unavailable);
        await assert.rejects(
          one.serve(subject, () => undefined),
          Unavailable,
        );
        await one.close();
      },
    );

    testBus('one participant’s close() leaves the others alone', async ({ one, two, subject, join }) => {
      const three = await join();
      await two.serve(subject, (payload) => payload, { queue: 'q' });
      await three.serve(subject, (payload) => payload, { queue: 'q' });
      await three.close();
      for (let index = 0; index < 20; index++) {
        assert.equal(read(await one.request(subject, text(`${index}`), long)), `${index}`);
      }
    });
  });
}
