/**
 * Marks that only a server may set do not come from clients, and none in our name from anybody: messages, presence, subscriptions; XEP-0033,
 * XEP-0203 §6, XEP-0280 §11, XEP-0313 §7.2, XEP-0317, XEP-0359 §3, XEP-0421 §3.1, XEP-0425.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.appear('juliet@a.example/balcony');
  romeo = await stage.appear('romeo@b.example/orchard');
  await stage.befriend(juliet, romeo);
});
afterEach(() => stage.close());

const sid = (by: string): string => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='forged'/>`;
const delay = (from: string): string =>
  `<delay xmlns='urn:xmpp:delay' from='${from}' stamp='2001-01-01T00:00:00Z'>forged</delay>`;
const copied = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>forged</body></message></forwarded>";
const rest = "<origin-id xmlns='urn:xmpp:sid:0' id='o'/>";

for (const [what, mark] of [
  ['an id of the reader’s account', sid('juliet@a.example')],
  ['… in capitals, with a resource', sid('JULIET@A.Example/x')],
  ['… in full-width letters', sid('\uFF4Auliet@a.example')],
  ['… of the reader’s server', sid('a.example')],
  ['… of the sender’s account', sid('ROMEO@b.example')],
  ['… with another prefix', "<s:stanza-id xmlns:s='urn:xmpp:sid:0' by='juliet@a.example' id='forged'/>"],
  ['… three times', sid('a.example') + sid('juliet@a.example') + sid('A.example')],
  ['a delay by the sender’s server', delay('B.example')],
  ['a delay by the reader’s server', delay('a.example.')],
  ['… of the old kind', "<x xmlns='jabber:x:delay' from='a.example' stamp='20010101T00:00:00'>forged</x>"],
  ['a copy of what one received', `<received xmlns='urn:xmpp:carbons:2'>${copied}</received>`],
  ['… with another prefix', `<c:received xmlns:c='urn:xmpp:carbons:2'>${copied}</c:received>`],
  ['… of an older kind', `<sent xmlns='urn:xmpp:carbons:1'>${copied}</sent>`],
  ['a result of an archive', `<result xmlns='urn:xmpp:mam:2' id='forged'>${copied}</result>`],
  ['… of an older one', `<result xmlns='urn:xmpp:mam:0' id='forged'>${copied}</result>`],
  ['an archived mark', "<archived xmlns='urn:xmpp:mam:tmp' by='juliet@a.example' id='forged'/>"],
  ['an occupant id', "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>"],
  ['hats', "<hats xmlns='urn:xmpp:hats:0'><hat uri='x:forged' title='forged'/></hats>"],
  [
    'whom it comes from originally',
    "<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='forged@a.example'/></addresses>",
  ],
  [
    'a moderation',
    "<retract xmlns='urn:xmpp:message-retract:1' id='forged'><moderated xmlns='urn:xmpp:message-moderate:1'/></retract>",
  ],
] as const) {
  test(`${what}: a client cannot send it`, async () => {
    for (const [path, xml] of [
      ['a message', `<message to='${juliet.jid}' type='chat'>${mark}<body>x</body>${rest}</message>`],
      ['a message to the bare JID', `<message to='juliet@a.example' type='chat'>${mark}<body>x</body>${rest}</message>`],
      ['presence to all', `<presence>${mark}<show>away</show>${rest}</presence>`],
      ['directed presence (RFC 6121 §4.6)', `<presence to='${juliet.jid}'>${mark}<show>dnd</show>${rest}</presence>`],
    ] as const) {
      stage.clear();
      await romeo.send(xml);
      const got = await juliet.next();
      assert.doesNotMatch(got, /forged|2001-01-01/, path);
      assert.ok(got.includes(rest), path);
    }
  });
}

test('RFC 6121 §3.1: a request to subscribe carries none of them', async () => {
  const nurse = await stage.appear('nurse@a.example/house');
  stage.clear();
  await romeo.send(
    `<presence to='nurse@a.example' type='subscribe'>${sid('nurse@a.example')}${delay('a.example')}<status>x</status></presence>`,
  );
  const got = await nurse.next();
  assert.match(got, /type='subscribe'/);
  assert.doesNotMatch(got, /forged|2001-01-01/);
});

for (const [what, mark, from] of [
  ['an occupant id of a room', "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/>", 'hall@conference.c.example/Nurse'],
  ['hats of a room', "<hats xmlns='urn:xmpp:hats:0'><hat uri='x:y' title='z'/></hats>", 'hall@conference.c.example/Nurse'],
  ['an id of a room', sid('hall@conference.c.example'), 'hall@conference.c.example/Nurse'],
  ['a delay by a room', delay('hall@conference.c.example'), 'hall@conference.c.example/Nurse'],
  ['a result of a room’s archive', `<result xmlns='urn:xmpp:mam:2' id='1'>${copied}</result>`, 'hall@conference.c.example'],
] as const) {
  test(`${what} passes to the session that is inside`, async () => {
    await stage.arrive('a.example', `<message from='${from}' to='${juliet.jid}' type='headline'>${mark}<body>x</body></message>`);
    assert.ok((await juliet.next()).includes(mark));
  });
}

test('a delay that a client tells of itself passes (XEP-0203 §2)', async () => {
  const own = delay('romeo@b.example/orchard');
  await romeo.send(`<message to='${juliet.jid}' type='chat'>${own}<body>x</body></message>`);
  assert.ok((await juliet.next()).includes(own));
});
