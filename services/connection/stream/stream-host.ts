/** What a stream asks of the node that holds it. */
import type { FeatureList } from '../core/feature-list.ts';
import type { FeatureHost } from '../core/stream-feature.ts';
import type { StreamIdentity, TlsWish } from '../door/tls.ts';
import type { SessionStream } from '../session/egress.ts';
import type { RouterLink } from '../session/router-link.ts';
import type { Session } from '../session/session.ts';
import type { SessionStart } from '../session/session-owner.ts';
import type { Greetings } from './greetings.ts';
import type { SocketTransport } from './transport.ts';

export interface StreamHost extends FeatureHost {
  readonly features: FeatureList;
  readonly router: RouterLink;
  readonly greetings: Greetings;
  session(start: SessionStart, stream: SessionStream): Session;
  /** What clients of the domain that name no server are shown. */
  identityFor(domain: string): StreamIdentity | undefined | Promise<StreamIdentity | undefined>;
  /** Goes on as a TLS server on the socket of the stream. @param deadlineMs of authentication, monotonic */
  startTls(transport: SocketTransport, deadlineMs: number, wish: TlsWish): void;
  closed(stream: SessionStream): void;
}
