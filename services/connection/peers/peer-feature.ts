/** The shape of a feature of streams of other servers: as those of clients (core/stream-feature.ts), with the states of such a stream. */
import type { Logger } from 'pino';
import type { Arrivals, Domains, Proven } from '../../../lib/s2s/arrivals.ts';
import type { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { SpecRow } from '../core/stream-feature.ts';
import type { OwnerLink } from './owner-link.ts';

/** `secure`: TLS is below. `proven`: the peer has proved one domain at least. */
export type PeerTrait = 'secure' | 'proven';

export interface PeerFeature {
  readonly requires?: readonly PeerTrait[];
  readonly forbids?: readonly PeerTrait[];
  /** Absent: nothing is claimed of it. */
  readonly specs?: readonly SpecRow[];
  /** Complete elements for the `<stream:features/>` of a stream in these states; '' for none. */
  readonly advertise?: (stream: PeerStream) => string | Promise<string>;
  readonly elements?: readonly PeerElement[];
}

interface PeerElement {
  readonly ns: string;
  readonly name: string;
  /** Nothing more is read until what it returns is done. @throws {StreamError} ends the stream */
  readonly handle: (element: Stanza, stream: PeerStream) => Promise<void> | undefined;
}

/** A stream of another server as its features see it. */
export interface PeerStream {
  /** The id of the stream in our header. */
  readonly id: string;
  readonly log: Logger;
  readonly owner: OwnerLink;
  readonly arrivals: Arrivals;
  /** What the headers name; `peer` is '' where the peer's does not. */
  readonly domains: Domains;
  /** The policy of the domain that the peer's header names wants a certificate. */
  readonly needsCertificate: boolean;
  readonly isOpen: boolean;
  /** Runs whenever routers have taken some of the stanzas. */
  onHandled: (() => void) | undefined;
  /** Runs before we end the stream in order, when routers have taken all that came. */
  onLeaving: (() => void) | undefined;
  has(trait: PeerTrait): boolean;
  /** Does the certificate that it has shown prove that it is this domain? */
  proves(domain: string): Promise<boolean>;
  /** May one more key be asked for, of the server of this domain? */
  mayAsk(domain: string): boolean;
  /** Keys of dialback that are being asked for. */
  asking: number;
  /** It may send from the peer's domain to ours. @throws {StreamError} when it proves too many */
  prove(domains: Domains, proven: Proven): void;
  sendElement(text: string): void;
  /** An attempt of SASL has failed (RFC 6120 §6.4.5). @throws {StreamError} when it has had enough of them */
  refuseSasl(failure: SaslFailure): void;
  /** The stream begins anew, with more features. */
  restart(): void;
  startTls(proceed: string): Promise<void> | undefined;
  /** With an error that is ours to say. */
  fail(error: Error): void;
  finish(): void;
}
