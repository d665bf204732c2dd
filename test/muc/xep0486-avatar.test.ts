/** XEP-0486: a room's vCard and avatar, and XEP-0153 in its presence. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { roomLimits } from '../../services/muc/limits.ts';
import { hall, openHall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';

const info = `<query xmlns='http://jabber.org/protocol/disco#info'/>`;
const get = `<vCard xmlns='vcard-temp'/>`;
const image = Buffer.from('not a real picture');
const hash = createHash('sha1').update(image).digest('hex');
const photo = (bytes = image) => `<PHOTO><TYPE>image/png</TYPE><BINVAL>${bytes.toString('base64')}</BINVAL></PHOTO>`;
const vcard = (inside: string) => `<vCard xmlns='vcard-temp'>${inside}</vCard>`;
let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await openHall(stage, { persistentroom: '1' });
  romeo = await stage.join('romeo@b.example/orchard');
});
afterEach(() => stage.close());

test('§3: an owner sets the avatar; all inside hear of it, and all outside can see it', async () => {
  const nurse = await stage.join('nurse@a.example/x');
  await nurse.enter('Nurse');
  nurse.take();
  assert.match(await juliet.ask('set', vcard(photo())), /type='result'/);
  nurse.receives(
    `<message from='${hall}' to='nurse@a.example/x' type='groupchat' id='{any}'><x xmlns='http://jabber.org/protocol/muc#user'><status code='104'/></x></message>`,
    `<presence from='${hall}' to='nurse@a.example/x'><x xmlns='vcard-temp:x:update'><photo>${hash}</photo></x></presence>`,
  );
  assertXml(
    await romeo.ask('get', get),
    `<iq from='${hall}' to='romeo@b.example/orchard' id='ask' type='result'>${vcard(photo())}</iq>`,
  );
  const about = await romeo.ask('get', info);
  assert.match(about, /<feature var='vcard-temp'\/>/);
  assert.match(about, new RegExp(`muc#roominfo_avatarhash'[^>]*><value>${hash}</value></field>`));
  assert.match(await romeo.ask('get', info, 'conference.a.example'), /<feature var='vcard-temp'\/>/);
});

test('XEP-0153: who enters is told the hash, ahead of its own presence, by any worker', async () => {
  await juliet.ask('set', vcard(photo()));
  await stage.restartRooms();
  await romeo.enter('Romeo');
  const stanzas = romeo.take();
  const own = stanzas.findIndex((xml) => xml.includes("code='110'"));
  const told = stanzas.findIndex((xml) => xml.includes(hash));
  assert.ok(told >= 0 && told < own);
});

test('a room without avatar says nothing of one', async () => {
  await romeo.enter('Romeo');
  assert.doesNotMatch(romeo.take().join(), /vcard/);
  assert.doesNotMatch(await romeo.ask('get', info), /avatarhash/);
  assert.match(await romeo.ask('get', get), /<vCard xmlns='vcard-temp'\/>/);
});

test('§3.2: an empty vCard takes it away', async () => {
  await juliet.ask('set', vcard(photo()));
  await juliet.ask('set', vcard(''));
  assert.match(await romeo.ask('get', get), /<vCard xmlns='vcard-temp'\/>/);
  assert.doesNotMatch(await romeo.ask('get', info), /avatarhash/);
});

test('§5.1: of several photos each has its hash', async () => {
  await juliet.ask('set', vcard(photo() + photo(Buffer.from('another'))));
  assert.match(await romeo.ask('get', info), new RegExp(`<value>${hash}</value><value>[0-9a-f]{40}</value>`));
});

for (const [what, who, child, error] of [
  ['somebody who is not an owner', 'romeo', vcard(photo()), /forbidden/],
  ['more than a vCard may have', 'juliet', vcard(photo(Buffer.alloc(roomLimits.vcardBytesMax))), /policy-violation/],
  ['a photo that is not Base64', 'juliet', vcard('<PHOTO><BINVAL>&lt;svg/&gt;</BINVAL></PHOTO>'), /bad-request/],
  ['a hundred photos', 'juliet', vcard(photo().repeat(100)), /bad-request/],
] as const) {
  test(`§3.2: ${what} is refused with ${error}`, async () => {
    assert.match(await { romeo, juliet }[who].ask('set', child), error);
    assert.doesNotMatch(await romeo.ask('get', info), /avatarhash/);
  });
}

test('the largest vCard that may be fits the rows', async () => {
  const note = `"\\`.repeat(roomLimits.vcardBytesMax / 2 - 200);
  assert.match(await juliet.ask('set', vcard(`<NOTE>${note}</NOTE>${photo()}`)), /type='result'/);
  await stage.restartRooms();
  assert.match(await romeo.ask('get', get), /BINVAL/);
});

test('a destroyed room takes its avatar with it', async () => {
  await juliet.ask('set', vcard(photo()));
  await juliet.ask('set', "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>");
  await juliet.enter('Juliet');
  assert.match(await juliet.ask('get', get), /<vCard xmlns='vcard-temp'\/>/);
});
