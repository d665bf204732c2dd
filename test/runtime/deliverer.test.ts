/** Deliveries to nodes on a bus: grouping, order, failures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Deliverer, type Failure } from '../../lib/runtime/deliverer.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { DeliverRequest } from '../../lib/runtime/wire.ts';

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  randomBytes: (length) => Buffer.alloc(length, 1),
};

async function nodeThat(answers: (request: DeliverRequest) => string[] | undefined) {
  const bus = memoryBus({ clock });
  const requests: { request: DeliverRequest; bodies: string[] }[] = [];
  await bus.serve('n.one.1', (payload) => {
    const { header, bodies } = decodeFrame<DeliverRequest>(payload);
    requests.push({ request: header, bodies: bodies.map(String) });
    const missing = answers(header);
    return missing && encodeFrame({ missing });
  });
  return { deliverer: new Deliverer(bus), requests, bus };
}

const target = (sid: string, node = 'n.one.1') => ({ node, sid, to: `romeo@localhost/${sid}` });

test('what one turn sends to a node leaves as one message, each stanza once', async () => {
  const { deliverer, requests } = await nodeThat(() => []);
  const results = await Promise.all([
    deliverer.deliver({ targets: [target('a'), target('b')], xml: Buffer.from('<message/>'), id: 'x1' }),
    deliverer.deliver({ targets: [target('a')], xml: Buffer.from('<presence/>') }),
  ]);
  assert.deepEqual(results, [[], []]);
  assert.equal(requests.length, 1);
  assert.deepEqual(requests[0]!.bodies, ['<message/>', '<presence/>']);
  assert.deepEqual(requests[0]!.request.items, [
    { sids: ['a', 'b'], tos: ['romeo@localhost/a', 'romeo@localhost/b'], id: 'x1' },
    { sids: ['a'], tos: ['romeo@localhost/a'] },
  ]);
});

test('messages to one node keep the order of the calls, however slow it is', async () => {
  const { deliverer, requests } = await nodeThat(() => []);
  const texts = Array.from({ length: 50 }, (_, index) => `<m${index}/>`);
  const pending: Promise<unknown>[] = [];
  for (const text of texts) {
    pending.push(deliverer.deliver({ targets: [target('a')], xml: Buffer.from(text) }));
    if (pending.length % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(pending);
  assert.deepEqual(
    requests.flatMap(({ bodies }) => bodies),
    texts,
  );
});

test('a session that its node does not hold is missing, one of a node that does not answer is silent', async () => {
  const { deliverer, bus } = await nodeThat(() => ['gone']);
  await bus.serve('n.two.1', () => new Promise(() => undefined));
  const failures = await deliverer.deliver({
    targets: [target('here'), target('gone'), target('x', 'n.two.1'), target('y', 'n.nobody.1')],
    xml: Buffer.from('<message/>'),
  });
  const told = failures.map(({ node, sid, reason }) => `${node} ${sid} ${reason}`).sort();
  assert.deepEqual(told, ['n.nobody.1 y silent', 'n.one.1 gone missing', 'n.two.1 x silent']);
});

test('who gives without a promise hears of each part, with the id, and how many parts there are', async () => {
  const { deliverer } = await nodeThat(() => ['gone']);
  const heard: string[] = [];
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const receiver = {
    away: () => undefined,
    confirmed: (failures: readonly Failure[], id: string | undefined) => {
      heard.push(`${id}: ${failures.map(({ sid, reason }) => `${sid} ${reason}`)}`);
      if (heard.length === 4) resolve();
    },
  };
  const xml = Buffer.from('<message/>');
  const targets = [target('here'), target('gone'), target('x', 'n.nobody.1'), target('y', '')];
  assert.equal(deliverer.give({ targets, xml, id: 'x1' }, receiver), 3);
  assert.equal(deliverer.give({ targets: [target('here')], xml }, receiver), 1);
  await all;
  assert.deepEqual(heard.sort(), ['undefined: ', 'x1: gone missing', 'x1: x silent', 'x1: y missing']);
});
