/**
 * A mistake of ours in the middle of a batch ends the stanza that met it, and nothing else: its sender is told `internal-server-error`
 * (RFC 6120 §8.3.3.6) at once, the others of the batch are delivered once, the session goes on.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Put, Store } from '../../lib/ports/store.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { type InboundRequest, routerSubject, type StepItem } from '../../lib/runtime/wire.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

let stage: RouterStage;
let juliet: BatchActor;
let romeo: BatchActor;
let nurse: BatchActor;

/** Does not take a row that says so: as a bound that somebody forgot to check before. */
function brittle(store: Store): Store {
  const check = (rows: readonly Put[]) => {
    if (rows.some(({ value }) => value.includes('breaks the store'))) throw new RangeError('a row is too large');
  };
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
      if (typeof method !== 'function') return method;
      return async (...values: unknown[]) => {
        if (name === 'batchPut') check(values[0] as readonly Put[]);
        return method.apply(target, values);
      };
    },
  });
}

beforeEach(async () => {
  stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, store: brittle(dependencies.store) }) });
  juliet = await stage.appear('juliet@a.example/balcony');
  romeo = await stage.appear('romeo@a.example/orchard');
  nurse = await stage.appear('nurse@b.example/house');
});
afterEach(() => stage.close());

const say = (body: string, to = 'romeo@a.example'): string =>
  `<message id='${body}' to='${to}' type='chat'><body>${body}</body></message>`;

for (const [where, to] of [
  ['an account of the same tenant', 'romeo@a.example'],
  ['an account of another tenant', 'nurse@b.example'],
] as const) {
  test(`one of five messages to ${where} cannot be kept: the other four arrive, once and in order`, async () => {
    const texts = ['one', 'two', 'breaks the store', 'four', 'five'];
    const items = texts.map((): StepItem => ({ kind: 'stanza', id: stage.mint(), body: true }));
    await juliet.step(
      items,
      texts.map((text) => say(text, to)),
    );
    const listener = to.startsWith('romeo') ? romeo : nurse;
    const bodies = listener.inbox.map((xml) => /<body>(.*)<\/body>/.exec(xml)?.[1]);
    assert.deepEqual([...new Set(bodies)], ['one', 'two', 'four', 'five']);
    assert.equal(juliet.inbox.length, 1);
    assert.match(juliet.inbox[0]!, /<message id='breaks the store'.*<internal-server-error /);
    assert.equal(juliet.closed, undefined);
    await juliet.send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert.match(juliet.inbox.at(-1)!, /id='p'.*type='result'/);
  });
}

test('a set that cannot be written is answered once, with the error', async () => {
  await juliet.send("<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>breaks the store</FN></vCard></iq>");
  assert.equal(juliet.inbox.length, 1);
  assert.match(juliet.inbox[0]!, /<internal-server-error /);
  assert.equal(juliet.closed, undefined);
});

test('of several stanzas that arrive from another domain, one that cannot be kept goes back to its sender', async () => {
  const bodies = ['first', 'breaks the store', 'third'].map((text) =>
    Buffer.from(
      `<message from='nurse@b.example/house' to='romeo@a.example' id='${text}' type='chat'><body>${text}</body></message>`,
    ),
  );
  const request: InboundRequest = { kind: 'inbound', domain: 'a.example', ids: bodies.map(() => stage.mint()) };
  await stage.dependencies.bus.request(routerSubject, encodeFrame(request, bodies), { timeoutMs: 3_000 });
  assert.deepEqual([...new Set(romeo.inbox.map((xml) => /<body>(.*)<\/body>/.exec(xml)?.[1]))], ['first', 'third']);
  assert.match(await nurse.next(), /<message [^>]*id='breaks the store'[^>]*type='error'.*<internal-server-error /);
});

for (const [what, thrown, answer] of [
  ['refuses for good', new StanzaError('not-acceptable', 'the address is too long'), /<error type='modify'><not-acceptable /],
  ['has a mistake in it', new TypeError('undefined is not a function'), /<internal-server-error /],
] as const) {
  test(`a worker of rooms that ${what} is not asked again`, async () => {
    stage.roomFault = thrown;
    const began = performance.now();
    await juliet.send(`<presence id='x' to='hall@conference.a.example/J'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    assert.ok(performance.now() - began < 2_000);
    assert.equal(stage.rooms.length, 1);
    assert.match(juliet.inbox.join(), answer);
    assert.equal(juliet.closed, undefined);
  });
}
