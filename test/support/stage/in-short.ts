/** A stanza in short words, for tests that are about who hears of what: `presence Juliet owner/moderator 110`, `error forbidden auth`. */
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';

/** Kind, type unless it is groupchat, the sender's resource, affiliation and role, whether it is history, subject, body, status codes. */
export function inShort(xml: string): string {
  const stanza = Stanza.parse(xml);
  const error = stanza.child('error', 'jabber:client');
  if (error) return `error ${error.getChildElements()[0]!.getName()} ${error.attrs.type}`;
  const { resource } = Jid.parse(stanza.attributes.from!);
  const extension = stanza.child('x', 'http://jabber.org/protocol/muc#user');
  const codes = (extension?.getChildren('status') ?? []).map(({ attrs }) => attrs.code);
  const item = extension?.getChild('item')?.attrs;
  const words: (string | undefined)[] = [stanza.name, stanza.type === 'groupchat' ? undefined : stanza.type, resource || 'room'];
  if (stanza.name === 'presence' && item) words.push(`${item.affiliation}/${item.role}`);
  if (stanza.hasChild('delay', 'urn:xmpp:delay')) words.push('earlier:');
  const subject = stanza.child('subject', 'jabber:client');
  if (subject) words.push(`subject=${subject.getText()}`);
  words.push(stanza.body, ...codes);
  return words.filter((word) => word !== undefined && word !== '').join(' ');
}
