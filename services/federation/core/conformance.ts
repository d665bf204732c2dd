/** What is spoken with other servers on the streams that we open, for docs/xeps.md; features of their streams to us declare the rest. */
export const conformance = [
  {
    spec: 'RFC 6120',
    version: '2011',
    title: 'XMPP Core between servers: streams, STARTTLS, SASL EXTERNAL',
    note: 'Each of our pairs of domains has a stream of its own (no piggybacking on ours, XEP-0220 §2.6). There is no DANE: it needs a resolver that validates, and none is asked.',
  },
  {
    spec: 'XEP-0199',
    version: '2.0.1',
    title: 'XMPP Ping, behind what another server does not acknowledge otherwise',
  },
  { spec: 'XEP-0203', version: '2.0', title: 'Delayed Delivery of what had to wait for another server' },
  {
    spec: 'XEP-0185',
    version: '1.0',
    title: 'Dialback Key Generation and Validation',
  },
  {
    spec: 'XEP-0100',
    version: '1.0',
    title: 'Gateway Interaction: what a gateway, as a component, needs of a server',
    note: 'Rosters are not filled by the server: a gateway that may not (XEP-0356) asks for each subscription.',
  },
  {
    spec: 'XEP-0114',
    version: '1.6',
    title: 'Jabber Component Protocol: components that connect to us',
    note: 'XEP-0225 and namespace delegation (XEP-0355). There is no TLS, so the port is on the loopback unless an address is given.',
  },
  {
    spec: 'RFC 7711',
    version: '2015',
    title: 'PKIX over Secure HTTP (POSH): asked for when a certificate does not prove the domain, in both directions',
  },
  {
    spec: 'XEP-0288',
    version: '1.0.1',
    title: 'Bidirectional Server-to-Server Connections, on streams that we open',
    note: 'Streams that others open to us carry stanzas one way.',
  },
  { spec: 'XEP-0368', version: '1.1.0', title: 'SRV records for XMPP over TLS between servers, with ALPN' },
];
