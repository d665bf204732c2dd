/** STARTTLS (RFC 6120 §5): the only feature of a stream of another server in the clear, and required there (RFC 7590 §3.3). */
import type { PeerFeature, PeerStream } from '../peer-feature.ts';

const NS = 'urn:ietf:params:xml:ns:xmpp-tls';

export const startTls: PeerFeature = {
  forbids: ['secure'],
  advertise: () => `<starttls xmlns='${NS}'><required/></starttls>`,
  elements: [{ ns: NS, name: 'starttls', handle: begin }],
};

function begin(_element: unknown, stream: PeerStream): Promise<void> | undefined {
  return stream.startTls(`<proceed xmlns='${NS}'/>`);
}
