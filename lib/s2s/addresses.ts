/** The addresses that stanzas of other servers carry (RFC 6120 §8.1); those of components, too. */
import { StreamError } from '../xmpp/errors.ts';
import { Jid } from '../xmpp/jid.ts';
import type { Stanza } from '../xmpp/stanza.ts';

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

/** As routers take it: with prepared addresses, and without a namespace of its own. What comes so is taken as it is. */
export function canonicalBytes(stanza: Stanza, from: Jid, to: Jid): Buffer {
  const { attributes } = stanza;
  const addresses = { from: from.toString(), to: to.toString() };
  const isCanonical = stanza.declaresNothing && !stanza.isPrefixed;
  if (isCanonical && attributes.from === addresses.from && attributes.to === addresses.to) return stanza.bytes;
  return stanza.render({ ...attributes, ...addresses });
}
