/** The page of the processes: each with its state, and with its release where processes are told of one. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Heartbeat } from '../../lib/runtime/nodes.ts';
import { type Ground, openGround } from './ground.ts';

let ground: Ground;
let hearts: Heartbeat[];
beforeEach(async () => {
  ground = await openGround();
  hearts = [];
});
afterEach(async () => {
  for (const heart of hearts) await heart.stop();
  await ground.close();
});

async function join(name: string, release?: string): Promise<void> {
  const { store, clock } = ground.stage.dependencies;
  const own = release === undefined ? {} : { release: { service: 'connection', id: release } };
  const about = { kind: 'connection', name, subject: `n.${name}.abc`, ...own } as const;
  hearts.push(await Heartbeat.start({ store, clock, onError: () => {}, ...about }));
}

test('a node that does not answer is shown as silent, and nothing of releases where there are none', async () => {
  await join('c1');
  const { text } = await (await ground.operator()).get('/console/nodes');
  assert.match(text, />c1<[\s\S]*>silent</);
  assert.doesNotMatch(text, /Release/);
});

test('while a deploy goes on, the page and the API tell the old release from the new one', async () => {
  await join('c1', 'td:41');
  await join('c2', 'td:42');
  const { text } = await (await ground.operator()).get('/console/nodes');
  assert.match(text, /<th scope="col">Release<\/th>/);
  assert.match(text, />c1<[\s\S]*<code>td:41<\/code>[\s\S]*>c2<[\s\S]*<code>td:42<\/code>/);
  const { nodes } = await ground.operate<{ nodes: { name: string; release?: string }[] }>('status', {});
  const releases = nodes.filter(({ name }) => /^c\d$/.test(name)).map(({ name, release }) => `${name} ${release}`);
  assert.deepEqual(releases, ['c1 td:41', 'c2 td:42']);
});
