/** Specifications of streams that need no feature of their own, for docs/xeps.md. Features declare the rest. */
import type { SpecRow } from './stream-feature.ts';

export const conformance: readonly SpecRow[] = [
  { spec: 'RFC 6120', version: '2011', title: 'XMPP Core: TCP streams, STARTTLS, limits, stream errors' },
  { spec: 'RFC 7395', version: '2014', title: 'An XMPP Subprotocol for WebSocket' },
  { spec: 'XEP-0368', version: '1.1.0', title: 'SRV records for XMPP over TLS: direct TLS with ALPN' },
];
