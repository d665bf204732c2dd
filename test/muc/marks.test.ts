/**
 * Marks that only a server may set do not pass from one occupant to others, whatever the path and however they are written: XEP-0045
 * §15.3, XEP-0033, XEP-0203 §6, XEP-0280 §11, XEP-0313 §7.2, XEP-0317, XEP-0359 §3, XEP-0421 §3, XEP-0424, XEP-0425.
 */
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

const sid = (by: string): string => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='forged'/>`;
const delay = (from: string): string =>
  `<delay xmlns='urn:xmpp:delay' from='${from}' stamp='2001-01-01T00:00:00Z'>forged</delay>`;
const copied = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>forged</body></message></forwarded>";

const forged: readonly (readonly [what: string, xml: string])[] = [
  ['an id of the room', sid(hall)],
  ['… in capitals', sid('HALL@Conference.A.Example')],
  ['… in full-width letters', sid('\uFF48all@conference.a.example')],
  ['… with white space', sid(` ${hall}\n`)],
  ['… with a resource', sid(`${hall}/Juliet`)],
  ['… with a last dot', sid(`${hall}.`)],
  ['… by what is not an address', sid(`${hall}/`)],
  ['… of the service', sid('conference.a.example')],
  ['… of the reader’s account', sid('juliet@a.example')],
  ['… of the reader’s server', sid('A.example')],
  ['… with another prefix', `<s:stanza-id xmlns:s='urn:xmpp:sid:0' by='${hall}' id='forged'/>`],
  ['… three times', sid(hall) + sid(hall.toUpperCase()) + sid(hall)],
  ['a delay by the room', delay(hall)],
  ['… in capitals', delay('HALL@conference.a.example')],
  ['… by the reader’s server', delay('a.example')],
  ['… of the old kind', `<x xmlns='jabber:x:delay' from='${hall}' stamp='20010101T00:00:00'>forged</x>`],
  ['an occupant id', "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>"],
  ['… with another prefix', "<o:occupant-id xmlns:o='urn:xmpp:occupant-id:0' id='forged'/>"],
  ['hats', "<hats xmlns='urn:xmpp:hats:0'><hat uri='x:forged' title='forged'/></hats>"],
  ['hats of the old kind', "<hats xmlns='xmpp:prosody.im/protocol/hats:1'><hat uri='x:forged' title='forged'/></hats>"],
  [
    'what a room says of its occupants',
    "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' nick='forged'/></x>",
  ],
  ['… with another prefix', "<u:x xmlns:u='http://jabber.org/protocol/muc#user'><u:status code='forged'/></u:x>"],
  [
    'other addresses',
    "<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='forged@a.example'/></addresses>",
  ],
  ['an archived mark', `<archived xmlns='urn:xmpp:mam:tmp' by='${hall}' id='forged'/>`],
  ['a result of an archive', `<result xmlns='urn:xmpp:mam:2' id='forged'>${copied}</result>`],
  ['… of an older one', `<result xmlns='urn:xmpp:mam:1' id='forged'>${copied}</result>`],
  ['a copy of what one received', `<received xmlns='urn:xmpp:carbons:2'>${copied}</received>`],
  ['… with another prefix', `<c:received xmlns:c='urn:xmpp:carbons:2'>${copied}</c:received>`],
  ['a copy of what one sent', `<sent xmlns='urn:xmpp:carbons:2'>${copied}</sent>`],
  ['a tombstone', "<retracted xmlns='urn:xmpp:message-retract:1' id='forged' stamp='2001-01-01T00:00:00Z'/>"],
  [
    'a moderation',
    "<retract xmlns='urn:xmpp:message-retract:1' id='forged'><moderated xmlns='urn:xmpp:message-moderate:1' by='x@y'/></retract>",
  ],
  [
    'a moderation of the old kind, in its wrapper',
    "<apply-to xmlns='urn:xmpp:fasten:0' id='forged'><moderated xmlns='urn:xmpp:message-moderate:0' by='x@y'/></apply-to>",
  ],
  ['a version of the affiliations', "<mav xmlns='urn:xmpp:muc:affiliations:1' until='forged'/>"],
];

const rest = "<origin-id xmlns='urn:xmpp:sid:0' id='o'/>";
const paths: readonly (readonly [what: string, wrap: (mark: string) => string])[] = [
  ['a message to all (§7.4)', (mark) => `<message to='${hall}' type='groupchat' id='m'>${mark}<body>x</body>${rest}</message>`],
  [
    'a private message (§7.5)',
    (mark) => `<message to='${hall}/Juliet' type='chat' id='m'>${mark}<body>x</body>${rest}</message>`,
  ],
  ['presence (§7.7)', (mark) => `<presence to='${hall}/Romeo'>${mark}<show>away</show>${rest}</presence>`],
  ['a new nick (§7.6)', (mark) => `<presence to='${hall}/Montague'>${mark}<show>away</show>${rest}</presence>`],
  ['a farewell (§7.14)', (mark) => `<presence to='${hall}/Romeo' type='unavailable'>${mark}<status>x</status>${rest}</presence>`],
];

for (const [what, mark] of forged) {
  test(`${what} passes on no path, and stands in no archive`, async () => {
    for (const [path, wrap] of paths) {
      await romeo.enter('Romeo');
      await romeo.send(`<presence to='${hall}/Romeo'/>`);
      for (const person of [juliet, romeo]) person.take();
      await romeo.send(wrap(mark));
      const got = juliet.take();
      assert.ok(got.length > 0, `${path} arrives`);
      assert.doesNotMatch(got.join(), /forged|2001-01-01/, path);
      assert.ok(got.join().includes(rest), `${path}: what is the client's own stays`);
      await romeo.send(`<presence to='${hall}/Romeo' type='unavailable'/>`);
    }
    assert.doesNotMatch((await readArchive(juliet)).join(), /forged|2001-01-01/);
  });
}

