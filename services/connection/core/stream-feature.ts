/**
 * The shape of a stream feature: one specification of what a stream can do beside carrying stanzas, declared as data
 * (docs/contributing.md shows how to add one). The stream knows no feature by name; it asks the list of them.
 *
 * A feature says where it may be used (`requires`, `forbids`), what it adds to `<stream:features/>` there, which elements of a client
 * it handles, and whether it stands on the way out to the client. That TLS comes before SASL, and SASL before stream management,
 * follows from these declarations.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { ChannelBinding, StepItem } from '../../../lib/runtime/wire.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Admission } from '../door/admission.ts';
import type { SessionStream } from '../session/egress.ts';
import type { StageKind } from '../session/outgoing-stages.ts';
import type { StepAnswer } from '../session/router-link.ts';
import type { Session } from '../session/session.ts';

/**
 * How far a stream has come.
 *
 * `secure`: whatever carries it is as secure as it will become, which is TLS, or a WebSocket, that has no STARTTLS (RFC 7395 §3.9).
 * `signedIn`: it has a session, so the client has authenticated and the stream has opened again. `bound`: the session has a resource.
 */
export type StreamTrait = 'secure' | 'signedIn' | 'bound';

/** The states of a stream in which something may be used: all of `requires` hold, and none of `forbids`. */
export interface StreamStates {
  readonly requires?: readonly StreamTrait[];
  readonly forbids?: readonly StreamTrait[];
}

/** A row of docs/xeps.md. */
export interface SpecRow {
  readonly spec: string;
  readonly version: string;
  readonly title: string;
  readonly note?: string;
}

export interface StreamFeature extends StreamStates {
  /** Absent: nothing is claimed of it. */
  readonly specs?: readonly SpecRow[];
  /** Complete elements, with their namespaces, for the `<stream:features/>` of a stream in these states. */
  readonly advertise?: (stream: FeatureStream) => string;
  readonly elements?: readonly ElementRoute[];
  /** One is made for each stream that is attached to a session. */
  readonly outgoing?: StageKind;
}

export interface ElementRoute {
  readonly ns: string;
  readonly name: string;
  /** Only elements with such a child: how a stanza is told that is for the stream and not for a router. */
  readonly child?: { readonly ns: string; readonly name: string };
  /** Instead of the feature's own states. In others the element is refused: `not-authorized` before sign-in, then as unknown. */
  readonly states?: StreamStates;
  /**
   * Nothing more is read from the client until what it returns is done. @throws {StreamError} ends the stream, and its session
   */
  readonly handle: (element: Stanza, stream: FeatureStream) => Promise<void> | undefined;
}

/**
 * A stream as its features see it. It is an interface so that a feature can carry others inside its own element (XEP-0386, XEP-0388): it
 * hands them a stream whose `sendElement` gathers what goes into its answer.
 */
export interface FeatureStream extends SessionStream {
  readonly host: FeatureHost;
  readonly sid: string;
  readonly kind: 'tcp' | 'websocket';
  /** TLS is below. */
  readonly isSecure: boolean;
  /** Set once the client has signed in; resumption puts another in its place. */
  session: Session | undefined;
  has(trait: StreamTrait): boolean;
  /** Before there is a session: asks a router. Such requests go one after the other, because nothing is read meanwhile. */
  ask(item: StepItem, bodies: readonly Buffer[]): Promise<StepAnswer | undefined>;
  /** What the client is offered to bind its sign-in to. The data itself is worked out from `bindToTls` on: it costs as much as a step. */
  readonly binding: ChannelBinding;
  bindToTls(): void;
  /** The client is this account from now on, and opens its stream again. @param features of that stream, if they are known already */
  signedIn(account: string, features: string | undefined): void;
  /**
   * Sends the failure of an attempt to sign in that routers have not heard of; the others are counted by them. RFC 6120 §6.4.5: a client
   * has a few attempts. @throws {StreamError} when it has had them
   */
  signInFailed(failure: string): void;
  /** Sends `proceed` and gives the socket to TLS; nothing that came behind the request counts (RFC 6120 §5.4.3.3). */
  startTls(proceed: string): Promise<void> | undefined;
}

/** What features ask of the node. */
export interface FeatureHost {
  readonly subject: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly admission: Admission;
  /** Finds the session, here or on another node, and takes it from its old stream. @throws {StreamError} */
  claim(claim: Claim, stream: SessionStream): Promise<Found>;
}

/** What a client says of the session that it wants back. */
export interface Claim {
  readonly previd: string;
  /** How many stanzas of it the client has received. */
  readonly h: number;
  /** Bare JID that signed in. */
  readonly account: string;
}

/** Absent `session`: there is none, or none any more; `h` then says how far it got, if that is known. */
export interface Found {
  readonly session?: Session;
  readonly h?: number;
}
