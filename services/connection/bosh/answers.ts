/** What a client is answered (XEP-0124 §7.2, §17). */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { StreamError, StreamErrorCondition } from '../../../lib/xmpp/errors.ts';
import { NS_STREAM } from '../../../lib/xmpp/scanner.ts';
import type { BoshExchange } from '../door/bosh.ts';
import { type BindingCondition, NS_HTTPBIND, NS_XBOSH } from './body.ts';

type Attributes = Readonly<Record<string, string | number | undefined>>;

export function bodyOf(attributes: Attributes, payloads: readonly (Buffer | string)[] = []): Buffer {
  let opening = `<body xmlns='${NS_HTTPBIND}'`;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) opening += ` ${name}='${escapeAttribute(`${value}`)}'`;
  }
  if (payloads.length === 0) return Buffer.from(`${opening}/>`);
  const pieces = payloads.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
  return Buffer.concat([Buffer.from(`${opening}>`), ...pieces, Buffer.from('</body>')]);
}

/** XEP-0206 §4. */
export function creation(attributes: Attributes): Attributes {
  return { ...attributes, 'xmlns:xmpp': NS_XBOSH, 'xmlns:stream': NS_STREAM, 'xmpp:version': '1.0' };
}

export interface Terminal {
  readonly status: number;
  readonly attributes: Attributes;
  readonly payloads: readonly string[];
}

/** §17.1: a client that does not say its version is answered in HTTP alone. */
const legacyStatus: Partial<Record<BindingCondition, number>> = {
  'bad-request': 400,
  'policy-violation': 403,
  'item-not-found': 404,
};

/** @param isLegacy true when the client has not said which version it speaks */
export function terminal(condition?: BindingCondition, isLegacy = false, payloads: readonly string[] = []): Terminal {
  const status = (isLegacy && condition !== undefined && legacyStatus[condition]) || 200;
  return { status, attributes: { type: 'terminate', condition }, payloads };
}

/** Conditions that §17.2 has for faults of the service itself. */
const ownConditions: Partial<Record<StreamErrorCondition, BindingCondition>> = {
  'host-gone': 'host-gone',
  'host-unknown': 'host-unknown',
  'improper-addressing': 'improper-addressing',
  'internal-server-error': 'internal-server-error',
  'system-shutdown': 'system-shutdown',
};

/** XEP-0206 §6: the content of the stream error is the content of `<body/>`. */
export function terminalOf(error: StreamError): Terminal {
  const own = ownConditions[error.condition];
  if (own !== undefined) return terminal(own);
  return terminal(
    'remote-stream-error',
    false,
    error.toElement().children.map((child) => `${child}`),
  );
}

export function refuse(exchange: BoshExchange, { status, attributes, payloads }: Terminal): void {
  exchange.answer(status, bodyOf(attributes, payloads));
}
