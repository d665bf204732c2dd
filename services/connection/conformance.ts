/** What this service speaks, for docs/xeps.md. */
export const conformance = [
  { spec: 'RFC 6120', version: '2011', title: 'XMPP Core: TCP streams, STARTTLS, limits, stream errors' },
  { spec: 'RFC 7395', version: '2014', title: 'An XMPP Subprotocol for WebSocket' },
  { spec: 'RFC 7590', version: '2015', title: 'Use of TLS in XMPP: TLS 1.2 and later, never plaintext authentication' },
  {
    spec: 'XEP-0198',
    version: '1.6.1',
    title: 'Stream Management',
    note: 'Acknowledgements, resumption on this and on another node. Without `location`: any node will do.',
  },
  { spec: 'XEP-0368', version: '1.1.0', title: 'SRV records for XMPP over TLS: direct TLS with ALPN' },
  {
    spec: 'XEP-0478',
    version: '0.1.0',
    title: 'Stream Limits Advertisement',
    note: 'Behind STARTTLS, before and after SASL. An element beyond `max-bytes` ends the stream with `policy-violation`.',
  },
] as const;
