/** STARTTLS (RFC 6120 §5). It is the only feature of a TCP stream without TLS, and is required there (RFC 7590 §3.3). */
import type { FeatureStream, StreamFeature } from '../core/stream-feature.ts';

const NS = 'urn:ietf:params:xml:ns:xmpp-tls';

export const startTls: StreamFeature = {
  specs: [{ spec: 'RFC 7590', version: '2015', title: 'Use of TLS in XMPP: TLS 1.2 and later, never plaintext authentication' }],
  forbids: ['secure'],
  advertise: () => `<starttls xmlns='${NS}'><required/></starttls>`,
  // Handled in every state, so that the client gets an answer where TLS cannot begin.
  elements: [{ ns: NS, name: 'starttls', states: {}, handle: (_element, stream) => begin(stream) }],
};

/** §5.4.2.2: a failure ends the stream. */
function begin(stream: FeatureStream): Promise<void> | undefined {
  if (!stream.has('secure')) return stream.startTls(`<proceed xmlns='${NS}'/>`);
  stream.sendElement(`<failure xmlns='${NS}'/>`);
  stream.finish();
  return undefined;
}
