/** People of two servers in one room. */
import assert from 'node:assert/strict';
import { bodyOf } from '../federation/deployments.ts';
import { isPresence, type Person } from './federation-people.ts';

const adminNs = 'http://jabber.org/protocol/muc#admin';

export function enterRoom({ client }: Person, room: string, nick: string): void {
  client.send(`<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
}

export async function createRoom(owner: Person, room: string): Promise<void> {
  enterRoom(owner, room, 'Owner');
  await owner.sees(`${room}/Owner`);
  const form = `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
  const { attributes, xml } = await owner.ask('set', room, form);
  assert.equal(attributes.type, 'result', xml);
}

/** @param owner makes the room */
export async function meet(owner: Person, guest: Person, room: string): Promise<void> {
  await createRoom(owner, room);
  enterRoom(guest, room, 'Guest');
  await guest.sees(`${room}/Owner`);
  await guest.sees(`${room}/Guest`);
  await owner.sees(`${room}/Guest`);
  for (const [who, body] of [
    [guest, 'said by the guest'],
    [owner, 'said by the owner'],
  ] as const) {
    who.send(`<message to='${room}' type='groupchat'><body>${body}</body></message>`);
    for (const hearer of [owner, guest]) assert.equal((await hearer.hears())[1], body);
  }
  guest.send(`<presence to='${room}/Guest' type='unavailable'/>`);
  await owner.sees(`${room}/Guest`, 'unavailable');
  owner.send(`<presence to='${room}/Owner' type='unavailable'/>`);
  await owner.sees(`${room}/Owner`, 'unavailable');
}

/**
 * @param owner makes the room on the own server
 * @param guest is from the other server, and is made an admin
 * @param friend is from there, too
 * @param neighbour is from the owner's server
 */
export async function useRights(owner: Person, guest: Person, friend: Person, neighbour: Person, room: string): Promise<void> {
  const administer = async (who: Person, item: string): Promise<void> => {
    const { attributes, xml } = await who.ask('set', room, `<query xmlns='${adminNs}'>${item}</query>`);
    assert.equal(attributes.type, 'result', xml);
  };
  await createRoom(owner, room);
  enterRoom(guest, room, 'Guest');
  await guest.sees(`${room}/Guest`, undefined, /affiliation="none"/);
  const refused = await guest.ask('set', room, `<query xmlns='${adminNs}'><item nick='Owner' role='none'/></query>`);
  assert.equal(refused.attributes.type, 'error', refused.xml);
  await administer(owner, `<item jid='${guest.bare}' affiliation='admin'/>`);
  await guest.sees(`${room}/Guest`, undefined, /affiliation="admin"/);

  for (const invited of [friend, neighbour]) {
    guest.send(
      `<message to='${room}'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='${invited.bare}'><reason>come</reason></invite></x></message>`,
    );
    const invitation = await invited.client.next(({ name, xml }) => name === 'message' && xml.includes('<invite'));
    assert.equal(invitation.attributes.from, room);
  }
  enterRoom(friend, room, 'Friend');
  enterRoom(neighbour, room, 'Neighbour');
  for (const nick of ['Friend', 'Neighbour']) await guest.sees(`${room}/${nick}`);

  await administer(guest, `<item nick='Friend' role='moderator'/>`);
  await friend.sees(`${room}/Friend`, undefined, /role="moderator"/);
  await administer(guest, `<item nick='Friend' role='visitor'/>`);
  await friend.sees(`${room}/Friend`, undefined, /role="visitor"/);
  await administer(guest, `<item nick='Friend' role='none'><reason>out</reason></item>`);
  await friend.sees(`${room}/Friend`, 'unavailable', /<status code="307">/);
  await owner.sees(`${room}/Friend`, 'unavailable', /<status code="307">/);
  await administer(guest, `<item jid='${neighbour.bare}' affiliation='outcast'/>`);
  await neighbour.sees(`${room}/Neighbour`, 'unavailable', /<status code="301">/);
  enterRoom(neighbour, room, 'Neighbour');
  assert.match((await neighbour.client.next(isPresence(`${room}/Neighbour`, 'error'))).xml, /<forbidden/);

  for (const who of [owner, guest]) await who.settle();
  guest.send(`<message to='${room}' type='groupchat'><body>to be found</body></message>`);
  assert.equal((await guest.hears())[1], 'to be found');
  await guest.ask('set', room, `<query xmlns='urn:xmpp:mam:2' queryid='room'/>`);
  const found = (await guest.settle()).filter(({ xml }) => xml.includes('queryid="room"'));
  assert.ok(
    found.some(({ xml, attributes }) => bodyOf(xml) === 'to be found' && attributes.from === room),
    'the archive of the room',
  );

  guest.send(`<presence to='${room}/Warden'/>`);
  await owner.sees(`${room}/Guest`, 'unavailable', /<status code="303">/);
  await owner.sees(`${room}/Warden`);
  await administer(owner, `<item jid='${guest.bare}' affiliation='outcast'/>`);
  await guest.sees(`${room}/Warden`, 'unavailable', /<status code="301">/);
  owner.send(`<presence to='${room}/Owner' type='unavailable'/>`);
  await owner.sees(`${room}/Owner`, 'unavailable');
  for (const who of [owner, guest, friend, neighbour]) await who.settle();
}
