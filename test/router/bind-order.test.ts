/** The row that tells a reaper of a session is there before the session is, whatever the store does (lib/runtime/sessions.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Put, type Store, Unavailable } from '../../lib/ports/store.ts';
import type { StepReply } from '../../lib/runtime/wire.ts';
import { findAccount } from '../../services/router/core/accounts.ts';
import { openRouter } from '../support/stage/router-stage.ts';

const bindIq = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq>";

async function bindWith(t: { after(run: () => Promise<void>): void }, keepsOrder: boolean, away?: string) {
  const called: string[] = [];
  const settled: string[] = [];
  let isAway = false;
  const watch = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        if (name === 'keepsOrder') return keepsOrder;
        const method = Reflect.get(target, name) as (...values: unknown[]) => unknown;
        if (name !== 'put') return method.bind(target);
        return async (row: Put, ...rest: unknown[]) => {
          const [collection = ''] = row.sort.split('/');
          called.push(collection);
          if (isAway && collection === away) throw new Unavailable('it is away');
          const version = await method.call(target, row, ...rest);
          settled.push(`${collection} after ${called.length} calls`);
          return version;
        };
      },
    });
  const stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, store: watch(dependencies.store) }) });
  t.after(() => stage.close());
  await stage.join('juliet@a.example/orchard');
  isAway = true;
  called.length = 0;
  settled.length = 0;
  const { incarnation } = (await findAccount(stage.dependencies.store, 'a.example', 'juliet'))!;
  const session = JSON.stringify({ secure: true, failures: 0, local: 'juliet', incarnation });
  const request = { kind: 'step', node: 'n.stage.1', sid: 'another', domain: 'a.example', session } as const;
  const { header } = await stage.ask<StepReply>({ ...request, items: [{ kind: 'stanza', id: 'b', body: true }] }, [bindIq]);
  return { header, called, settled };
}

test('a store that keeps the order of writes is given both at once, in order', async (t) => {
  const { header, called, settled } = await bindWith(t, true);
  assert.equal(header.bound, 'juliet@a.example/balcony');
  assert.deepEqual(called, ['held', 'sessions']);
  assert.deepEqual(settled, ['held after 2 calls', 'sessions after 2 calls']);
});

test('another one is given the session when the other row is durable', async (t) => {
  const { header, called, settled } = await bindWith(t, false);
  assert.equal(header.bound, 'juliet@a.example/balcony');
  assert.deepEqual(called, ['held', 'sessions']);
  assert.deepEqual(settled, ['held after 1 calls', 'sessions after 2 calls']);
});

for (const keepsOrder of [true, false]) {
  for (const away of ['held', 'sessions']) {
    test(`a bind whose '${away}' row is not written is to be tried again, where order is ${keepsOrder ? '' : 'not '}kept`, async (t) => {
      const { header, called } = await bindWith(t, keepsOrder, away);
      assert.equal(header.ok, false);
      assert.equal(header.bound, undefined);
      assert.deepEqual(called, away === 'held' && !keepsOrder ? ['held'] : ['held', 'sessions']);
    });
  }
}
