/** The addresses that headers and stanzas of other servers carry (RFC 6120 §4.7, §8.1); those of components, too. */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { NS_STREAM } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';

export const NS_SERVER = 'jabber:server';
const NS_DIALBACK = 'jabber:server:dialback';

/** Our header. What is undefined is left out. */
export function headerOf(own: {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly id: string;
}): string {
  const namespaces = `xmlns='${NS_SERVER}' xmlns:stream='${NS_STREAM}' xmlns:db='${NS_DIALBACK}'`;
  const attributes = Object.entries({ ...own, version: '1.0', 'xml:lang': 'en' })
    .map(([name, value]) => (value === undefined ? '' : ` ${name}='${escapeAttribute(value)}'`))
    .join('');
  return `<?xml version='1.0'?><stream:stream ${namespaces}${attributes}>`;
}

/** RFC 6120 §8.1.1.2, §8.1.2.2: it has both. @throws {StreamError} improper-addressing */
export function addressesOf(stanza: Stanza): { readonly from: Jid; readonly to: Jid } {
  const { from: fromText, to: toText } = stanza.attributes;
  const from = fromText === undefined ? undefined : Jid.tryParse(fromText);
  const to = toText === undefined ? undefined : Jid.tryParse(toText);
  if (from === undefined || to === undefined) {
    throw new StreamError('improper-addressing', 'a stanza needs "from" and "to"');
  }
  return { from, to };
}

/** @throws {StreamError} improper-addressing */
export function peerDomain(from: string): string {
  const jid = Jid.tryParse(from);
  if (jid?.local === '' && jid.resource === '') return jid.domain;
  throw new StreamError('improper-addressing', '"from" is not a domain');
}
