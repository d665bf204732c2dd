/** How a request of BOSH (XEP-0124) comes from a web server to a connection node, and from a node to the one that has its session. */
import { answerKind } from './answer.ts';

/** What a web server emits, with request and response, for requests of the path of BOSH. */
export const boshEvent = 'bosh';

/** node → node that has the BOSH session, at its subject for other nodes (nodes.ts): a request that came to another node. Body: the request's `<body/>`, as it came. */
export interface BoshRequest {
  readonly kind: 'bosh';
  /** The request came over TLS, or from a proxy on the machine of the node. */
  readonly isSecure: boolean;
  /** SHA-256 of the certificate that the client has shown with it, hex; '' when it has shown none. */
  readonly shown?: string;
  /** How long the asker waits for the answer, ms. */
  readonly waitMs: number;
}

/** Body: what the client is sent. Without one, its connection is closed. */
export interface BoshReply {
  /** The status of HTTP. */
  readonly status: number;
}

export const boshAnswer = answerKind<BoshReply>('bosh', { status: true });
