/**
 * What a semi-anonymous room (XEP-0045 §4.2) derives from real addresses and shows to others is keyed with a secret of the room: nobody can
 * check a guess. Forwarded requests (§15.4), invitations (§7.8.2), occupant ids (XEP-0421 §4).
 */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { Rows } from '../../lib/runtime/rows.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { configs } from '../../services/muc/core/room-rows.ts';
import { configure, hall, openHallForTwo } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

const version = "<query xmlns='jabber:iq:version'/>";
let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  ({ juliet, romeo } = await openHallForTwo(stage));
});
afterEach(() => stage.close());

async function forwardedId(from: RequestActor, to: RequestActor, nick: string, id = 'i1'): Promise<string> {
  await from.send(`<iq to='${hall}/${nick}' type='get' id='${id}'>${version}</iq>`);
  await to.gets(1);
  return Stanza.parse(to.take().at(-1)!).id!;
}

function occupantIdOf(xml: string): string {
  return Stanza.parse(xml).child('occupant-id', 'urn:xmpp:occupant-id:0')!.attrs.id!;
}

async function roomSecret(): Promise<string> {
  const found = await Rows.ofRoom(stage.store, 'a.example', 'hall').get(configs);
  return found!.value.secret!;
}

/** All that somebody who guesses an address could work out without a secret. */
function guesses(address: string): string[] {
  const texts = [address, Jid.parse(address).bare.toString()].flatMap((text) => [
    text,
    `${hall}\0${text}`,
    `${text}\0${hall}`,
    `${hall}/${text}`,
    `${hall}${text}`,
  ]);
  return texts.flatMap((text) =>
    ['md5', 'sha1', 'sha256', 'sha512'].flatMap((name) => {
      const plain = createHash(name).update(text).digest();
      const keyed = createHmac(name, hall).update(text).digest();
      return [plain, keyed].flatMap((bytes) => [bytes.toString('hex'), bytes.toString('base64url'), bytes.toString('base64')]);
    }),
  );
}

function assertSecret(shown: string, address: string): void {
  for (const guess of guesses(address))
    assert.ok(!shown.includes(guess.slice(0, 12)), 'an unkeyed digest of the address is shown');
}

test('§15.4: the id of a request that is passed on gives no guess at who asks away', async () => {
  const id = await forwardedId(juliet, romeo, 'Romeo');
  assertSecret(id, 'juliet@a.example/balcony');
  assertSecret(id, 'romeo@b.example/orchard');
});

test('§7.8.2: nor does the id of an invitation', async () => {
  await juliet.send(
    `<message to='${hall}' id='m1'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='nurse@b.example'/></x></message>`,
  );
  const id = Stanza.parse(stage.elsewhere.at(-1)!).id!;
  assertSecret(id, 'juliet@a.example/balcony');
  assertSecret(id, 'nurse@b.example');
});

test('XEP-0421 §4: nor an occupant id, in presence, messages, private messages and for who is sent away', async () => {
  await juliet.say('one');
  await juliet.send(`<message to='${hall}/Romeo' type='chat'><body>two</body></message>`);
  await juliet.send(`<presence to='${hall}/Juliet'><show>away</show></presence>`);
  for (const xml of romeo.take()) assertSecret(occupantIdOf(xml), 'juliet@a.example/balcony');
  const nurse = await stage.join('nurse@b.example/x');
  await nurse.send(`<presence to='${hall}/Nurse'/>`);
  assertSecret(occupantIdOf(nurse.take()[0]!), 'nurse@b.example/x');
});

test('the secret is made with the room, kept through a takeover, and gone with it', async () => {
  const secret = await roomSecret();
  assert.equal(Buffer.from(secret, 'base64').length, 32);
  await juliet.say('one');
  const before = occupantIdOf(romeo.take().at(-1)!);
  await configure(juliet, { roomname: 'Hall' });
  assert.equal(await roomSecret(), secret, 'a new configuration keeps it');
  await stage.restartRooms();
  romeo.take();
  await juliet.say('two');
  assert.equal(occupantIdOf(romeo.take().at(-1)!), before);
  await juliet.send(
    `<iq to='${hall}' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`,
  );
  await juliet.enter('Juliet');
  await configure(juliet, {});
  assert.notEqual(await roomSecret(), secret);
  romeo.take();
  await romeo.enter('Romeo');
  romeo.take();
  await juliet.say('three');
  assert.notEqual(occupantIdOf(romeo.take().at(-1)!), before, 'a later room by this name knows nobody');
});

test('the secret is shown to nobody, not even to owners', async () => {
  const secret = await roomSecret();
  for (const child of [
    "<query xmlns='http://jabber.org/protocol/muc#owner'/>",
    "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/></query>",
  ]) {
    await juliet.send(`<iq to='${hall}' type='get' id='x'>${child}</iq>`);
    assert.ok(!juliet.take().join().includes(secret));
  }
});

test('a room of before has no secret of its own, and goes on with the ids that it has given', async () => {
  await juliet.say('one');
  const rows = Rows.ofRoom(stage.store, 'a.example', 'hall');
  const { value } = (await rows.get(configs))!;
  const { secret: _, ...old } = value;
  await rows.put(configs, '', old);
  await stage.restartRooms();
  romeo.take();
  await juliet.say('two');
  const id = occupantIdOf(romeo.take().at(-1)!);
  const tenant = await stage.tenants.find('a.example');
  const key = Buffer.from(tenant!.secret, 'base64');
  assert.equal(id, createHmac('sha256', key).update(`${hall}\0juliet@a.example`).digest('base64url'));
});

for (const [what, between] of [
  ['', async () => {}],
  [', also when the worker has died meanwhile', () => stage.restartRooms()],
  [', also when who asks has another nick by then', () => juliet.send(`<presence to='${hall}/Capulet'/>`)],
] as const) {
  test(`§15.4: the answer finds its way back${what}`, async () => {
    const id = await forwardedId(juliet, romeo, 'Romeo', 'my/id.with=dots');
    await between();
    juliet.take();
    await romeo.send(`<iq to='${hall}/Juliet' type='result' id='${id}'>${version}</iq>`);
    await juliet.gets(1);
    juliet.receives(`<iq from='${hall}/Romeo' to='juliet@a.example/balcony' type='result' id='my/id.with=dots'>${version}</iq>`);
  });
}

test('§15.4: an id that was changed, or given to somebody else, brings nothing back', async () => {
  const id = await forwardedId(juliet, romeo, 'Romeo');
  const nurse = await stage.join('nurse@b.example/x');
  await nurse.enter('Nurse');
  juliet.take();
  await nurse.send(`<iq to='${hall}/Juliet' type='result' id='${id}'/>`);
  const [ingress, asker, proof, own] = id.split('.');
  for (const forged of [
    `${ingress}.${asker}.${proof}.i2`,
    `${ingress}.${asker}.${'A'.repeat(22)}.${own}`,
    `${stage.ids.mint()}.${asker}.${proof}.${own}`,
    `${ingress}.${'B'.repeat(22)}.${proof}.${own}`,
  ]) {
    await romeo.send(`<iq to='${hall}/Juliet' type='result' id='${forged}'/>`);
  }
  await romeo.say('behind');
  assert.deepEqual(juliet.heard(), ['message Romeo behind']);
});
