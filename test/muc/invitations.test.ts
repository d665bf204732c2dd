/** XEP-0045 §7.8.2: invitations that find nobody, and who may decline which. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { adminSet, configure, hall, openHall } from '../support/stage/rooms.ts';
import { openRooms, type RequestActor, type RoomsStage } from '../support/stage/rooms-stage.ts';

const user = 'http://jabber.org/protocol/muc#user';
const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas';
let stage: RoomsStage;
let juliet: RequestActor;
let romeo: RequestActor;
let paris: RequestActor;

beforeEach(async () => {
  stage = await openRooms();
  juliet = await openHall(stage);
  romeo = await stage.join('romeo@a.example/orchard');
  paris = await stage.join('paris@b.example');
  await romeo.enter('Romeo');
  for (const person of [juliet, romeo]) person.take();
});
afterEach(() => stage.close());

/** The id of the invitation as it arrived. */
async function invite(to: string, id = " id='i1'"): Promise<string> {
  await romeo.send(`<message to='${hall}'${id}><x xmlns='${user}'><invite to='${to}'/></x></message>`);
  return Stanza.parse(paris.take()[0]!).id!;
}

const error = (condition: string) => `<error type='cancel'><${condition} xmlns='${stanzas}'/></error>`;

for (const [what, id, back] of [
  ['with an id', " id='i1'", " id='i1'"],
  ['without one', '', ''],
] as const) {
  test(`an invitation ${what} that finds nobody comes back as item-not-found, to the client that sent it alone`, async () => {
    const phone = await stage.join('romeo@a.example/phone');
    await phone.enter('Romeo');
    phone.take();
    romeo.take();
    const sent = await invite('paris@b.example', id);
    await paris.send(`<message to='${hall}' type='error' id='${sent}'>${error('service-unavailable')}</message>`);
    await juliet.say('after it');
    romeo.receives(
      `<message from='${hall}' to='romeo@a.example/orchard'${back} type='error'><x xmlns='${user}'><invite to='paris@b.example'/></x>
        <error type='cancel' by='${hall}'><item-not-found xmlns='${stanzas}'/>
        <text xmlns='${stanzas}' xml:lang='en'>there is no paris@b.example</text></error></message>`,
      romeo.inbox.at(-1)!,
    );
    assert.deepEqual(phone.heard(), ['message Juliet after it']);
  });
}

for (const [what, from, condition, id] of [
  ['of somebody else', 'nurse@b.example', 'item-not-found', undefined],
  ['that says that he is there, and will not', 'paris@b.example', 'not-acceptable', undefined],
  ['for an id that was made up', 'paris@b.example', 'item-not-found', 'invite.aaaaaaaaaaaa.bbbbbbbbbbbb.x'],
] as const) {
  test(`an error ${what} does not reach the inviter`, async () => {
    const sent = await invite('paris@b.example');
    await (await stage.join(from)).send(`<message to='${hall}' type='error' id='${id ?? sent}'>${error(condition)}</message>`);
    await juliet.say('after it');
    assert.deepEqual(romeo.heard(), ['message Juliet after it']);
  });
}

test('an occupant whose invitation comes back to it is not taken for a ghost', async () => {
  const sent = await invite('paris@b.example');
  const inside = await stage.join('paris@b.example/tomb');
  await inside.enter('Paris');
  await inside.send(`<message to='${hall}' type='error' id='${sent}'>${error('service-unavailable')}</message>`);
  await juliet.say('after it');
  assert.deepEqual(romeo.heard(), ['presence Paris none/participant', 'error item-not-found cancel', 'message Juliet after it']);
});

for (const [what, whois, item, to, heard, answer] of [
  ['by nick', 'moderators', '', `${hall}/Romeo`, ['message room'], []],
  ['by nick, to nobody', 'moderators', '', `${hall}/Tybalt`, [], ['error item-not-found cancel']],
  ['by JID, in a semi-anonymous room', 'moderators', '', 'romeo@a.example', [], ['error item-not-found cancel']],
  ['by JID, where JIDs are known', 'anyone', '', 'romeo@a.example', ['message room'], []],
  ['by JID, to nobody', 'anyone', '', 'tybalt@a.example', [], ['error item-not-found cancel']],
  [
    'of an outcast',
    'anyone',
    "<item affiliation='outcast' jid='paris@b.example'/>",
    'romeo@a.example',
    [],
    ['error forbidden auth'],
  ],
] as const) {
  test(`a refusal ${what}: ${[...heard, ...answer].join()}`, async () => {
    await configure(juliet, { whois });
    if (item !== '') await adminSet(juliet, item);
    for (const person of [romeo, paris]) person.take();
    await paris.send(`<message to='${hall}'><x xmlns='${user}'><decline to='${to}'/></x></message>`);
    assert.deepEqual(romeo.heard(), [...heard]);
    assert.deepEqual(paris.heard(), [...answer]);
  });
}
