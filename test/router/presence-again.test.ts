/** Presence that is told behind what was said since (services/router/presence/presence-again.ts): the last word is the last said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { updateSessions } from '../../lib/runtime/sessions.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const status = (text: string) => `<presence><status>${text}</status></presence>`;

/** A stage whose deliveries of what has `text` within wait, once that is wished, until they are let go. */
async function openSlowStage(
  text: string,
): Promise<{ stage: RouterStage; hold: () => { held: Promise<void>; letGo: () => void } }> {
  let gate: { arrived: () => void; open: Promise<void> } | undefined;
  const stage = await openRouter({
    wrap: (dependencies) => ({
      ...dependencies,
      deliverer: new Proxy(dependencies.deliverer, {
        get: (target, name) =>
          name !== 'give'
            ? Reflect.get(target, name)
            : (...giving: Parameters<typeof target.give>) => {
                if (gate === undefined || !giving[0].xml.includes(text)) return target.give(...giving);
                gate.arrived();
                void gate.open.then(() => target.give(...giving));
                return 1; // all who hear it here are at one node
              },
      }),
    }),
  });
  const hold = () => {
    const [held, open] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    gate = { arrived: held.resolve, open: open.promise };
    return {
      held: held.promise,
      letGo: () => {
        gate = undefined;
        open.resolve();
      },
    };
  };
  return { stage, hold };
}

async function longEnough(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2 * routerLimits.lookAgainMs));
}

function lastStatus(actor: BatchActor): string | undefined {
  return /<status>(.*?)<\/status>/.exec(actor.inbox.at(-1) ?? '')?.[1];
}

test('presence that comes to another router once more is not the last that contacts hear', async (t) => {
  const { stage, hold } = await openSlowStage('old');
  t.after(() => stage.close());
  const [juliet, romeo] = [await stage.appear('juliet@a.example/balcony'), await stage.appear('romeo@a.example/orchard')];
  await stage.befriend(juliet, romeo);
  const id = stage.mint();
  await juliet.send(status('old'), id);
  const { held, letGo } = hold();
  const again = juliet.send(status('old'), id);
  await held;
  await juliet.send(status('new'));
  await longEnough();
  letGo();
  await again;
  assert.ok(romeo.inbox.filter((xml) => xml.includes('old')).length === 2, romeo.inbox.join('\n'));
  assert.equal(lastStatus(romeo), 'new');
});

test('the end of a session shows who has its resource now as it is, not as it was when that was read', async (t) => {
  const { stage, hold } = await openSlowStage('old');
  t.after(() => stage.close());
  const [first, romeo] = [await stage.appear('juliet@a.example/balcony'), await stage.appear('romeo@a.example/orchard')];
  await stage.befriend(first, romeo);
  // The next one has bound the resource while the first one's node could not be asked: both entries are there.
  let entry: object | undefined;
  await updateSessions(stage.dependencies.store, { domain: 'a.example', local: 'juliet' }, (sessions) => {
    entry = sessions.find(({ sid }) => sid === first.sid);
    return sessions;
  });
  const heir = await stage.join('juliet@a.example/balcony');
  await heir.send(status('old'));
  await updateSessions(stage.dependencies.store, { domain: 'a.example', local: 'juliet' }, (sessions) => [
    ...sessions.filter(({ sid }) => sid !== first.sid),
    entry as (typeof sessions)[number],
  ]);
  const { held, letGo } = hold();
  const ended = first.end();
  await held;
  await heir.send(status('new'));
  await longEnough();
  letGo();
  await ended;
  assert.equal(lastStatus(romeo), 'new', romeo.inbox.join('\n'));
});
