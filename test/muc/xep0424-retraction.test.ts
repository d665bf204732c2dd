/** XEP-0424 and XEP-0425: messages taken back by who wrote them, and by moderators. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { assertXml } from '../router/xml-equality.ts';
import { adminSet, ask, configure, hall, openHall, openRooms, type Person, type Stage } from './harness.ts';

const retractNs = 'urn:xmpp:message-retract:1';
const moderateNs = 'urn:xmpp:message-moderate:1';
const mam = 'urn:xmpp:mam:2';
const anyId = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>";
let stage: Stage;
let juliet: Person;
let romeo: Person;
/** Of Romeo's message. */
let id: string;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage, { persistentroom: '1' });
  romeo = stage.person('romeo@b.example/orchard');
  await romeo.enter('Romeo');
  await romeo.send(
    `<message to='${hall}' type='groupchat' id='m1'><body>a secret</body><thread>secret</thread><stanza-id xmlns='urn:xmpp:sid:0' by='secret@x' id='secret'/></message>`,
  );
  id = Stanza.parse(romeo.take().at(-1)!)
    .element()
    .getChildren('stanza-id', 'urn:xmpp:sid:0')
    .find(({ attrs }) => attrs.by === hall)!.attrs.id!;
  juliet.take();
});
afterEach(() => stage.close());

async function archive(person: Person): Promise<string[]> {
  await person.send(`<iq to='${hall}' type='set' id='q'><query xmlns='${mam}'/></iq>`);
  for (let tries = 0; !person.inbox.some((xml) => xml.startsWith('<iq')); tries++) await stage.settle(person, tries < 3 ? 1 : 2);
  return person.take().filter((xml) => xml.includes('<result '));
}

const retraction = (of: string) =>
  `<message to='${hall}' type='groupchat' id='r1'><retract xmlns='${retractNs}' id='${of}'/>
    <fallback xmlns='urn:xmpp:fallback:0' for='${retractNs}'/><body>/me retracted a message</body></message>`;
const moderation = (of: string, reason = '<reason>unfit</reason>') =>
  `<moderate xmlns='${moderateNs}' id='${of}'><retract xmlns='${retractNs}'/>${reason}</moderate>`;

test('XEP-0424 §3: a retraction goes to all, and a tombstone stands in the archive', async () => {
  await romeo.send(retraction(id));
  assert.match(juliet.take()[0]!, new RegExp(`<retract xmlns='${retractNs}' id='${id}'/>`));
  romeo.take();
  const [tombstone, announced, ...more] = await archive(romeo);
  assertXml(
    tombstone!,
    `<message from='${hall}' to='romeo@b.example/orchard'><result xmlns='${mam}' id='${id}'><forwarded xmlns='urn:xmpp:forward:0'>
      <delay xmlns='urn:xmpp:delay' stamp='{any}'/><message xmlns='jabber:client' from='${hall}/Romeo' type='groupchat' id='m1'>
      <stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='${id}'/>${anyId}
      <retracted xmlns='${retractNs}' id='r1' stamp='{any}'/></message></forwarded></result></message>`,
  );
  assert.match(announced!, new RegExp(`<retract xmlns='${retractNs}' id='${id}'/>`));
  assert.deepEqual(more, []);
});

test('XEP-0424 §5: what was retracted is not shown to who enters, by any worker', async () => {
  await romeo.send(retraction(id));
  const nurse = stage.person('nurse@a.example/x');
  await nurse.enter('Nurse');
  assert.doesNotMatch(nurse.take().join(), /secret/);
  await stage.restart();
  const other = stage.person('other@a.example/x');
  await other.enter('Other');
  assert.doesNotMatch(other.take().join(), /secret/);
});

test('XEP-0424 §4: a retraction that is not to be stored is stored, and gets an id when it has none', async () => {
  await romeo.send(
    `<message to='${hall}' type='groupchat'><retract xmlns='${retractNs}' id='${id}'/><no-store xmlns='urn:xmpp:hints'/></message>`,
  );
  const retractionId = Stanza.parse(juliet.take()[0]!).id;
  assert.ok(retractionId);
  const stanzas = await archive(juliet);
  assert.equal(stanzas.length, 2);
  assert.match(stanzas[0]!, new RegExp(`<retracted xmlns='${retractNs}' id='${retractionId}'`));
});

test('XEP-0424 §5: nobody retracts what another has written', async () => {
  await juliet.send(retraction(id));
  assert.deepEqual(juliet.heard(), ['error forbidden auth']);
  assert.deepEqual(romeo.heard(), []);
  assert.match((await archive(juliet))[0]!, /a secret/);
});

