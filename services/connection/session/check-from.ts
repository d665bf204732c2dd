/** RFC 6120 §8.1.2.1: which `from` a client's stanza may have. */
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';

/** @throws {StreamError} invalid-from, unless `from` is absent or an address of the client */
export function checkFrom(stanza: Stanza, full: Jid | undefined, bare: Jid): void {
  if (stanza.attributes.from === undefined) return;
  try {
    const { from } = stanza;
    if (from?.equals(full) || from?.equals(bare)) return;
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
  }
  throw new StreamError('invalid-from', 'a client sends only as itself');
}
