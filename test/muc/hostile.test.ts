/** What a room must not fall for. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { successor } from '../../services/muc/core/archive-id.ts';
import { decorate } from '../../services/muc/core/sending.ts';
import { roomLimits } from '../../services/muc/limits.ts';
import { adminSet, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const muc = 'http://jabber.org/protocol/muc';
let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/orchard');
});
afterEach(() => stage.close());

for (const [what, nick] of [
  ['nothing', ''],
  ['a right-to-left override', 'Rom\u202Eoe'],
  ['a zero-width space', 'Juliet\u200B'],
  ['a soft hyphen', 'Ju\u00ADliet'],
  ['a line end', 'Ro&#10;meo'],
  ['spaces only', '   '],
  ['no-break spaces only', '\u00A0\u00A0'],
  ['too long', 'x'.repeat(roomLimits.nickBytesMax + 1)],
] as const) {
  test(`a nick of ${what} is refused`, async () => {
    // The connection node has prepared what can be; what is left must be refused here, with an error and not with silence.
    const reply = await stage
      .request(romeo, `<presence to="${hall}/${nick}"><x xmlns='${muc}'/></presence>`, stage.ids.mint())
      .catch((error: unknown) => ({ ok: /jid-malformed/.test(String(error)) }));
    assert.equal(reply.ok, true);
    assert.deepEqual(juliet.heard(), []);
    for (const line of romeo.heard()) assert.match(line, /^error (?:not-acceptable|jid-malformed) modify$/);
  });
}

for (const nick of [' Juliet ', 'JULIET', 'Ｊｕｌｉｅｔ', 'ᴶuliet', 'Јuliet', 'juliеt', 'Julıet', 'jυliετ']) {
  test(`'${nick}' cannot pass for Juliet`, async () => {
    await romeo.enter(nick);
    assert.deepEqual(romeo.heard(), ['error conflict cancel']);
  });
}

for (const nick of ['JULIET', 'Јuliet', 'Ｐaris', 'Pаris', 'Juliet\u200B']) {
  test(`whoever is inside cannot become '${nick}', who is somebody else or will be`, async () => {
    await adminSet(juliet, "<item affiliation='member' jid='paris@b.example' nick='Paris'/>");
    await romeo.enter('Romeo');
    for (const person of [juliet, romeo]) person.take();
    const register = `<field var='muc#register_roomnick'><value>${nick}</value></field>`;
    await romeo.send(
      `<iq to='${hall}' type='set' id='r'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>${register}</x></query></iq>`,
    );
    const refused = nick.includes('\u200B') ? 'error not-acceptable modify' : 'error conflict cancel';
    assert.deepEqual(romeo.heard(), [refused]);
    // What cannot be an address does not come as far as the room.
    if (!nick.includes('\u200B')) await romeo.send(`<presence to='${hall}/${nick}'/>`);
    else await assert.rejects(romeo.send(`<presence to='${hall}/${nick}'/>`), /jid-malformed/);
    assert.deepEqual(romeo.heard(), nick.includes('\u200B') ? [] : ['error conflict cancel']);
    assert.deepEqual(juliet.heard(), []);
  });
}

test('a nick that looks like markup stays text', async () => {
  await romeo.enter("<b o='o'>&");
  const [presence] = juliet.take();
  assert.match(presence!, /from='hall@conference\.a\.example\/&lt;b o=&apos;o&apos;&gt;&amp;'/);
});

for (const [what, fields] of [
  ['as many fields as a stanza may have elements', "<field var='x'/>".repeat(xmppLimits.elementsMax - 10)],
  ['one field more than a form may have', "<field var='x'/>".repeat(xmppLimits.formFieldsMax + 1)],
  ['fields without name', '<field><value>1</value></field>'],
  ['a value without end', `<field var='x'><value>${'y'.repeat(xmppLimits.formValueCharactersMax + 1)}</value></field>`],
  ['values without end', `<field var='x'>${'<value/>'.repeat(xmppLimits.formValuesMax + 1)}</field>`],
] as const) {
  test(`a form with ${what} is refused`, async () => {
    await juliet.send(
      `<iq to='${hall}' type='set' id='c'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'>${fields}</x></query></iq>`,
    );
    assert.match(juliet.heard().join(), /^error (?:not-acceptable|bad-request) modify$/);
  });
}

test('a form with 100,000 fields does not come as far as the room', () => {
  const form = `<x xmlns='jabber:x:data' type='submit'>${'<field/>'.repeat(100_000)}</x>`;
  const iq = `<iq from='juliet@a.example/balcony' to='${hall}' type='set' id='c'><query xmlns='${muc}#owner'>${form}</query></iq>`;
  assert.throws(() => Stanza.parse(Buffer.from(iq)), /<policy-violation .*too many elements/);
});

for (const [what, xml, error] of [
  ['a subject', `<message to='${hall}' type='groupchat'><subject>${'x'.repeat(9_000)}</subject></message>`, 'policy-violation'],
  ['a message', `<message to='${hall}' type='groupchat'><body>${'x'.repeat(70_000)}</body></message>`, 'policy-violation'],
  ['a presence', `<presence to='${hall}/Juliet'><status>${'x'.repeat(9_000)}</status></presence>`, 'policy-violation'],
  [
    'a list of changes',
    `<iq to='${hall}' type='set' id='a'><query xmlns='${muc}#admin'>${"<item affiliation='member' jid='x@y.example'/>".repeat(51)}</query></iq>`,
    'not-acceptable',
  ],
  [
    'a list of invitations',
    `<message to='${hall}'><x xmlns='${muc}#user'>${"<invite to='x@y.example'/>".repeat(21)}</x></message>`,
    'bad-request',
  ],
] as const) {
  test(`${what} beyond its bound is refused with ${error}`, async () => {
    await juliet.send(xml);
    assert.deepEqual(juliet.heard(), [`error ${error} modify`]);
    assert.deepEqual(stage.elsewhere, []);
  });
}

test('messages as large as they may be, full of what JSON escapes, fit the rows', async () => {
  const body = '"\\'.repeat(32_000);
  await Promise.all(
    Array.from({ length: 5 }, () => juliet.send(`<message to='${hall}' type='groupchat'><body>${body}</body></message>`)),
  );
  assert.equal(juliet.take().filter((xml) => xml.includes(body)).length, 5);
});

test('a nick has so many clients and no more', async () => {
  for (let number = 0; number < roomLimits.sessionsPerNickMax; number++) {
    const phone = await stage.join(`nurse@a.example/phone${number}`);
    await phone.enter('Nurse');
    assert.equal(
      phone.heard().some((line) => line.startsWith('error')),
      false,
    );
  }
  const last = await stage.join('nurse@a.example/last');
  await last.enter('Nurse');
  assert.deepEqual(last.heard(), ['error resource-constraint wait']);
});

test('an affiliation list cannot be grown by a JID as long as JIDs may be', async () => {
  const jid = `${'x'.repeat(1000)}@${`${'y'.repeat(60)}.`.repeat(15)}example`;
  await adminSet(juliet, `<item affiliation='member' jid='${jid}'/>`);
  assert.deepEqual(juliet.heard(), ['iq result room', 'message room']);
  await juliet.send(`<iq to='${hall}' type='get' id='l'><query xmlns='${muc}#admin'><item affiliation='member'/></query></iq>`);
  assert.ok(juliet.take()[0]!.includes(jid));
});

test('presence that neither enters nor leaves is ignored', async () => {
  for (const type of ['probe', 'subscribe', 'unsubscribed', 'unavailable', 'nonsense']) {
    await romeo.send(`<presence to='${hall}/Romeo' type='${type}'/>`);
  }
  assert.deepEqual(romeo.heard(), []);
  assert.deepEqual(juliet.heard(), []);
});

test('errors and results are never answered', async () => {
  await romeo.send(`<message to='${hall}' type='error'><error type='cancel'/></message>`);
  await romeo.send(`<message to='${hall}/Juliet' type='error'/>`);
  await romeo.send(`<iq to='${hall}' type='result' id='x'/>`);
  await romeo.send(`<iq to='${hall}/Juliet' type='error' id='x'/>`);
  await romeo.send(`<presence to='${hall}/Juliet' type='error'/>`);
  await romeo.send(`<iq to='conference.a.example' type='error' id='x'/>`);
  await romeo.send(`<iq to='${hall}' type='get' id='end'><ping xmlns='urn:xmpp:ping'/></iq>`);
  assert.deepEqual(romeo.heard(), ['iq result room']);
});

test('a room can be asked to do things a thousand times at once', async () => {
  await Promise.all(Array.from({ length: 900 }, (_, number) => juliet.say(`${number}`)));
  assert.equal(juliet.take().length, 900);
});

for (const [stanza, attributes, append, expected] of [
  ['<presence/>', { from: 'a@b/c' }, '<x/>', "<presence from='a@b/c'><x/></presence>"],
  ['<presence><show>xa</show></presence>', { from: "it's" }, '<x/>', "<presence from='it&apos;s'><show>xa</show><x/></presence>"],
  ["<presence xmlns:p='q'><p:a/></presence>", {}, '<x/>', "<presence xmlns:p='q'><p:a/><x/></presence>"],
  ['<message><a/></message>', { id: '<' }, '', "<message id='&lt;'><a/></message>"],
] as const) {
  test(`decorating ${stanza} gives ${expected}`, () => {
    assertXml(decorate(stanza, attributes, append), expected);
  });
}

test('ids go up by one, over the end of their alphabet too', () => {
  assert.equal(successor('0000'), '0001');
  assert.equal(successor('00zz'), '0100');
  assert.ok(successor('zzzz') > 'zzzz');
});
