/**
 * Requests with lists as long as the bounds allow: what each handler of a list costs, compared with plain text of the same size.
 */
import { shapes } from './shapes.ts';

/**
 * @param round differs for each request, to make names that were never seen before.
 * @returns the child of an iq of about this many bytes
 */
export type Request = (
  bytes: number,
  round: number,
) => {
  readonly type: 'get' | 'set';
  readonly child: string;
  /** The address of a room or of the room service; absent: the sender's own account. */
  readonly to?: 'room' | 'rooms';
};

export function list(bytes: number, piece: (index: number) => string): string {
  const pieces: string[] = [];
  for (let index = 0, length = 0; length < bytes; index += 1) {
    const next = piece(index);
    pieces.push(next);
    length += Buffer.byteLength(next);
  }
  return pieces.join('');
}

export const set = (child: string) => ({ type: 'set', child }) as const;
const pubsub = (child: string) => set(`<pubsub xmlns='http://jabber.org/protocol/pubsub'>${child}</pubsub>`);
export const form = (formType: string, fields: string): string =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${formType}</value></field>${fields}</x>`;
const mam = (fields: string) => set(`<query xmlns='urn:xmpp:mam:2'>${form('urn:xmpp:mam:2', fields)}</query>`);

export const requests: Readonly<Record<string, Request>> = {
  'roster set: groups': (bytes) => {
    const groups = list(bytes, (index) => `<group>g${index}</group>`);
    return set(`<query xmlns='jabber:iq:roster'><item jid='x@b.example'>${groups}</item></query>`);
  },
  'block: short addresses': (bytes) =>
    set(`<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='u${index}@b.example'/>`)}</block>`),
  'unblock: short addresses': (bytes) =>
    set(`<unblock xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='u${index}@b.example'/>`)}</unblock>`),
  'block: names that are not ASCII': (bytes, round) =>
    set(`<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='ж${index}r${round}@b.example'/>`)}</block>`),
  'block: domains that are not ASCII': (bytes, round) =>
    set(
      `<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='ж${index}r${round}.ж${'é'.repeat(20)}.example'/>`)}</block>`,
    ),
  'block: domains of letters that all differ': (bytes, round) =>
    set(
      `<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='ж${index}r${round}.абвгдеёжзийклмнопрст.example'/>`)}</block>`,
    ),
  'block: domains from right to left': (bytes, round) =>
    set(
      `<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='א${index}.ב${round}.${'אבגדה'.repeat(4)}.אב'/>`)}</block>`,
    ),
  'block: domains that are mapped': (bytes, round) =>
    set(
      `<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='Ж${index}R${round}.${'E\u0301'.repeat(12)}.example'/>`)}</block>`,
    ),
  'block: domains in Punycode': (bytes, round) =>
    set(
      `<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='x${index}r${round}.xn--80acghilmnpq8a9b.xn--bcher-kva'/>`)}</block>`,
    ),
  'block: domains with labels that are too long': (bytes, round) =>
    set(
      `<block xmlns='urn:xmpp:blocking'>${list(bytes, (index) => `<item jid='ж${index}r${round}${'é'.repeat(400)}.example'/>`)}</block>`,
    ),
  'archive preferences': (bytes) => {
    const jids = list(bytes, (index) => `<jid>u${index}@b.example</jid>`);
    return set(`<prefs xmlns='urn:xmpp:mam:2' default='always'><never>${jids}</never></prefs>`);
  },
  'archive query: ids': (bytes) => mam(`<field var='ids'>${list(bytes, (index) => `<value>${index}</value>`)}</field>`),
  'archive query: fields': (bytes) => mam(list(bytes, (index) => `<field var='f${index}'><value/></field>`)),
  'archive query: one field over and over': (bytes) => mam(list(bytes, () => "<field var='with'><value/></field>")),
  'publish: options': (bytes) => {
    const options = form(
      'http://jabber.org/protocol/pubsub#publish-options',
      list(bytes, (index) => `<field var='f${index}'/>`),
    );
    return pubsub(
      `<publish node='urn:n'><item id='1'><p xmlns='urn:p'/></item></publish><publish-options>${options}</publish-options>`,
    );
  },
  'publish: an item of elements': (bytes) =>
    pubsub(`<publish node='urn:n'><item id='1'><p xmlns='urn:p'>${shapes['empty elements in one']!(bytes)}</p></item></publish>`),
  'retract: ids': (bytes) => pubsub(`<retract node='urn:n'>${list(bytes, (index) => `<item id='${index}'/>`)}</retract>`),
  'items by id': (bytes) => ({
    ...pubsub(`<items node='urn:n'>${list(bytes, (index) => `<item id='${index}'/>`)}</items>`),
    type: 'get',
  }),
  'bookmarks in private storage': (bytes) => {
    const rooms = list(bytes, (index) => `<conference jid='r${index}@rooms.b.example' autojoin='1'><nick>x</nick></conference>`);
    return set(`<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>${rooms}</storage></query>`);
  },
  'private storage: elements': (bytes) =>
    set(`<query xmlns='jabber:iq:private'><p xmlns='urn:p'>${shapes['empty elements in one']!(bytes)}</p></query>`),
  'vCard: elements': (bytes) => set(`<vCard xmlns='vcard-temp'>${shapes['empty elements in one']!(bytes)}</vCard>`),
  'an unknown request': (bytes) => set(`<q xmlns='urn:q'>${shapes['empty elements, first level']!(bytes)}</q>`),
};
