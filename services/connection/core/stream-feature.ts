/**
 * The shape of a stream feature: one specification of what a stream can do besides carrying stanzas, declared as data
 * (docs/contributing.md shows how to add one). The stream does not know features by name; it asks the list of them.
 *
 * A feature declares where it may be used (`requires`, `forbids`), what it adds to `<stream:features/>` there, which elements of
 * a client it handles, and whether it has a stage on the way out to the client. From these declarations follows that TLS comes
 * before SASL, and SASL before stream management.
 */
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Measured } from '../../../lib/runtime/figures.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { ChannelBinding, StepItem } from '../../../lib/runtime/wire.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Admission } from '../door/admission.ts';
import type { SessionStream } from '../session/egress.ts';
import type { StageKind } from '../session/outgoing-stages.ts';
import type { StepAnswer } from '../session/router-link.ts';
import type { Session } from '../session/session.ts';

/**
 * How far a stream has come.
 *
 * `secure`: the connection is as secure as it will become. That means TLS, or a WebSocket or BOSH, because these have no STARTTLS
 * (RFC 7395 §3.9, XEP-0206 §3). `authenticating`: an exchange of XEP-0388 is under way. `signedIn`: the stream has a session, so the client
 * has authenticated and, without XEP-0388, the stream has opened again.
 * `bound`: the session has a resource.
 */
export type StreamTrait = 'secure' | 'authenticating' | 'signedIn' | 'bound';

/** The states of a stream in which something may be used: all of `requires`, and none of `forbids`. */
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

export interface StreamFeature extends StreamStates, Measured {
  /** Undefined when no version is claimed. */
  readonly specs?: readonly SpecRow[];
  /**
   * Complete elements, with their namespaces, for `<stream:features/>` in these states.
   * @param others what stands before them there, of routers and of features further up in the list
   */
  readonly advertise?: (stream: FeatureStream, others: string) => string;
  readonly elements?: readonly ElementRoute[];
  /**
   * Looks at `<authenticate/>` (XEP-0388) before anything comes of it.
   * @returns false when it has refused it. @throws {StreamError}
   */
  readonly guard?: SignInGuard;
  /** What a client may ask for in one step with signing in. */
  readonly inline?: InlineFeature;
  /** What a client may ask for in one step with binding a resource. */
  readonly inBind?: InBindFeature;
  /** Makes a stage for each stream that is attached to a session. */
  readonly outgoing?: StageKind;
}

export interface ElementRoute {
  readonly ns: string;
  readonly name: string;
  /** Limits the handler to elements with such a child. It tells a stanza for the stream from one for a router. */
  readonly child?: { readonly ns: string; readonly name: string };
  /**
   * Replaces the states of the feature. In other states the element is refused: with `not-authorized` before sign-in, and later
   * as unknown.
   */
  readonly states?: StreamStates;
  /**
   * Nothing more is read from the client until the returned promise is settled. @throws {StreamError} to end the stream and its
   * session
   */
  readonly handle: (element: Stanza, stream: FeatureStream) => Promise<void> | undefined;
}

export type SignInGuard = (request: Stanza, stream: FeatureStream) => boolean;

/** A part of `<authenticate/>` (XEP-0388 §2.1). The parts are handled in the order of the features. */
export interface InlineFeature {
  readonly ns: string;
  readonly name: string;
  /** Announces it, as a complete element. Undefined for XEP-0386, which routers announce with what can be asked for there. */
  readonly offer?: string;
  /**
   * Handles the part when the client has signed in. @throws {StreamError} to end the stream and its session
   * @param done must be called once, unless the stream has ended, with what goes into `<success/>`. When it was the last part, the
   *   client has `<success/>` when `done` returns, and stanzas may follow.
   */
  readonly handle: (element: Element, stream: FeatureStream, done: InlineDone) => Promise<void>;
}

/** @param isResumed true: the stream has its session, nothing else of `<authenticate/>` is handled, and no features follow */
export type InlineDone = (text: string, isResumed?: boolean) => void;

/** A part of `<bind/>` (XEP-0386 §2.2). */
export interface InBindFeature {
  readonly ns: string;
  /** Any of these elements asks for it. The namespace is what is announced. */
  readonly names: readonly string[];
  /** Handles the part when the session is bound. @returns what goes into `<bound/>` */
  readonly handle: (element: Element, stream: FeatureStream) => string;
}

/** What a router has said of a client that has proved who it is. */
export interface SignedIn {
  /** The bare JID. */
  readonly account: string;
  /** {@link StepReply.endsInMs} */
  readonly endsInMs: number | undefined;
}

/** A stream as its features see it. */
export interface FeatureStream extends SessionStream {
  readonly host: FeatureHost;
  readonly sid: string;
  readonly kind: 'tcp' | 'websocket' | 'bosh';
  /** True when the stream is under TLS. */
  readonly isSecure: boolean;
  /** Set when the client has signed in. A resumption replaces it. */
  session: Session | undefined;
  isAuthenticating: boolean;
  has(trait: StreamTrait): boolean;
  /** Asks a router before there is a session. Nothing is read meanwhile, so such requests go one after the other. */
  ask(item: StepItem, bodies: readonly Buffer[]): Promise<StepAnswer | undefined>;
  /**
   * The types of channel binding that the client is offered. The data is computed from `bindToTls` on, because it costs as much
   * as a step.
   */
  readonly binding: ChannelBinding;
  bindToTls(): void;
  /** As in {@link StepItem}. */
  readonly tlsVersion: string | undefined;
  /** The certificates that the client has shown in TLS, DER in base64, its own first; undefined when it has shown none. */
  readonly chain: readonly string[] | undefined;
  /**
   * Signs the client in to this account; then the client opens its stream again.
   * @param features of that stream, if they are known already
   */
  signedIn(signedIn: SignedIn, features: string | undefined): void;
  /** The same for a stream that goes on without opening again. It has its session at once. */
  goOnAs(signedIn: SignedIn): void;
  /** Sends the features that apply now. @param features what routers announce */
  sendFeatures(features: string): void;
  /**
   * Sends the failure of an attempt to sign in that no router has seen. Routers count the others. A client has a few attempts
   * (RFC 6120 §6.4.5).
   * @throws {StreamError} when it has no more
   */
  signInFailed(failure: string): void;
  /** Sends `proceed` and gives the socket to TLS. Anything that came after the request is dropped (RFC 6120 §5.4.3.3). */
  startTls(proceed: string): Promise<void> | undefined;
}

/** What clients may ask for inside of other features, in the order of the features. */
export interface FeatureParts {
  readonly guards: readonly SignInGuard[];
  readonly inline: readonly InlineFeature[];
  readonly inBind: readonly InBindFeature[];
}

/** What features ask of the node. */
export interface FeatureHost {
  readonly subject: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly admission: Admission;
  readonly features: FeatureParts;
  /** Finds the session, on this node or another one, and takes it from its old stream. @throws {StreamError} */
  claim(claim: Claim, stream: SessionStream): Promise<Found>;
}

/** What a client says about the session that it wants to resume. */
export interface Claim {
  readonly previd: string;
  /** How many of the session's stanzas the client has received. */
  readonly h: number;
  /** The bare JID that has signed in. */
  readonly account: string;
}

/** `session` is undefined when there is none any more. Then `h` says how far it got, if that is known. */
export interface Found {
  readonly session?: Session;
  readonly h?: number;
}
