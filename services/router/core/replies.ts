/** The server's answers: results (RFC 6120 §8.2.3) and errors (§8.3). They are built here and nowhere else. */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import type { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';

interface Addresses {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** A result with the addresses given. @param child the content; undefined for an empty result */
export function resultWith(iq: Stanza, addresses: Addresses, child?: Element): Element {
  return xml('iq', { id: iq.attributes.id, ...addresses, type: 'result' }, child);
}

/** What a handler returns when it has done a part of what was asked, and refused the rest. */
export class PartRefused {
  /** What was refused, as it is now. It stands in the answer before the error (RFC 6120 §8.3.1). */
  readonly payload: Element;
  readonly error: StanzaError;

  constructor(payload: Element, error: StanzaError) {
    this.payload = payload;
    this.error = error;
  }
}

/** What a handler returns: the child of the result, undefined for an empty one. */
export type IqAnswer = Element | PartRefused | undefined;

/** The answer to the sender of the request. */
export function answerOf(iq: Stanza, outcome: IqAnswer): Element {
  const { from, to } = iq.attributes;
  return answerWith(iq, { from: to, to: from }, outcome);
}

/** The answer with the addresses given. */
export function answerWith(iq: Stanza, addresses: Addresses, outcome: IqAnswer): Element {
  if (!(outcome instanceof PartRefused)) return resultWith(iq, addresses, outcome);
  return xml('iq', { id: iq.attributes.id, ...addresses, type: 'error' }, outcome.payload, outcome.error.toElement());
}

/** A result for the sender of the request. */
export function resultOf(iq: Stanza, child?: Element): Element {
  const { from, to } = iq.attributes;
  return resultWith(iq, { from: to, to: from }, child);
}

/** An empty result for the session that asked, when its request was carried out before. */
export function emptyResult(iq: Stanza, session: Jid): Buffer {
  return Buffer.from(resultWith(iq, { from: iq.attributes.to, to: session.toString() }).toString());
}

/** An error with the addresses given. */
export function errorWith(stanza: Stanza, addresses: Addresses, error: StanzaError): Element {
  return xml(stanza.name, { id: stanza.attributes.id, ...addresses, type: 'error' }, error.toElement());
}

/**
 * An error for the sender.
 * @returns undefined if the stanza is an error or a result, because these are never answered (§8.3.1)
 */
export function errorOf(stanza: Stanza, error: StanzaError): Element | undefined {
  if (!isAnswerable(stanza)) return undefined;
  const { from, to } = stanza.attributes;
  return errorWith(stanza, { from: to, to: from }, error);
}

export function isAnswerable({ type }: Stanza): boolean {
  return type !== 'error' && type !== 'result';
}
