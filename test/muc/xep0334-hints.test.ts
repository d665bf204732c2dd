/** XEP-0334 in rooms: a hint decides whether the archive keeps a message; everybody inside sees it in either case. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { hall, openHallForTwo, readArchive } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  ({ juliet, romeo } = await openHallForTwo(stage));
});
afterEach(() => stage.close());

const hint = (name: string) => `<${name} xmlns='urn:xmpp:hints'/>`;
const typing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

for (const [what, payload, isKept] of [
  ['a body', '<body>But soft</body>', true],
  ['a body with no-store', `<body>But soft</body>${hint('no-store')}`, false],
  ['a body with no-permanent-store', `<body>But soft</body>${hint('no-permanent-store')}`, false],
  ['a body with both store and no-store', `<body>But soft</body>${hint('store')}${hint('no-store')}`, false],
  ['a body with no-store of another namespace', "<body>But soft</body><no-store xmlns='urn:example:hints'/>", true],
  ['a body with no-copy', `<body>But soft</body>${hint('no-copy')}`, true],
  ['typing', typing, false],
  ['typing with store', `${typing}${hint('store')}`, true],
] as const) {
  test(`XEP-0334 §4: ${what} is ${isKept ? '' : 'not '}archived, and reaches everybody`, async () => {
    await romeo.send(`<message to='${hall}' type='groupchat' id='m1'>${payload}</message>`);
    assert.ok(juliet.take().join().includes(payload), 'Juliet sees it');
    assert.ok(romeo.take().join().includes(payload), 'Romeo sees it');
    assert.equal((await readArchive(juliet)).join().includes(payload), isKept);
  });
}
