/** RFC 6120 §8.1.2.1: the address that a client gives as its own. */
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';

/** @throws {StreamError} invalid-from */
export function checkFrom({ from }: Stanza, own: Jid): void {
  if (from && !from.equals(own) && !from.equals(own.bare))
    throw new StreamError('invalid-from', `'${from}' is not the address of this session, ${own}`);
}
