/** XEP-0425: messages taken back by moderators. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { moderations } from '../../services/muc/features/xep0425-moderation.ts';
import { grown } from '../support/grown.ts';
import { adminSet, configure, hall, openHall, readArchive } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const retractNs = 'urn:xmpp:message-retract:1';
const moderateNs = 'urn:xmpp:message-moderate:1';
const mam = 'urn:xmpp:mam:2';
const anyId = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>";
let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
/** The stanza-id of Romeo's message. */
let id: string;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage, { persistentroom: '1' });
  romeo = await stage.join('romeo@b.example/orchard');
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

const moderation = (of: string, reason = '<reason>unfit</reason>') =>
  `<moderate xmlns='${moderateNs}' id='${of}'><retract xmlns='${retractNs}'/>${reason}</moderate>`;

test('XEP-0425 §3: a moderator takes a message back, and the room tells all', async () => {
  assert.match(await juliet.ask('set', moderation(id)), /type='result'/);
  const details = `<moderated xmlns='${moderateNs}' by='${hall}/Juliet'>${anyId}</moderated><reason>unfit</reason>`;
  romeo.receives(
    `<message from='${hall}' to='romeo@b.example/orchard' type='groupchat' id='{any}'><retract xmlns='${retractNs}' id='${id}'>${details}</retract>
      <stanza-id xmlns='urn:xmpp:sid:0' by='${hall}' id='{any}'/></message>`,
  );
  const [tombstone, announced, ...more] = await readArchive(romeo);
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
  await juliet.ask('set', moderation(id));
  assert.match(await juliet.ask('set', moderation(id)), /type='result'/);
  assert.equal(romeo.take().length, 1);
  await Promise.all([1, 2].map((n) => juliet.send(`<iq to='${hall}' type='set' id='${n}'>${moderation(id)}</iq>`)));
  assert.deepEqual(juliet.heard(), ['iq result room', 'iq result room']);
  assert.equal((await readArchive(juliet)).length, 2);
});

test('XEP-0425: messages that are taken back are counted, and refusals are not', async () => {
  const counted = await grown(moderations, async () => {
    assert.match(await romeo.ask('set', moderation(id)), /forbidden/);
    await juliet.ask('set', moderation(id));
    await juliet.ask('set', moderation(id));
    assert.match(await juliet.ask('set', moderation('unknown')), /item-not-found/);
  });
  assert.deepEqual(counted, { '': 1 });
});

test('XEP-0425: an admin need not be inside', async () => {
  await adminSet(juliet, "<item affiliation='admin' jid='nurse@a.example'/>");
  const nurse = await stage.join('nurse@a.example/x');
  assert.match(await nurse.ask('set', moderation(id, '')), /type='result'/);
  assert.match(romeo.take().at(-1)!, new RegExp(`by='${hall}'`));
});

test('a moderation whose worker died half-way is finished by the next: once, with its answer', async () => {
  // The conditional write succeeds, the rows behind it do not: the next worker finds them in the room's state.
  let isAway = false;
  const dying: Store = new Proxy(stage.store, {
    get(target, name: keyof Store) {
      const method = target[name] as (...parameters: unknown[]) => Promise<unknown>;
      return (...parameters: unknown[]) =>
        isAway && name === 'batchPut' ? Promise.reject(new Unavailable('it is away')) : method.apply(target, parameters);
    },
  });
  await stage.restartRooms({ store: dying });
  await juliet.say('the room is in memory');
  for (const person of [juliet, romeo]) person.take();
  const request = `<iq to='${hall}' type='set' id='m'>${moderation(id)}</iq>`;
  const requestId = stage.ids.mint();
  isAway = true;
  assert.equal((await stage.request(juliet, request, requestId)).ok, false);
  assert.deepEqual([...juliet.take(), ...romeo.take()], []);
  isAway = false;
  await stage.restartRooms();
  await juliet.send(request, requestId);
  await juliet.send(request, requestId);
  assert.deepEqual(juliet.heard(), ['message room', 'iq result room']);
  assert.match(romeo.take().join(), new RegExp(`<retract xmlns='${retractNs}' id='${id}'>`));
  const stanzas = await readArchive(romeo);
  assert.equal(stanzas.filter((xml) => xml.includes('<retracted ')).length, 1);
  assert.equal(stanzas.filter((xml) => xml.includes('<retract ')).length, 1);
  assert.equal(
    stanzas.some((xml) => xml.includes('a secret')),
    false,
  );
});

for (const [what, who, child, error] of [
  ['a participant', 'romeo', () => moderation(id), /forbidden/],
  ['a stranger', 'nurse', () => moderation(id), /forbidden/],
  ['an entry that is not there', 'juliet', () => moderation('01m81dmsbac5ta0000'), /item-not-found/],
  ['no id', 'juliet', () => `<moderate xmlns='${moderateNs}'><retract xmlns='${retractNs}'/></moderate>`, /bad-request/],
  ['another moderation', 'juliet', () => `<moderate xmlns='${moderateNs}' id='${id}'><edit/></moderate>`, /bad-request/],
] as const) {
  test(`XEP-0425 §3.2: ${what} is refused with ${error}`, async () => {
    const people = { juliet, romeo, nurse: await stage.join('nurse@a.example/x') };
    assert.match(await people[who].ask('set', child()), error);
    assert.match((await readArchive(juliet))[0]!, /a secret/);
  });
}

test('a subject is not moderated, and the messages of an earlier room by the name are out of reach', async () => {
  await juliet.send(`<message to='${hall}' type='groupchat'><subject>s</subject></message>`);
  const subjectId = Stanza.parse(juliet.take()[0]!).child('stanza-id', 'urn:xmpp:sid:0')!.attrs.id!;
  assert.match(await juliet.ask('set', moderation(subjectId)), /not-allowed/);
  await juliet.send(
    `<iq to='${hall}' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`,
  );
  await juliet.enter('Juliet');
  await configure(juliet, {});
  assert.match(await juliet.ask('set', moderation(id)), /item-not-found/);
});

test('the room says that it can', async () => {
  const info = await romeo.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`);
  for (const feature of [retractNs, `${retractNs}#tombstone`, moderateNs])
    assert.ok(info.includes(`<feature var='${feature}'/>`));
});
