/** Two resources of an account change the same items at the same time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Key, Store } from '../../lib/ports/store.ts';
import { type BatchActor, openRouter } from '../support/stage/router-stage.ts';
import { config, create, items, publish, purge, retract } from './pep-requests.ts';

/** Holds back what deletes rows of items, until it is let go. */
class Gate {
  readonly reached = Promise.withResolvers<void>();
  readonly open = Promise.withResolvers<void>();

  wrap(store: Store): Store {
    return new Proxy(store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | boolean | undefined;
        if (typeof method !== 'function') return method;
        return async (...values: unknown[]) => {
          if (name === 'delete' && (values[0] as Key).sort.startsWith('pepItem/')) {
            this.reached.resolve();
            await this.open.promise;
          }
          return method.apply(target, values);
        };
      },
    });
  }
}

async function ask(actor: BatchActor, xml: string): Promise<string> {
  await actor.send(xml);
  return actor.next();
}

const payload = (text: string) => `<x xmlns='urn:x'>${text}</x>`;

for (const [what, request, itemsMax] of [
  ['retracted', retract('n', 'x'), '5'],
  ['purged', purge('n'), '5'],
  ['pushed out', publish('n', 'y', payload('other')), '1'],
] as const) {
  test(`an item that one resource publishes while another has ${what} it is kept`, async (t) => {
    const gate = new Gate();
    const stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, store: gate.wrap(dependencies.store) }) });
    t.after(() => stage.close());
    const balcony = await stage.join('juliet@a.example/balcony');
    const chamber = await stage.join('juliet@a.example/chamber');
    await ask(balcony, create('n', config({ max_items: itemsMax })));
    await ask(balcony, publish('n', 'x', payload('before')));
    const dropping = ask(balcony, request);
    await gate.reached.promise;
    const publishing = ask(chamber, publish('n', 'x', payload('after')));
    // where it pushes out something itself it waits at the gate, too: by then its item is written
    await Promise.race([publishing, pause(200)]);
    gate.open.resolve();
    assert.match(await dropping, /type='result'/);
    assert.match(await publishing, /type='result'/);
    const answer = await ask(chamber, items('n'));
    assert.ok(answer.includes(`<item id='x'>${payload('after')}</item>`), answer);
  });
}
