/** Cleaning up after the dead beside the looks at the living (services/router/sessions/reaper.ts). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../lib/ports/store.ts';
import { condemnNode, Heartbeat, type LiveNode, listNodes } from '../../lib/runtime/nodes.ts';
import { markHeld, readSessions, updateSessions } from '../../lib/runtime/sessions.ts';
import type { AccountFeature } from '../../services/router/core/feature.ts';
import { FeatureIndex } from '../../services/router/core/feature-index.ts';
import { Reaper } from '../../services/router/sessions/reaper.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const owner = (local: string) => ({ domain: 'a.example', local });

/** A node that has died, with one session. */
async function die(stage: RouterStage, name: string, local: string): Promise<LiveNode> {
  const { store, clock } = stage.dependencies;
  const subject = `n.${name}.1`;
  const onError = (error: unknown) => assert.fail(`${error}`);
  const heartbeat = await Heartbeat.start({ store, clock, kind: 'connection', name, subject, onError });
  heartbeat.abandon();
  const address = { node: subject, sid: `s-${name}` };
  await stage.register(`${local}@a.example`);
  await markHeld(store, address, owner(local));
  const entry = { ...address, resource: 'r', boundAt: 0, available: false, priority: 0 };
  await updateSessions(store, owner(local), () => [entry]);
  return (await listNodes(store)).find((node) => node.subject === subject)!;
}

test('a node that takes long does not keep a second one waiting, nor the looks', async (t) => {
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  /** Reads of this account's rows wait. */
  const slow = (store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        const method = Reflect.get(target, name) as ((...values: unknown[]) => unknown) | undefined;
        if (typeof method !== 'function') return method;
        return async (...values: unknown[]) => {
          if (isGated && JSON.stringify(values[0]).includes('a.example/a/first')) await gate;
          return method.apply(target, values);
        };
      },
    });
  let isGated = false;
  const stage = await openRouter({ wrap: (dependencies) => ({ ...dependencies, store: slow(dependencies.store) }) });
  t.after(() => stage.close());
  const sessions = async (local: string) => (await readSessions(stage.dependencies.store, [owner(local)]))[0]!;
  const first = await die(stage, 'one', 'first');
  const second = await die(stage, 'two', 'second');
  const reaper = new Reaper(stage.dependencies);
  isGated = true;
  reaper.clean([first]);
  reaper.clean([first, second]);
  for (let tries = 0; (await sessions('second')).length > 0; tries++) {
    assert.ok(tries < 200, 'the second one is cleaned up after');
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  open();
  isGated = false;
  for (let tries = 0; (await listNodes(stage.dependencies.store)).length > 0; tries++) {
    assert.ok(tries < 200, 'so is the first one');
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  assert.deepEqual(await sessions('first'), []);
  await reaper.stop();
});

test('one that is stopped leaves the rest to others', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const node = await die(stage, 'one', 'first');
  const reaper = new Reaper(stage.dependencies);
  await reaper.stop();
  reaper.clean([node]);
  assert.equal(await condemnNode(stage.dependencies.store, node), true, 'nobody has begun');
  new Reaper(stage.dependencies).clean([node]);
  for (let tries = 0; (await listNodes(stage.dependencies.store)).length > 0; tries++) {
    assert.ok(tries < 200, 'another one cleans up');
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
});

test('lists are read in turn: each of them in as many rounds as it takes, or all of them each time', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const names = Array.from({ length: 10 }, (_, number) => `list-${number}`);
  const rounds: (readonly string[])[] = [];
  const sweep: AccountFeature['sweep'] = async (_, turn) => void rounds.push(turn(names));
  const all = [{ spec: 'XEP-0000', version: '1', title: 'of lists', sweep }];
  const dependencies = { ...stage.dependencies, features: new FeatureIndex(all) };
  const clean = async (reaper: Reaper, times: number) => {
    for (let time = 0; time < times; time++) {
      reaper.clean([]);
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    await reaper.stop();
    return rounds.splice(0);
  };
  const inTurn = await clean(new Reaper(dependencies, { features: 3 }), 4);
  assert.deepEqual(
    inTurn.map(({ length }) => length),
    [3, 3, 3, 3],
  );
  assert.deepEqual([...new Set(inTurn.flat())].sort(), names);
  const atOnce = await clean(new Reaper(dependencies), 2);
  assert.deepEqual(
    atOnce.map((round) => [...round].sort()),
    [names, names],
  );
});
