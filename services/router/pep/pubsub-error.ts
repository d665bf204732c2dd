/** The namespaces of XEP-0060, and its errors: a condition of RFC 6120 together with a condition of its own. */
import { type Attributes, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, type StanzaErrorCondition, type StanzaErrorType } from '../../../lib/xmpp/errors.ts';

export const pubsubNs = 'http://jabber.org/protocol/pubsub';
export const eventNs = `${pubsubNs}#event`;
export const ownerNs = `${pubsubNs}#owner`;

interface Detail {
  /** Attributes of the condition's element, as in `<unsupported feature='…'/>`. */
  readonly attributes?: Attributes;
  readonly text?: string;
  readonly type?: StanzaErrorType;
}

/** @param own the name of an element in `http://jabber.org/protocol/pubsub#errors` */
export function pubsubError(condition: StanzaErrorCondition, own: string, detail: Detail = {}): StanzaError {
  const extra = xml(own, { xmlns: `${pubsubNs}#errors`, ...detail.attributes });
  return new StanzaError(condition, detail.text, { extra, ...(detail.type && { type: detail.type }) });
}

export function unsupported(feature: string): StanzaError {
  return pubsubError('feature-not-implemented', 'unsupported', { attributes: { feature } });
}
