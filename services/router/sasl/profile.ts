/** How a SASL exchange is written as XML: as RFC 6120 §6 has it, or as XEP-0388 has it (sasl2.ts). */
import { xml } from '../../../lib/xmpp/element.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { decodeBase64 } from './base64.ts';

/** What an element of the client says. */
export interface Said {
  /** Set by the element that begins an exchange; undefined in a response. */
  readonly mechanism?: string | undefined;
  /** Undefined when an exchange begins without an initial response (RFC 6120 §6.4.2). */
  readonly data: Buffer | undefined;
}

export interface Profile {
  readonly ns: string;
  /** @throws {SaslFailure} */
  read(element: Stanza): Said;
  challenge(data?: string): string;
  /**
   * What the client is told when it has signed in.
   * @param data additional data with success (RFC 4422 §3.6)
   */
  success(data?: string | Buffer): string;
  failure(failure: SaslFailure): string;
}

const saslNs = 'urn:ietf:params:xml:ns:xmpp-sasl';

export const rfc6120: Profile = {
  ns: saslNs,
  read(element) {
    const isStart = element.name === 'auth';
    checkBare(element, isStart || element.name === 'response');
    const text = element.element().getText();
    if (!isStart) return { data: decodeData(text) };
    const { mechanism = '' } = element.attributes;
    return { mechanism, data: text === '' ? undefined : text === '=' ? Buffer.alloc(0) : decodeData(text) };
  },
  challenge: (data) => answer('challenge', data),
  success: (data) => answer('success', data),
  failure: (failure) => failure.toElement().toString(),
};

function answer(name: string, data: string | Buffer | undefined): string {
  return xml(name, { xmlns: saslNs }, data === undefined ? undefined : encodeData(data)).toString();
}

/** @throws {SaslFailure} when the element is not one of those that hold data alone */
export function checkBare(element: Stanza, isExpected: boolean): void {
  if (isExpected && element.children.length === 0) return;
  throw new SaslFailure('malformed-request', `<${element.name}/> is not a SASL element that a client may send`);
}

/** @throws {SaslFailure} RFC 6120 §6.5.5 */
export function decodeData(text: string): Buffer {
  const bytes = decodeBase64(text);
  if (!bytes) throw new SaslFailure('incorrect-encoding');
  return bytes;
}

export function encodeData(data: string | Buffer): string {
  return Buffer.from(data as string).toString('base64');
}
