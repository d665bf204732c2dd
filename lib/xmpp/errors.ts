/**
 * The protocol's errors: handlers throw them, and the runtime turns them into XML in one place (RFC 6120 §4.9, §6.5, §8.3).
 */
import { type Element, xml } from './element.ts';

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const NS_STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams';
const NS_STREAM = 'http://etherx.jabber.org/streams';
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait';

/** The conditions of RFC 6120 §8.3.3 with the type that each should have. Where the RFC offers two types, this is the first. */
const stanzaErrorTypes = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const satisfies Record<string, StanzaErrorType>;

export type StanzaErrorCondition = keyof typeof stanzaErrorTypes;

export interface StanzaErrorOptions {
  /** The error type, where the RFC's default does not fit. */
  readonly type?: StanzaErrorType;
  /** Who found the error (RFC 6120 §8.3.1). */
  readonly by?: string;
  /** Content of `<gone/>` and `<redirect/>`: a URI (RFC 6120 §8.3.3.5, §8.3.3.14). */
  readonly uri?: string;
  /** The application's own condition (RFC 6120 §8.3.4). */
  readonly extra?: Element;
}

/** A stanza that cannot be served. Its sender receives {@link StanzaError.toElement} in a stanza of `type='error'`. */
export class StanzaError extends Error {
  override name = 'StanzaError';
  readonly condition: StanzaErrorCondition;
  readonly text: string | undefined;
  readonly type: StanzaErrorType;
  readonly by: string | undefined;
  readonly uri: string | undefined;
  readonly extra: Element | undefined;

  constructor(condition: StanzaErrorCondition, text?: string, options: StanzaErrorOptions = {}) {
    super(text === undefined ? condition : `${condition}: ${text}`);
    this.condition = condition;
    this.text = text;
    this.type = options.type ?? stanzaErrorTypes[condition];
    this.by = options.by;
    this.uri = options.uri;
    this.extra = options.extra;
  }

  /** `<error type='modify'><bad-request xmlns='urn:…:xmpp-stanzas'/><text …>…</text></error>` */
  toElement(): Element {
    return xml(
      'error',
      { type: this.type, by: this.by },
      xml(this.condition, { xmlns: NS_STANZAS }, this.uri),
      this.text === undefined ? undefined : xml('text', { xmlns: NS_STANZAS, 'xml:lang': 'en' }, this.text),
      this.extra,
    );
  }
}

/** Stream error conditions (RFC 6120 §4.9.3). */
export type StreamErrorCondition =
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'conflict'
  | 'connection-timeout'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'invalid-from'
  | 'invalid-namespace'
  | 'invalid-xml'
  | 'not-authorized'
  | 'not-well-formed'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'reset'
  | 'resource-constraint'
  | 'restricted-xml'
  | 'see-other-host'
  | 'system-shutdown'
  | 'undefined-condition'
  | 'unsupported-encoding'
  | 'unsupported-feature'
  | 'unsupported-stanza-type'
  | 'unsupported-version';

/**
 * The stream cannot go on: the peer is sent `<stream:error/>` and `</stream:stream>`, then the socket closes (RFC 6120 §4.9.1.1).
 */
export class StreamError extends Error {
  override name = 'StreamError';
  readonly condition: StreamErrorCondition;
  readonly text: string | undefined;
  readonly extra: Element | undefined;

  /** @param options.extra an application's own condition */
  constructor(condition: StreamErrorCondition, text?: string, options: { readonly extra?: Element } = {}) {
    super(text === undefined ? condition : `${condition}: ${text}`);
    this.condition = condition;
    this.text = text;
    this.extra = options.extra;
  }

  /** For framings without a stream header that declares `stream:` (RFC 7395): the element declares the prefix itself. */
  toElement(): Element {
    return xml(
      'stream:error',
      { 'xmlns:stream': NS_STREAM },
      xml(this.condition, { xmlns: NS_STREAMS }),
      this.text === undefined ? undefined : xml('text', { xmlns: NS_STREAMS, 'xml:lang': 'en' }, this.text),
      this.extra,
    );
  }

  /** `<stream:error>…</stream:error>` for a stream whose header declares `stream:`. */
  override toString(): string {
    const element = this.toElement();
    delete element.attrs['xmlns:stream'];
    return element.toString();
  }
}

/** SASL failure conditions (RFC 6120 §6.5). */
export type SaslCondition =
  | 'aborted'
  | 'account-disabled'
  | 'credentials-expired'
  | 'encryption-required'
  | 'incorrect-encoding'
  | 'invalid-authzid'
  | 'invalid-mechanism'
  | 'malformed-request'
  | 'mechanism-too-weak'
  | 'not-authorized'
  | 'temporary-auth-failure';

/** A failed attempt to authenticate. The stream stays open for another attempt (RFC 6120 §6.4.5). */
export class SaslFailure extends Error {
  override name = 'SaslFailure';
  readonly condition: SaslCondition;
  readonly text: string | undefined;

  constructor(condition: SaslCondition, text?: string) {
    super(text === undefined ? condition : `${condition}: ${text}`);
    this.condition = condition;
    this.text = text;
  }

  /** @param xmlns the namespace of `<failure/>`: XEP-0388 has its own, with the conditions of RFC 6120 */
  toElement(xmlns: string = NS_SASL): Element {
    const inner = xmlns === NS_SASL ? undefined : NS_SASL;
    return xml(
      'failure',
      { xmlns },
      xml(this.condition, { xmlns: inner }),
      this.text === undefined
        ? undefined
        : xml('text', { xmlns: xmlns === NS_SASL ? undefined : xmlns, 'xml:lang': 'en' }, this.text),
    );
  }
}
