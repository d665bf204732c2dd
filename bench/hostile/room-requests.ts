/** What an owner may send to a room, and anybody to the room service, in lists as long as the bounds allow. */
import { form, list, type Request, set } from './requests.ts';

export const roomRequests: Readonly<Record<string, Request>> = {
  'room: members, by address': (bytes, round) =>
    toRoom(admin(list(bytes, (index) => `<item affiliation='member' jid='u${index}r${round}@b.example'/>`))),
  'room: one member over and over': (bytes) => toRoom(admin(list(bytes, () => "<item affiliation='member' jid='u@b.example'/>"))),
  'room: nicks that are nobody': (bytes) => toRoom(admin(list(bytes, (index) => `<item role='none' nick='ж${index}'/>`))),
  'room: lists that are asked for': (bytes) => toRoom(admin(list(bytes, () => "<item affiliation='owner'/>")), 'get'),
  'room: fields of its configuration': (bytes) => {
    const fields = list(bytes, (index) => `<field var='f${index}'><value/></field>`);
    return toRoom(set(`<query xmlns='${muc}#owner'>${form(`${muc}#roomconfig`, fields)}</query>`));
  },
  'room: owners in its configuration': (bytes) => {
    const owners = list(bytes, (index) => `<value>u${index}@b.example</value>`);
    const fields = `<field var='muc#roomconfig_roomadmins'>${owners}</field>`;
    return toRoom(set(`<query xmlns='${muc}#owner'>${form(`${muc}#roomconfig`, fields)}</query>`));
  },
  'room: fields of a hat': (bytes) => {
    const fields = form(
      'urn:xmpp:hats:commands',
      list(bytes, (index) => `<field var='hats#f${index}'><value>x</value></field>`),
    );
    return toRoom(
      set(`<command xmlns='http://jabber.org/protocol/commands' node='urn:xmpp:hats:commands:create'>${fields}</command>`),
    );
  },
  'room: fields of a registration': (bytes) => {
    const fields = form(
      `${muc}#register`,
      list(bytes, (index) => `<field var='f${index}'><value>x</value></field>`),
    );
    return toRoom(set(`<query xmlns='jabber:iq:register'>${fields}</query>`));
  },
  'rooms: words to search for': (bytes) => {
    const fields = `<field var='q'><value>${list(bytes, (index) => `w${index} `)}</value></field>`;
    const search = `<search xmlns='urn:xmpp:channel-search:0:search'>${form('urn:xmpp:channel-search:0:search-params', fields)}</search>`;
    return { type: 'get', child: search, to: 'rooms' };
  },
};

const muc = 'http://jabber.org/protocol/muc';
const admin = (items: string) => set(`<query xmlns='${muc}#admin'>${items}</query>`);

function toRoom(request: ReturnType<Request>, type = request.type): ReturnType<Request> {
  return { ...request, type, to: 'room' };
}