for (const [what, of] of [
  ['an id that is not there', '01m81dmsbac5ta0000'],
  ['an id that is none', 'nonsense'],
  ['an id of another collection', '../room/'],
] as const) {
  test(`a retraction of ${what} passes and changes nothing`, async () => {
    await romeo.send(retraction(of));
    assert.equal(juliet.heard().length, 1);
    assert.match((await archive(juliet))[0]!, /a secret/);
  });
}

test('tombstones and moderations that a client makes up are dropped', async () => {
  await romeo.send(
    `<message to='${hall}' type='groupchat'><body>x</body><retracted xmlns='${retractNs}' id='forged'/>
      <retract xmlns='${retractNs}' id='other'><moderated xmlns='${moderateNs}' by='${hall}/Juliet'/></retract></message>`,
  );
  assert.doesNotMatch(juliet.take().join(), /forged|moderated/);
});

test('XEP-0425 §3: a moderator takes a message back, and the room tells all', async () => {
  assert.match(await ask(juliet, 'set', moderation(id)), /type='result'/);
  const details = `<moderated xmlns='${moderateNs}' by='${hall}/Juliet'>${anyId}</moderated><reason>unfit</reason>`;
  romeo.receives(
    `<message from='${hall}' to='romeo@b.example/orchard' type='groupchat' id='{any}'><retract xmlns='${retractNs}' id='${id}'>${details}</retract>
      <stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='{any}'/></message>`,
  );
  const [tombstone, announced, ...more] = await archive(romeo);
  assertXml(
    tombstone!,
    `<message from='${hall}' to='romeo@b.example/orchard'><result xmlns='${mam}' id='${id}'><forwarded xmlns='urn:xmpp:forward:0'>
      <delay xmlns='urn:xmpp:delay' stamp='{any}'/><message xmlns='jabber:client' from='${hall}/Romeo' type='groupchat' id='m1'>
      <stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='${id}'/>${anyId}
      <retracted xmlns='${retractNs}' id='{any}' stamp='{any}'>${details}</retracted></message></forwarded></result></message>`,
  );
  assert.match(announced!, /<moderated /);
  assert.deepEqual(more, []);
});

test('XEP-0425: a message is moderated once, however often that is asked', async () => {
  await ask(juliet, 'set', moderation(id));
  assert.match(await ask(juliet, 'set', moderation(id)), /type='result'/);
  assert.equal(romeo.take().length, 1);
  await Promise.all([1, 2].map((n) => juliet.send(`<iq to='${hall}' type='set' id='${n}'>${moderation(id)}</iq>`)));
  assert.deepEqual(juliet.heard(), ['iq result room', 'iq result room']);
  assert.equal((await archive(juliet)).length, 2);
});

test('XEP-0425: an admin need not be inside', async () => {
  await adminSet(juliet, "<item affiliation='admin' jid='nurse@a.example'/>");
  const nurse = stage.person('nurse@a.example/x');
  assert.match(await ask(nurse, 'set', moderation(id, '')), /type='result'/);
  assert.match(romeo.take().at(-1)!, new RegExp(`by='${hall}'`));
});

for (const [what, who, child, error] of [
  ['a participant', 'romeo', () => moderation(id), /forbidden/],
  ['a stranger', 'nurse', () => moderation(id), /forbidden/],
  ['an entry that is not there', 'juliet', () => moderation('01m81dmsbac5ta0000'), /item-not-found/],
  ['no id', 'juliet', () => `<moderate xmlns='${moderateNs}'><retract xmlns='${retractNs}'/></moderate>`, /bad-request/],
  ['another moderation', 'juliet', () => `<moderate xmlns='${moderateNs}' id='${id}'><edit/></moderate>`, /bad-request/],
] as const) {
  test(`XEP-0425 §3.2: ${what} is refused with ${error}`, async () => {
    const people = { juliet, romeo, nurse: stage.person('nurse@a.example/x') };
    assert.match(await ask(people[who], 'set', child()), error);
    assert.match((await archive(juliet))[0]!, /a secret/);
  });
}

test('a subject is not moderated, and the messages of an earlier room by the name are out of reach', async () => {
  await juliet.send(`<message to='${hall}' type='groupchat'><subject>s</subject></message>`);
  const subjectId = Stanza.parse(juliet.take()[0]!).child('stanza-id', 'urn:xmpp:sid:0')!.attrs.id!;
  assert.match(await ask(juliet, 'set', moderation(subjectId)), /not-allowed/);
  await juliet.send(
    `<iq to='${hall}' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`,
  );
  await juliet.enter('Juliet');
  await configure(juliet, {});
  assert.match(await ask(juliet, 'set', moderation(id)), /item-not-found/);
});

test('the room says that it can', async () => {
  const info = await ask(romeo, 'get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
  for (const feature of [retractNs, `${retractNs}#tombstone`, moderateNs])
    assert.ok(info.includes(`<feature var='${feature}'/>`));
});
