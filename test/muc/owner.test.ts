/** XEP-0045 §10.1, §10.2, §10.9: making, configuring and destroying a room. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { configure, hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const muc = 'http://jabber.org/protocol/muc';
let stage: WholeStage;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  romeo = await stage.join('romeo@a.example/orchard');
});
afterEach(() => stage.close());

const ownerGet = `<iq to='${hall}' type='get' id='g'><query xmlns='${muc}#owner'/></iq>`;

/** Values of the form by the last part of their names. */
async function readConfig(owner: StreamActor): Promise<Record<string, string>> {
  await owner.send(ownerGet);
  const iq = Stanza.parse(owner.take().at(-1)!);
  const form = iq.child('query', `${muc}#owner`)!.getChild('x', 'jabber:x:data')!;
  return Object.fromEntries(
    form.getChildren('field').map((field) => [field.attrs.var!.replace('muc#roomconfig_', ''), field.getChildText('value')!]),
  );
}

test('§10.1.3: the creator gets the form, sends it back, and the room opens as configured', async () => {
  const juliet = await stage.join('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  juliet.take();
  const before = await readConfig(juliet);
  assert.equal(before.persistentroom, '0');
  assert.equal(before.whois, 'moderators');
  await configure(juliet, {
    roomname: 'The Hall',
    roomdesc: 'of the Capulets & friends',
    persistentroom: '1',
    publicroom: '0',
    maxusers: '20',
    historylength: '5',
    lang: 'it',
    allowpm: 'moderators',
    unknown: 'is ignored',
  });
  juliet.take();
  const { roomname, roomdesc, persistentroom, publicroom, maxusers, lang, allowpm, ...others } = await readConfig(juliet);
  assert.deepEqual(
    { roomname, roomdesc, persistentroom, publicroom, maxusers, historyfetch: others['muc#maxhistoryfetch'], lang, allowpm },
    {
      roomname: 'The Hall',
      roomdesc: 'of the Capulets & friends',
      persistentroom: '1',
      publicroom: '0',
      maxusers: '20',
      historyfetch: '5',
      lang: 'it',
      allowpm: 'moderators',
    },
  );
});

test('§10.1.3: who cancels the first form has no room', async () => {
  const juliet = await stage.join('juliet@a.example/balcony');
  await juliet.enter('Juliet');
  juliet.take();
  await juliet.send(
    `<iq to='${hall}' type='set' id='c'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='cancel'/></query></iq>`,
  );
  assert.deepEqual(juliet.heard(), ['iq result room', 'presence unavailable Juliet none/none 110']);
  await juliet.send(ownerGet);
  assert.deepEqual(juliet.heard(), ['error item-not-found cancel']);
});

for (const [what, leave] of [
  ['leaves', `<presence to='${hall}/Juliet' type='unavailable'/>`],
  [
    'kicks herself',
    `<iq to='${hall}' type='set' id='k'><query xmlns='${muc}#admin'><item role='none' nick='Juliet'/></query></iq>`,
  ],
] as const) {
  test(`§10.1.3: who ${what} before she has sent the first form has no room, and is told that it is gone`, async () => {
    const juliet = await stage.join('juliet@a.example/balcony');
    await juliet.enter('Juliet');
    juliet.take();
    await juliet.send(leave);
    assert.match(juliet.take().at(-1)!, /type='unavailable'.*<item affiliation='none' role='none' [^>]*>.*<destroy\/>/s);
    await juliet.send(ownerGet);
    assert.deepEqual(juliet.heard(), ['error item-not-found cancel']);
  });
}

test('§10.1.3: another client of hers keeps it', async () => {
  const juliet = await stage.join('juliet@a.example/balcony');
  const phone = await stage.join('juliet@a.example/phone');
  await juliet.enter('Juliet');
  await phone.enter('Juliet');
  juliet.take();
  await juliet.send(`<presence to='${hall}/Juliet' type='unavailable'/>`);
  assert.doesNotMatch(juliet.take().join(), /destroy/);
  phone.take();
  await phone.send(ownerGet);
  assert.deepEqual(phone.heard(), ['iq result room']);
});

test('§10.2: cancelling a later form changes nothing', async () => {
  const juliet = await openHall(stage);
  await juliet.send(
    `<iq to='${hall}' type='set' id='c'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='cancel'/></query></iq>`,
  );
  assert.deepEqual(juliet.heard(), ['iq result room']);
});

for (const [what, fields, codes] of [
  ['a name', { roomname: 'Hall' }, '104'],
  ['logging off', { enablelogging: '0' }, '171'],
  ['logging off by its other name', { enablearchiving: '0' }, '171'],
  ['non-anonymous', { whois: 'anyone' }, '172'],
  ['both', { whois: 'anyone', roomname: 'Hall' }, '172 104'],
] as const) {
  test(`§10.2.1: ${what} is told with ${codes}`, async () => {
    const juliet = await openHall(stage);
    await romeo.enter('Romeo');
    romeo.take();
    await configure(juliet, fields);
    assert.deepEqual(
      romeo.heard(),
      codes.split(' ').map((code) => `message room ${code}`),
    );
  });
}

test('§10.2.1: the way back has codes of its own: 170 and 173', async () => {
  const juliet = await openHall(stage, { whois: 'anyone', enablelogging: '0' });
  await romeo.enter('Romeo');
  assert.equal(romeo.heard()[1], 'presence Romeo none/participant 110 100');
  await configure(juliet, { whois: 'moderators', enablelogging: '1' });
  assert.deepEqual(romeo.heard(), ['message room 170', 'message room 173']);
});

test('§10.2.1: nothing changed is told to nobody', async () => {
  const juliet = await openHall(stage);
  await romeo.enter('Romeo');
  romeo.take();
  await configure(juliet, { whois: 'moderators' });
  assert.deepEqual(romeo.heard(), []);
});

for (const [what, fields] of [
  ['a protected room without password', { passwordprotectedroom: '1', roomsecret: '' }],
  ['a boolean that is none', { moderatedroom: 'perhaps' }],
  ['a choice that is none', { whois: 'nobody' }],
  ['a number that is none', { maxusers: 'many' }],
  ['a name without end', { roomname: 'x'.repeat(300) }],
] as const) {
  test(`§10.1.3: ${what} is not acceptable, and nothing changes`, async () => {
    const juliet = await openHall(stage);
    const before = await readConfig(juliet);
    await configure(juliet, { roomdesc: 'changed', ...fields });
    assert.deepEqual(juliet.heard(), ['error not-acceptable modify']);
    assert.deepEqual(await readConfig(juliet), before);
  });
}

for (const [what, xml] of [
  ['get', ownerGet],
  ['set', `<iq to='${hall}' type='set' id='s'><query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`],
  ['destroy', `<iq to='${hall}' type='set' id='s'><query xmlns='${muc}#owner'><destroy/></query></iq>`],
] as const) {
  test(`§10.2: ${what} is for owners`, async () => {
    await openHall(stage);
    await romeo.enter('Romeo');
    romeo.take();
    await romeo.send(xml);
    assert.deepEqual(romeo.heard(), ['error forbidden auth']);
  });
}

test('§10.9: a destroyed room says where to go, and a new one by its name knows nothing of it', async () => {
  const juliet = await openHall(stage, { persistentroom: '1' });
  await romeo.enter('Romeo');
  await juliet.say('secret');
  await juliet.send(`<message to='${hall}' type='groupchat'><subject>secret</subject></message>`);
  romeo.take();
  juliet.take();
  await juliet.send(
    `<iq to='${hall}' type='set' id='d'><query xmlns='${muc}#owner'><destroy jid='tomb@conference.a.example'><reason>Macbeth doth come</reason><password>p</password></destroy></query></iq>`,
  );
  romeo.receives(
    `<presence from='${hall}/Romeo' to='romeo@a.example/orchard' type='unavailable'><occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>
      <x xmlns='${muc}#user'><item affiliation='none' role='none' jid='romeo@a.example/orchard'/>
      <destroy jid='tomb@conference.a.example'><password>p</password><reason>Macbeth doth come</reason></destroy><status code='110'/></x></presence>`,
  );
  assert.deepEqual(juliet.heard(), ['presence unavailable Juliet none/none 110', 'iq result room']);
  await romeo.enter('Romeo');
  assert.deepEqual(romeo.heard(), ['presence Romeo owner/moderator 110 170 201', 'message room subject=']);
  await romeo.send(`<iq to='${hall}' type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  await romeo.gets(1);
  assert.doesNotMatch(romeo.take().join(), /secret/);
});
