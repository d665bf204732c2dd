/** XEP-0191 §3.3, §3.4 and §6 in rooms: nothing of a blocked occupant reaches the one who blocks, and nothing else is lost (decision 11). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { type SessionEntry, updateSessions } from '../../lib/runtime/sessions.ts';
import { roomShard } from '../../lib/runtime/shards.ts';
import { type DoneReply, type HidesRequest, nowhere } from '../../lib/runtime/wire.ts';
import { hastyClock } from '../support/stage/clocks.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

let version = 0;

/** As a router does when the account's list has changed. */
async function hide(stage: RoomsStage, person: RequestActor, nicks: readonly string[], at = ++version): Promise<void> {
  const request: HidesRequest = {
    kind: 'hides',
    domain: 'a.example',
    room: 'hall',
    jid: `${person.jid}`,
    hides: { nicks, version: at },
  };
  const reply = await stage.bus.request(roomShard('a.example', 'hall'), encodeFrame(request), { timeoutMs: 5_000 });
  assert.equal(decodeFrame<DoneReply>(reply).header.ok, true);
}

async function arrange(t: { after(run: () => Promise<void>): void }) {
  const stage = await openRooms();
  t.after(() => stage.close());
  const juliet = await openHall(stage);
  const [romeo, ann] = [await stage.join('romeo@a.example/orchard'), await stage.join('ann@a.example/x')];
  await romeo.enter('Romeo');
  await ann.enter('ann');
  for (const one of [juliet, romeo, ann]) one.take();
  return { stage, juliet, romeo, ann };
}

for (const [what, xml, answer] of [
  ['a message to all', `<message to='${hall}' type='groupchat' id='1'><body>hi</body></message>`, undefined],
  ['a subject', `<message to='${hall}' type='groupchat' id='1'><subject>hi</subject></message>`, undefined],
  ['presence', `<presence to='${hall}/ann'><status>hi</status></presence>`, undefined],
  ['leaving', `<presence to='${hall}/ann' type='unavailable'/>`, undefined],
  ['a private message', `<message to='${hall}/Romeo' type='chat' id='1'><body>hi</body></message>`, 'service-unavailable'],
  ['a request', `<iq to='${hall}/Romeo' type='get' id='1'><query xmlns='jabber:iq:version'/></iq>`, 'service-unavailable'],
  [
    'a request to the account',
    `<iq to='${hall}/Romeo' type='get' id='1'><vCard xmlns='vcard-temp'/></iq>`,
    'service-unavailable',
  ],
] as const) {
  test(`XEP-0191 §3.3: of a blocked occupant ${what} does not come`, async (t) => {
    const { stage, juliet, romeo, ann } = await arrange(t);
    await hide(stage, romeo, ['ann']);
    if (what === 'a subject')
      await juliet.send(
        `<iq to='${hall}' type='set' id='m'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='ann' role='moderator'/></query></iq>`,
      );
    for (const one of [juliet, romeo, ann]) one.take();
    await ann.send(xml);
    assert.deepEqual(romeo.heard(), []);
    assert.deepEqual(stage.elsewhere, []);
    const heard = ann.heard();
    if (answer) assert.deepEqual(heard, [`error ${answer} cancel`]);
    else assert.equal(juliet.heard().length > 0, true, 'others hear it');
  });
}

test('XEP-0191 §3.3: others are heard, and the own presence and words come back', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await hide(stage, romeo, ['ann', 'nobody']);
  await juliet.say('from-juliet');
  await romeo.say('own');
  await romeo.send(`<presence to='${hall}/Romeo'><show>away</show></presence>`);
  await romeo.send(`<presence to='${hall}/Montague'/>`);
  assert.deepEqual(romeo.heard(), [
    'message Juliet from-juliet',
    'message Romeo own',
    'presence Romeo none/participant 110',
    'presence unavailable Romeo none/participant 110 303',
    'presence Montague none/participant 110',
  ]);
});

