/** XEP-0288 on streams that others open to us: it is not offered, and whoever asks for it is served as if it had not. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { type Caller, InboundDoor } from './inbound-door.ts';

const request = `<bidi xmlns='urn:xmpp:bidi'/>`;
const feature = `<bidi xmlns='urn:xmpp:features:bidi'/>`;
const key = (peer: string) => `<db:result from='${peer}' to='a.example'>key</db:result>`;
const message = (peer: string) => `<message from='nurse@${peer}' to='juliet@a.example'><body>hello</body></message>`;

let door: InboundDoor;
beforeEach(async () => {
  door = await InboundDoor.open();
});

async function opened(peer: string): Promise<Caller> {
  const caller = door.connect('192.0.2.1');
  await caller.open(peer);
  assert.doesNotMatch(caller.heard(), /bidi/);
  return caller;
}

for (const [what, before, after] of [
  ['before proof', request, ''],
  ['after proof, as ejabberd before 26.07', '', request],
  ['by the namespace of the feature, as ejabberd 24.10', feature, ''],
  ['twice', request + request, request],
] as const) {
  test(`whoever asks for it ${what} proves its domain, sends, and hears nothing of it`, async () => {
    for (const peer of ['x.example', 'y.example']) {
      const caller = await opened(peer);
      await caller.say(before + key(peer));
      assert.match(caller.heard(), /^<db:result [^>]*type=["']valid["'][^>]*\/>$/);
      await caller.say(after + message(peer));
      assert.equal(caller.heard(), '');
      assert.ok(!caller.hasEnded);
    }
    assert.equal(door.taken, 2);
  });
}

test('whoever asks for it and sends without proof is refused', async () => {
  const caller = await opened('x.example');
  await caller.say(request + message('x.example'));
  assert.match(caller.heard(), /<not-authorized /);
  assert.equal(door.taken, 0);
});

test('it changes nothing in whom a stream is for', async () => {
  const caller = await opened('x.example');
  await caller.say(request + key('x.example'));
  caller.heard();
  await caller.say(message('y.example'));
  assert.match(caller.heard(), /<invalid-from /);
});

test('RFC 7590: before TLS nothing is taken but the request for TLS', async () => {
  const caller = door.connect('192.0.2.1', { isSecure: false });
  await caller.open('x.example');
  assert.doesNotMatch(caller.heard(), /bidi/);
  await caller.say(request);
  assert.match(caller.heard(), /<policy-violation /);
  assert.ok(caller.hasEnded);
});
