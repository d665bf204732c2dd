/** The ways to write a stream: RFC 6120 §4 (one long document), RFC 7395 §3 (a message for each element), and XEP-0124 (elements in a body). */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import { FrameScanner } from '../../../lib/xmpp/frame-scanner.ts';
import { NS_STREAM, preauthBounds, type Scanner, type ScannerEvent, StreamScanner } from '../../../lib/xmpp/scanner.ts';
import { type Stanza, spliceAttributes } from '../../../lib/xmpp/stanza.ts';

const NS_CLIENT = 'jabber:client';
export const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

/** What our own header says. */
export interface OwnHeader {
  readonly id: string;
  /** RFC 6120 §4.9.1.3: '' while the peer has not named a domain that is served here. */
  readonly from: string;
  readonly to: string | undefined;
}

/** The header of the peer, without what the framing has checked. */
export interface Opening {
  readonly kind: 'open';
  readonly to: string | undefined;
  readonly from: string | undefined;
  readonly version: string | undefined;
  readonly lang: string | undefined;
}

export type StreamEvent = Opening | Stanza | { readonly kind: 'close' };

export interface Framing {
  scanner(): Scanner;
  /** Undefined when the stream takes what the scanner returns. */
  readonly event?: (event: ScannerEvent) => StreamEvent;
  header(header: OwnHeader): string;
  /** @param inner complete elements that declare their namespaces */
  features(inner: string): string;
  error(error: StreamError): string;
  /** Converts from canonical form. Undefined when it is written as it is. */
  readonly stanza?: (bytes: Buffer) => Buffer;
  readonly closing: string;
}

function attributes({ id, from, to }: OwnHeader): string {
  const list = { from, to, id, version: '1.0', 'xml:lang': 'en' };
  return Object.entries(list)
    .map(([name, value]) => (value === undefined ? '' : ` ${name}='${escapeAttribute(value)}'`))
    .join('');
}

export const tcpFraming: Framing = {
  scanner: () => new StreamScanner({ contentNs: NS_CLIENT, bounds: preauthBounds }),
  header: (header) =>
    `<?xml version='1.0'?><stream:stream xmlns='${NS_CLIENT}' xmlns:stream='${NS_STREAM}'${attributes(header)}>`,
  features: (inner) => `<stream:features>${inner}</stream:features>`,
  error: (error) => error.toString(),
  closing: '</stream:stream>',
};

export const webSocketFraming: Framing = {
  scanner: () => new FrameScanner({ bounds: preauthBounds }),
  event(event) {
    if (event.kind !== 'stanza' || event.ns !== NS_FRAMING) return event;
    if (event.name === 'close') return { kind: 'close' };
    if (event.name !== 'open') return event;
    const { to, from, version, 'xml:lang': lang } = event.attributes;
    return { kind: 'open', to, from, version, lang };
  },
  header: (header) => `<open xmlns='${NS_FRAMING}'${attributes(header)}/>`,
  features: (inner) => `<stream:features xmlns:stream='${NS_STREAM}'>${inner}</stream:features>`,
  error: (error) => error.toElement().toString(),
  stanza: (bytes) => spliceAttributes(bytes, ` xmlns='${NS_CLIENT}'`),
  closing: `<close xmlns='${NS_FRAMING}'/>`,
};

/** XEP-0124: the transport reads as WebSocket does; headers and ends are attributes of the `<body/>` that it writes. */
export const boshFraming: Framing = { ...webSocketFraming, header: () => '', error: () => '', closing: '' };
