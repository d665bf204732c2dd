/** The addresses that headers of other servers carry (RFC 6120 §4.7). */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { NS_STREAM } from '../../../lib/xmpp/scanner.ts';

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

/** @throws {StreamError} improper-addressing */
export function peerDomain(from: string): string {
  const jid = Jid.tryParse(from);
  if (jid?.local === '' && jid.resource === '') return jid.domain;
  throw new StreamError('improper-addressing', '"from" is not a domain');
}
