/** Specifications of streams that need no feature of their own, for docs/xeps.md. Features declare the rest. */
import type { SpecRow } from './stream-feature.ts';

export const conformance: readonly SpecRow[] = [
  { spec: 'RFC 6120', version: '2011', title: 'XMPP Core: TCP streams, STARTTLS, limits, stream errors' },
  { spec: 'RFC 7395', version: '2014', title: 'An XMPP Subprotocol for WebSocket' },
  {
    spec: 'RFC 4505',
    version: '2006',
    title: 'Anonymous SASL Mechanism, where the tenant lets guests in',
    note: 'What a client says of itself (the trace) is not kept.',
  },
  {
    spec: 'RFC 7628',
    version: '2015',
    title: 'SASL Mechanisms for OAuth: OAUTHBEARER, with a JWT (RFC 7519) or with introspection',
    note: 'No OAUTH10A. Tokens are JWTs, or whatever the authorization server can be asked about (RFC 7662).',
  },
  {
    spec: 'XEP-0178',
    version: '1.3',
    title: 'SASL EXTERNAL of clients, where the tenant names a CA',
    note: 'After STARTTLS, and on direct TLS, WebSockets and BOSH where the server name in TLS is the domain. For pages of other sites it does not count. Revocation is not looked up.',
  },
  {
    spec: 'XEP-0493',
    version: '0.1.0',
    title: 'OAuth Client Login: an empty token is answered with the discovery address of the issuer',
    note: 'Scopes are not looked at: a token that is taken gives the whole account. The authorization server is the tenant’s own.',
  },
  {
    spec: 'XEP-0124',
    version: '1.11.2',
    title: 'Bidirectional-streams Over Synchronous HTTP (BOSH)',
    note:
      'One stream a session (§16), without key sequences (§15), which are for sessions without TLS, and compression. `content` is not heeded: ' +
      'an answer that a browser takes for a page would be one of this origin.',
  },
  {
    spec: 'XEP-0206',
    version: '1.4',
    title: 'XMPP Over BOSH',
    note: 'Namespaces with prefixes are declared on the payloads themselves.',
  },
  { spec: 'XEP-0368', version: '1.1.0', title: 'SRV records for XMPP over TLS: direct TLS with ALPN' },
  { spec: 'XEP-0440', version: '1.0.0', title: 'SASL Channel-Binding Type Capability' },
  {
    spec: 'XEP-0474',
    version: '0.5.0',
    title: 'SASL SCRAM Downgrade Protection',
    note: 'With XEP-0388 only: some clients of RFC 6120 fail when they meet another attribute.',
  },
  {
    spec: 'XEP-0515',
    version: '0.1.0',
    title: 'TLS Channel-Binding Downgrade Protection',
    note: 'Where XEP-0474 is, if TLS ends at Skylark and not at a proxy.',
  },
  {
    spec: 'XEP-0480',
    version: '0.2.0',
    title: 'SASL Upgrade Tasks',
    note: 'Offered to accounts that lack SHA-256 or SHA-512, on streams that name the account.',
  },
];