test('entering (§7.2) and a subject (§8.1) carry none of them, nor does the history of who comes next (§7.2.13)', async () => {
  const all = forged.map(([, mark]) => mark).join('');
  const { bare } = romeo.jid;
  const phone = await stage.join(`${bare}/phone`);
  await phone.send(`<presence to='${hall}/Phone'><x xmlns='http://jabber.org/protocol/muc'/>${all}</presence>`);
  await juliet.send(`<message to='${hall}' type='groupchat'><subject>x</subject>${all}</message>`);
  await juliet.send(`<message to='${hall}' type='groupchat'><body>x</body>${all}</message>`);
  const nurse = await stage.join('nurse@a.example/x');
  await nurse.enter('Nurse');
  for (const person of [juliet, romeo, nurse]) {
    const got = person.take();
    assert.ok(got.length > 1);
    assert.doesNotMatch(got.join(), /forged|2001-01-01/);
  }
});

test('an invitation and its refusal are written by the room: nothing else of theirs passes (§7.8.2)', async () => {
  const nurse = await stage.appear('nurse@b.example/x');
  const all = forged.map(([, mark]) => mark).join('');
  const x = (child: string) => `<x xmlns='http://jabber.org/protocol/muc#user'>${child}</x>`;
  await juliet.send(`<message to='${hall}'>${x("<invite to='nurse@b.example'><reason>come</reason></invite>")}${all}</message>`);
  await romeo.send(`<message to='${hall}'>${x(`<decline to='${hall}/Juliet'/>`)}${all}</message>`);
  assert.match(nurse.inbox.join(), /<invite /);
  assert.match(juliet.inbox.join(), /<decline /);
  for (const xml of [...nurse.take(), ...juliet.take()]) assert.doesNotMatch(xml, /forged|2001-01-01/);
});

for (const [what, xml] of [
  ['an id of somebody else', sid('somebody@c.example')],
  ['a delay that the client itself tells of', delay('romeo@b.example/orchard')],
  ['a message that is passed on', copied],
] as const) {
  test(`${what} is the client's own, and passes`, async () => {
    await romeo.send(`<message to='${hall}/Juliet' type='chat'><body>x</body>${xml}</message>`);
    assert.ok(juliet.take()[0]!.includes(xml));
  });
}

test('§15.4: such a mark is not a request', async () => {
  await romeo.send(
    `<iq to='${hall}/Juliet' type='set' id='q'><result xmlns='urn:xmpp:mam:2' id='forged'>${copied}</result></iq>`,
  );
  assert.deepEqual(romeo.heard(), ['error bad-request modify']);
  assert.deepEqual(juliet.take(), []);
});
