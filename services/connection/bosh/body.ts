/**
 * The `<body/>` of a request (XEP-0124 §6), and what it carries as a WebSocket would carry it (RFC 7395): a session that begins or restarts
 * is an `<open/>`, one that ends is a `<close/>`, and each payload is a message. So the stream reads both in the same way.
 */
import { xml } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { openBounds } from '../../../lib/xmpp/scanner.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../limits.ts';
import { NS_FRAMING } from '../stream/framing.ts';

export const NS_HTTPBIND = 'http://jabber.org/protocol/httpbind';
export const NS_XBOSH = 'urn:xmpp:xbosh';

/** XEP-0124 §17.2: why a session ends. */
export type BindingCondition =
  | 'bad-request'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'item-not-found'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'remote-stream-error'
  | 'system-shutdown';

/** The request is refused, and the session, if there is one, ends. */
export class BindingError extends Error {
  override name = 'BindingError';
  readonly condition: BindingCondition;

  constructor(condition: BindingCondition) {
    super(condition);
    this.condition = condition;
  }
}

export interface BoshBody {
  readonly rid: number;
  /** Undefined: it asks for a session. */
  readonly sid: string | undefined;
  /** The domain, in a request for a session. */
  readonly to: string | undefined;
  readonly version: string | undefined;
  /** Seconds; `wait`, `hold` and `pause` are undefined where the client does not say them. */
  readonly wait: number | undefined;
  readonly hold: number | undefined;
  readonly pause: number | undefined;
  readonly ack: number | undefined;
  readonly isTerminate: boolean;
  /** What the stream is to read, in order. */
  readonly messages: readonly Buffer[];
}

/** One body has several stanzas, and none of them needs more than a stanza may have. */
const bounds = { ...openBounds, stanzaBytesMax: connectionLimits.boshBodyBytesMax, depthMax: openBounds.depthMax + 1 };
const notSpace = /[^ \t\r\n]/;

/** @throws {BindingError} bad-request, or policy-violation for what is beyond the bounds */
export function readBody(bytes: Buffer): BoshBody {
  const body = parse(bytes);
  if (body.name !== 'body' || body.ns !== NS_HTTPBIND) throw new BindingError('bad-request');
  const { attributes: given } = body;
  const rid = numberOf(given.rid);
  if (rid === undefined || rid === 0) throw new BindingError('bad-request');
  const payloads = payloadsOf(body);
  const own = (name: string) => qualified(body, name);
  const isOpening = given.sid === undefined || own('restart') === 'true' || own('restart') === '1';
  const isTerminate = given.type === 'terminate';
  const opening = { to: given.to, from: given.from, version: own('version') ?? '1.0', 'xml:lang': given['xml:lang'] };
  const messages = [
    ...(isOpening ? [Buffer.from(xml('open', { xmlns: NS_FRAMING, ...opening }).toString())] : []),
    ...payloads,
    ...(isTerminate ? [Buffer.from(xml('close', { xmlns: NS_FRAMING }).toString())] : []),
  ];
  const { sid, to, ver: version } = given;
  const [wait, hold] = [numberOf(given.wait), numberOf(given.hold)];
  return { rid, sid, to, version, wait, hold, pause: numberOf(given.pause), ack: numberOf(given.ack), isTerminate, messages };
}

function parse(bytes: Buffer): Stanza {
  try {
    return Stanza.parse(bytes, { defaultNs: '', bounds });
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    throw new BindingError(error.condition === 'policy-violation' ? 'policy-violation' : 'bad-request');
  }
}

/** §6: the wrapper has no text of its own. Nobody but us writes elements of the framing. */
function payloadsOf(body: Stanza): readonly Buffer[] {
  const { bytes, children } = body;
  let payload = body.payload();
  let at = payload.byteOffset - bytes.byteOffset;
  for (const { ns, start, end } of children) {
    if (ns === NS_FRAMING || notSpace.test(bytes.toString('latin1', at, start))) throw new BindingError('bad-request');
    payload = payload.subarray(end - at);
    at = end;
  }
  if (notSpace.test(payload.toString('latin1'))) throw new BindingError('bad-request');
  return children.map(({ start, end }) => bytes.subarray(start, end));
}

/** An attribute of XEP-0206, whatever its prefix is. */
function qualified(body: Stanza, name: string): string | undefined {
  for (const [prefix, ns] of body.namespaces)
    if (ns === NS_XBOSH && prefix !== '') {
      const value = body.attributes[`${prefix}:${name}`];
      if (value !== undefined) return value;
    }
  return undefined;
}

/** @throws {BindingError} for what is not a number from 0 to 2^53 - 1 (§14.1) */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw new BindingError('bad-request');
  return number;
}
