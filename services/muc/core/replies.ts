/** The answers that a room builds: results and errors. */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_MUC } from './namespaces.ts';

/** `<iq type='result'/>` without `to`. */
export function resultOf(iq: Stanza, child?: Element): Element {
  return xml('iq', { from: iq.attributes.to, id: iq.id, type: 'result' }, child);
}

/**
 * RFC 6120 §8.3.1, with `by` as in the examples of XEP-0045. A refused presence also has the `<x/>` of the examples in §7.2: by
 * it clients (slixmpp, poezio) know that a room refuses them, and without it they wait for ever.
 */
export function errorOf(stanza: Stanza, error: StanzaError, by: Jid): Element {
  const { condition, text, type, uri, extra } = error;
  const named = new StanzaError(condition, text, { type, uri, extra, by: error.by ?? by.toString() });
  const echo = stanza.name === 'presence' ? xml('x', { xmlns: NS_MUC }) : undefined;
  return xml(stanza.name, { from: stanza.attributes.to, id: stanza.id, type: 'error' }, echo, named.toElement());
}
