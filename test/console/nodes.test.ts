/** The page of the processes: each with its state, and with its release where processes are told of one. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { serveControl } from '../../lib/runtime/control.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
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

test('a node that drains can be told to take streams again; what it says against it is told, and an older program does not know how', async () => {
  const { bus, log } = ground.stage.dependencies;
  const asked: string[] = [];
  const nodes: Readonly<Record<string, string | undefined>> = { c1: undefined, c2: 'a newer release runs' };
  for (const [name, why] of Object.entries(nodes)) {
    await join(name);
    await serveControl(bus, `n.${name}.abc`, {
      ...{ log, figures: () => ({}), isDraining: () => name === 'c2' || !asked.includes(name) },
      drain: () => undefined,
      undrain: async () => {
        asked.push(name);
        return why;
      },
    });
  }
  await join('c3');
  const old = encodeFrame({ isDraining: true, figures: {} });
  await bus.serve('ctl.n.c3.abc', () => old);
  const operator = await ground.operator();
  assert.match((await operator.get('/console/nodes')).text, /c1[\s\S]*node-undrain[^>]*>Take streams again<[\s\S]*c2/);
  assert.equal((await operator.does('node-undrain', { node: 'n.c1.abc' })).status, 303);
  assert.match((await operator.get('/console/nodes')).text, /c1[\s\S]*node-drain[^>]*>Drain<[\s\S]*c2/);
  const told = async (node: string) => (await operator.does('node-undrain', { node })).text;
  assert.match(await told('c2'), /node &#39;c2&#39; cannot take streams again: a newer release runs/);
  assert.match(await told('c3'), /node &#39;c3&#39; cannot take streams again: it does not know how/);
  assert.match(await told('c4'), /there is no node &#39;c4&#39;; there are: c1, c2, c3/);
  assert.deepEqual(asked, ['c1', 'c2']);
});
