/** What passes a room whole, live and in the archive: XEP-0308, XEP-0444, XEP-0461, XEP-0249 and others; and what does not. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
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

for (const [what, payload] of [
  ['XEP-0308: a correction', `<body>But soft</body><replace xmlns='urn:xmpp:message-correct:0' id='bad1'/>`],
  [
    'XEP-0444: reactions',
    `<reactions xmlns='urn:xmpp:reactions:0' id='01m'><reaction>👋</reaction><reaction>🐢</reaction></reactions><store xmlns='urn:xmpp:hints'/>`,
  ],
  ['XEP-0444: no reactions any more', `<reactions xmlns='urn:xmpp:reactions:0' id='01m'/>`],
  [
    'XEP-0461: a reply with its fallback',
    `<body>&gt; Anna\nGreat</body><reply xmlns='urn:xmpp:reply:0' to='${hall}/Juliet' id='01m'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='7'/></fallback>`,
  ],
  ['XEP-0333: a marker', `<displayed xmlns='urn:xmpp:chat-markers:0' id='01m'/>`],
  ['XEP-0384: a secret', `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/><payload>QQ==</payload></encrypted>`],
  ['XEP-0066: a file', `<body>https://x.example/f</body><x xmlns='jabber:x:oob'><url>https://x.example/f</url></x>`],
] as const) {
  test(`${what} passes and is archived whole`, async () => {
    await romeo.send(`<message to='${hall}' type='groupchat' id='m1'>${payload}</message>`);
    assert.ok(juliet.take()[0]!.includes(payload));
    assert.ok((await readArchive(juliet)).join().includes(payload));
  });
}

test('XEP-0085: typing passes and is not archived', async () => {
  const payload = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`;
  await romeo.send(`<message to='${hall}' type='groupchat'>${payload}</message>`);
  assert.ok(juliet.take()[0]!.includes(payload));
  assert.ok(!(await readArchive(juliet)).join().includes(payload));
});

test('XEP-0249: a direct invitation to another room passes as a private message', async () => {
  const payload = `<x xmlns='jabber:x:conference' jid='tomb@conference.b.example' password='p' reason='come'/>`;
  await romeo.send(`<message to='${hall}/Juliet'>${payload}</message>`);
  assert.ok(juliet.take()[0]!.includes(payload));
});

test('XEP-0421: of two occupant ids that a client sends, none is left, in presence, messages and private ones', async () => {
  const forged =
    "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged1'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged2'/>";
  await romeo.send(`<presence to='${hall}/Romeo'><show>away</show>${forged}</presence>`);
  await romeo.send(`<message to='${hall}' type='groupchat'><body>x</body>${forged}</message>`);
  await romeo.send(`<message to='${hall}/Juliet' type='chat'><body>x</body>${forged}</message>`);
  const ids = juliet.take().map((xml) => {
    assert.doesNotMatch(xml, /forged/);
    return Stanza.parse(xml).childrenOf('urn:xmpp:occupant-id:0').length;
  });
  assert.deepEqual(ids, [1, 1, 1]);
});

test('XEP-0421: the id is the same over nicks and clients, and another in another room', async () => {
  const idOf = (xml: string) => Stanza.parse(xml).child('occupant-id', 'urn:xmpp:occupant-id:0')!.attrs.id!;
  await romeo.say('one');
  await romeo.send(`<presence to='${hall}/Montague'/>`);
  await romeo.say('two');
  const phone = await stage.join('romeo@b.example/phone');
  await phone.enter('Phone');
  await phone.say('three');
  const ids = juliet.take().map(idOf);
  assert.equal(new Set(ids).size, 1);
  await juliet.enter('Juliet', 'other@conference.a.example');
  const [own] = juliet.take();
  await juliet.say('x');
  assert.notEqual(idOf(own!), idOf(juliet.take()[0]!));
});

test('XEP-0410: a self-ping is answered by the room while one is inside, by not-acceptable when not', async () => {
  const ping = (nick: string) => romeo.send(`<iq to='${hall}/${nick}' type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await ping('Romeo');
  assert.deepEqual(romeo.heard(), ['iq result Romeo']);
  await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
  romeo.take();
  for (const nick of ['Romeo', 'Juliet', 'Nobody']) {
    await ping(nick);
    assert.deepEqual(romeo.heard(), ['error not-acceptable cancel']);
  }
});

for (const [what, xml, error] of [
  ['to all', `<message to='${hall}' type='groupchat'><body>x</body></message>`, 'error not-acceptable modify'],
  ['to one', `<message to='${hall}/Juliet' type='chat'><body>x</body></message>`, 'error not-acceptable modify'],
  ['a subject', `<message to='${hall}' type='groupchat'><subject>x</subject></message>`, 'error not-acceptable modify'],
  [
    'an invitation',
    `<message to='${hall}'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='nurse@b.example'/></x></message>`,
    'error not-acceptable modify',
  ],
  [
    'a request for voice',
    `<message to='${hall}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field></x></message>`,
    'error not-acceptable modify',
  ],
  ['an ordinary message', `<message to='${hall}'><body>x</body></message>`, 'error bad-request modify'],
] as const) {
  test(`§7.4: who is not inside sends ${what}: ${error}`, async () => {
    const stranger = await stage.join('stranger@b.example/x');
    const nurse = await stage.appear('nurse@b.example/x');
    await stranger.send(xml);
    assert.deepEqual(stranger.heard(), [error]);
    assert.deepEqual(juliet.heard(), []);
    assert.deepEqual(nurse.take(), []);
  });
}
