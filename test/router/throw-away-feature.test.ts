/** A feature of accounts is one file: this one is added to the list, used, and removed again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSessions } from '../../lib/runtime/sessions.ts';
import type { AccountFeature } from '../../services/router/core/feature.ts';
import { sessionPart } from '../../services/router/core/session-part.ts';
import { features } from '../../services/router/features/index.ts';
import { openRouter } from '../support/stage/router-stage.ts';
import { bellNs, throwAway } from './throw-away-feature.ts';

const ring = `<iq id='1' type='set'><ring xmlns='${bellNs}'/></iq>`;
const rung = (to: string, own: number, all: number) =>
  `<iq id='1' type='result' to='${to}'><rung xmlns='${bellNs}' own='${own}' all='${all}'/></iq>`;
const info = (to: string) => `<iq id='2' type='get' to='${to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`;

async function open(list: readonly AccountFeature[]) {
  const stage = await openRouter({ features: list });
  const juliet = await stage.appear('juliet@a.example/balcony');
  return { stage, juliet, knows: async (to: string) => (await juliet.send(info(to))) && (await juliet.next()).includes(bellNs) };
}

test('it is announced, answers, keeps a row and a part of the session, and takes part in a message', async (t) => {
  const { stage, juliet, knows } = await open([...features, throwAway]);
  t.after(() => stage.close());
  const chamber = await stage.join('juliet@a.example/chamber');
  assert.deepEqual([await knows('a.example'), await knows('juliet@a.example')], [true, true]);
  await stage.play(
    [juliet, 'sends', ring],
    [juliet, 'receives', rung('juliet@a.example/balcony', 1, 1)],
    [juliet, 'sends', ring],
    [juliet, 'receives', rung('juliet@a.example/balcony', 2, 2)],
    [chamber, 'sends', ring],
    [chamber, 'receives', rung('juliet@a.example/chamber', 1, 3)],
  );
  const [sessions] = await readSessions(stage.dependencies.store, [{ domain: 'a.example', local: 'juliet' }]);
  assert.deepEqual(
    sessions!.map((entry) => (entry as unknown as { bellRings?: number }).bellRings),
    [2, 1],
  );
  const stranger = await stage.appear('mercutio@b.example/street');
  for (const from of [await stage.appear('romeo@a.example/orchard'), stranger]) {
    await from.send(`<message type='chat' to='juliet@a.example/balcony'><body>hark</body></message>`);
    assert.match(await juliet.next(), /<body>hark<\/body>.*<rung [^>]*all=["']3["']/);
  }
  await stranger.send(ring);
  assert.match(await stranger.next(), /own=["']1["'] all=["']1["']/, 'the other tenant has a bell of its own');
});

test('when it is removed nothing is left of it', async (t) => {
  const { stage, juliet, knows } = await open(features);
  t.after(() => stage.close());
  assert.deepEqual([await knows('a.example'), await knows('juliet@a.example')], [false, false]);
  await juliet.send(ring);
  assert.match(await juliet.next(), /service-unavailable/);
});

test('two parts of a session cannot have the same key, nor one that the entry has already', () => {
  for (const name of ['bellRings', 'carbons', 'wanted', 'sid', 'presence'])
    assert.throws(() => sessionPart(name), /is declared twice/);
});
