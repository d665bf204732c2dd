/** The addresses of a stanza on a stream of another server or of a component. */
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';

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
