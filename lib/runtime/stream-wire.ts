/** What a node tells a router of a stream: how it is secured, and what can be asked for on it. */

/** Complete elements: for `<inline/>` of XEP-0388, and for `<inline/>` of XEP-0386 in it. */
export interface InlineOffer {
  readonly signIn: string;
  /** Undefined when the node cannot bind in this way. */
  readonly bind?: string | undefined;
}

/** The version of TLS, if TLS ends at the node: four hexadecimal digits, as XEP-0515 §4.1 has them. */
export type TlsVersion = string | undefined;

/**
 * Base64 of the channel binding data by type (RFC 5929, RFC 9266); empty without TLS. '' instead of the data where the client has not
 * chosen a mechanism that binds: then the types alone count.
 */
export type ChannelBinding = Readonly<Partial<Record<'tls-exporter' | 'tls-server-end-point', string>>>;
