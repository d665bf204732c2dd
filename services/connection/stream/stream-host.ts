/** What a stream asks of the node that holds it. */
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { StreamIdentity } from '../door/tls.ts';
import type { SessionStream } from '../session/egress.ts';
import type { RouterLink } from '../session/router-link.ts';
import type { Session } from '../session/session.ts';
import type { SessionStart } from '../session/session-owner.ts';
import type { Greetings } from './greetings.ts';
import type { ResumeHost } from './stream-elements.ts';
import type { SocketTransport } from './transport.ts';

export interface StreamHost extends ResumeHost {
  readonly subject: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly router: RouterLink;
  readonly greetings: Greetings;
  session(start: SessionStart, stream: SessionStream): Session;
  /** Of all streams to a tenant, only so many per second. */
  mayOpen(domain: string): boolean;
  /** What clients of the domain that name no server are shown. */
  identityFor(domain: string): StreamIdentity | undefined | Promise<StreamIdentity | undefined>;
  /** Goes on as a TLS server on the stream's socket. @param deadlineMs monotonic: for the end of authentication */
  startTls(transport: SocketTransport, deadlineMs: number, identity: StreamIdentity | undefined): void;
  /** One more stream, or one less, of a client that has signed in. */
  signedIn(address: string, change: 1 | -1): void;
  closed(stream: SessionStream): void;
}
