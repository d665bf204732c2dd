/**
 * What a session leaves behind when it is over: what was for it alone, or was missed, comes with the next catch-up although the cursor
 * has passed it, once; what others have got does not.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { leaveMark } from '../../lib/runtime/resync.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { updateSession } from '../../lib/runtime/sessions.ts';
import { reapNode } from '../../services/router/sessions/reaper.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

let stage: RouterStage;
let number = 0;
before(async () => {
  stage = await openRouter();
});
after(() => stage.close());

const node = 'n.stage.1';
const account = () => `u${number++}@a.example`;

async function say(to: string, text: string): Promise<string> {
  const id = stage.mint();
  const xml = `<message from='romeo@b.example/orchard' to='${to}' type='chat'><body>${text}</body></message>`;
  assert.ok((await stage.arrive('a.example', xml, id)).ok);
  return id;
}

function bodies({ inbox }: BatchActor): string[] {
  return inbox.flatMap((xml) => /<body>([^<]*)</.exec(xml)?.[1] ?? []);
}

async function acknowledge(actor: BatchActor, ...ids: string[]): Promise<void> {
  await actor.step([{ kind: 'delivered', ids }], []);
}

test('of a session that ends: what was to its full JID and not acknowledged', async () => {
  const bare = account();
  const one = await stage.appear(`${bare}/one`);
  const two = await stage.appear(`${bare}/two`);
  const alone = await say(`${bare}/one`, 'alone');
  const acknowledged = await say(`${bare}/one`, 'acknowledged');
  const both = await say(bare, 'both');
  await acknowledge(one, acknowledged);
  await acknowledge(two, both);
  await one.step([{ kind: 'end', undelivered: [alone, both] }], []);
  const three = await stage.appear(`${bare}/three`);
  three.inbox.length = 0;
  const four = await stage.join(`${bare}/four`);
  await four.send('<presence/>');
  assert.deepEqual(bodies(four), [], 'the third one has got it');
  await two.end();
});

test('comes to the next session, in order, and not again when it was acknowledged', async () => {
  const bare = account();
  const one = await stage.appear(`${bare}/one`);
  const two = await stage.appear(`${bare}/two`);
  const ids = [await say(`${bare}/one`, 'a'), await say(`${bare}/one`, 'b')];
  await acknowledge(two, await say(bare, 'later'));
  await one.step([{ kind: 'end', undelivered: ids }], []);
  const three = await stage.join(`${bare}/three`);
  await three.send('<presence/>');
  assert.deepEqual(bodies(three), ['a', 'b']);
  const four = await stage.join(`${bare}/four`);
  await four.send('<presence/>');
  assert.deepEqual(bodies(four), []);
});

test('is not given to others while the session that it is for is there', async () => {
  const bare = account();
  await stage.appear(`${bare}/one`);
  await say(`${bare}/one`, 'mine');
  const two = await stage.join(`${bare}/two`);
  await two.send('<presence/>');
  assert.deepEqual(bodies(two), []);
});

test('of a session whose node died: what came to its full JID of late, and what its resync mark names when it was alone', async () => {
  for (const isMarked of [true, false]) {
    const bare = account();
    const one = await stage.appear(`${bare}/one`);
    const missed = await say(bare, 'missed');
    const alone = await say(`${bare}/one`, 'alone');
    if (isMarked) await leaveMark(stage.dependencies.store, { node, sid: one.sid }, missed);
    const two = isMarked ? undefined : await stage.appear(`${bare}/two`);
    await acknowledge(two ?? one, await say(bare, 'later'));
    await reapNode(stage.dependencies, node);
    const three = await stage.join(`${bare}/three`);
    await three.send('<presence/>');
    assert.deepEqual(bodies(three), isMarked ? ['missed', 'alone'] : ['alone']);
    void alone;
  }
});

test('a resumed session gets what is its own although another one has acknowledged it, and nothing that it has', async () => {
  const bare = account();
  const one = await stage.appear(`${bare}/one`);
  const two = await stage.appear(`${bare}/two`);
  const has = await say(bare, 'has');
  const missed = await say(bare, 'missed');
  await say(`${bare}/two`, 'of the other');
  const last = await say(bare, 'missed too');
  await acknowledge(two, has, missed, last);
  one.inbox.length = 0;
  await one.step([{ kind: 'catchUp', after: '', seen: [has], missed: has }], []);
  assert.deepEqual(bodies(one), ['missed', 'missed too']);
  one.inbox.length = 0;
  await one.step([{ kind: 'catchUp', after: '', seen: [has] }], []);
  assert.deepEqual(bodies(one), [], 'without a gap there is nothing');
});

test('a batch of a session that was taken for dead ends its stream', async () => {
  const requests = [
    `<message to='romeo@b.example' type='chat'><body>x</body></message>`,
    '<presence><show>away</show></presence>',
    `<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`,
    `<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`,
  ];
  for (const xml of requests) {
    const bare = account();
    const actor = await stage.appear(`${bare}/one`);
    const owner = { domain: 'a.example', local: bare.split('@')[0]! };
    const parked = { deadline: Date.now() + serviceLimits.resumeTimeoutMs, by: node };
    await updateSession(stage.dependencies.store, owner, actor.sid, (entry) => ({ ...entry, node: '', parked }));
    await actor.send(xml);
    assert.equal(actor.closed, 'reset', xml);
  }
});