test('XEP-0045 §7.2: one who has blocked an occupant enters without seeing it, and the subject still comes last', async (t) => {
  const { stage, ann } = await arrange(t);
  await ann.say('before');
  const nurse = await stage.join('nurse@a.example/house');
  const body = Buffer.from(
    `<presence to='${hall}/Nurse' from='${nurse.jid}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
  );
  const sender = { node: 'n.stage.1', sid: nurse.sid };
  const request = {
    kind: 'room',
    domain: 'a.example',
    room: 'hall',
    id: stage.ids.mint(),
    sender,
    hides: { nicks: ['ann'], version: ++version },
  };
  await stage.bus.request(roomShard('a.example', 'hall'), encodeFrame(request, [body]), { timeoutMs: 5_000 });
  const heard = nurse.heard();
  assert.ok(
    heard.every((line) => !line.includes(' ann ')),
    heard.join('\n'),
  );
  assert.match(heard.at(-1)!, /subject=/);
  assert.ok(heard.some((line) => line.includes('110')));
});

test('XEP-0191 §3.4: who is unblocked is seen as it is: there, or gone meanwhile; and is heard again', async (t) => {
  const { stage, romeo, ann, juliet } = await arrange(t);
  await hide(stage, romeo, ['ann', 'Juliet']);
  await juliet.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  assert.deepEqual(romeo.heard(), []);
  await hide(stage, romeo, []);
  assert.deepEqual(romeo.heard(), ['presence ann none/participant', 'presence unavailable Juliet none/none']);
  await ann.say('again');
  assert.deepEqual(romeo.heard(), ['message ann again']);
});

test('a list that is older than what the room knows changes nothing, and the next worker knows it', async (t) => {
  const { stage, romeo, ann } = await arrange(t);
  version += 10;
  const at = version;
  await hide(stage, romeo, ['ann'], at);
  await hide(stage, romeo, [], at - 1);
  await stage.restartRooms();
  await ann.say('unheard');
  assert.deepEqual(romeo.heard(), []);
});

for (const [what, nick, isSentAgain] of [
  ['of one who is unblocked comes again', 'ann', true],
  ['of somebody else does not', 'Juliet', false],
] as const) {
  test(`XEP-0191 §3.4: the subject ${what}, because it may have been set unheard`, async (t) => {
    const { stage, juliet, romeo, ann } = await arrange(t);
    await configure(juliet, { changesubject: '1' });
    await hide(stage, romeo, ['ann']);
    const setter = nick === 'ann' ? ann : juliet;
    await setter.send(`<message to='${hall}' type='groupchat' id='1'><subject>news</subject></message>`);
    romeo.take();
    await hide(stage, romeo, []);
    const shown = ['presence ann none/participant', 'message ann earlier: subject=news'];
    assert.deepEqual(romeo.heard(), isSentAgain ? shown : shown.slice(0, 1));
  });
}

test('XEP-0191 §3.3, XEP-0045 §7.13: a request for voice goes to the moderators who do not block the visitor', async (t) => {
  const { stage, juliet, romeo, ann } = await arrange(t);
  await configure(juliet, { moderatedroom: '1' });
  await adminSet(juliet, `<item nick='Romeo' role='moderator'/>`);
  await adminSet(juliet, `<item nick='ann' role='visitor'/>`);
  const request =
    `<message to='${hall}'><x xmlns='jabber:x:data' type='submit'>` +
    `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field></x></message>`;
  for (const nicks of [['ann'], []]) {
    await hide(stage, romeo, nicks);
    for (const one of [juliet, romeo]) one.take();
    await ann.send(request);
    const asked = [juliet, romeo].map((one) => one.take().filter((xml) => xml.includes('muc#request_allow')).length);
    assert.deepEqual(asked, [1, nicks.length === 0 ? 1 : 0]);
  }
});

test('XEP-0191 §3.3: what is read from the archive for a session that comes back leaves out whom it blocks', async (t) => {
  const { stage, juliet, romeo, ann } = await arrange(t);
  await stage.restartRooms({ clock: hastyClock(10) });
  const place = (node: string, sid: string) =>
    updateSessions(stage.store, romeo.jid, (): SessionEntry[] => [
      { node, sid, resource: romeo.jid.resource, boundAt: 1, available: true, priority: 0 },
    ]);
  await hide(stage, romeo, ['ann']);
  stage.node.missing.add(romeo.sid);
  await place(nowhere, romeo.sid);
  await juliet.say('one');
  await ann.say('two');
  await juliet.say('three');
  stage.move(romeo, 'resumed');
  await place('n.stage.1', 'resumed');
  await romeo.gets(2);
  await juliet.say('four');
  assert.deepEqual(romeo.heard(), ['message Juliet earlier: one', 'message Juliet earlier: three', 'message Juliet four']);
});
