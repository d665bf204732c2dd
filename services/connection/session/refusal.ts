/** What a client is told about a stanza that no router took (RFC 6120 §8.3): try again later. And why a stream ends that is not read. */
import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';

/** Empty for errors and results, which are never answered. */
export function refusal(stanza: Stanza): readonly Buffer[] {
  const { id, to, type } = stanza.attributes;
  if (type === 'error' || type === 'result') return [];
  const error = new StanzaError('resource-constraint', 'the service is busy', { type: 'wait' });
  return [Buffer.from(xml(stanza.name, { id, from: to, type: 'error' }, error.toElement()).toString())];
}

export function clogged(): StreamError {
  return new StreamError('resource-constraint', 'too much waits for the client');
}
