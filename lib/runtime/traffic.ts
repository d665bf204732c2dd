/** What streams carry, by what carries them. It is added up for each write and each stanza, so a line is looked up once and kept. */
import { Count, type CountLine } from './counts.ts';

export const stanzas = new Count(
  'stanzas_total',
  'Stanzas, by kind and by who sent them: a client, another server, a component, or another part of the service; of clients by transport, too',
  ['kind', 'source', 'transport'],
);

export const streamBytes = new Count(
  'stream_bytes_total',
  'Bytes of XML that were read from streams (`in`) and written to them (`out`), by who is at the other end, and by transport',
  ['direction', 'peer', 'transport'],
);

export const trafficFigures: readonly Count[] = [stanzas, streamBytes];

/** What carries a stream, as figures call it. */
export type Carriage = 'tcp' | 'tls' | 'websocket' | 'bosh';

/** Who is at the other end of a stream. */
export type PeerKind = 'client' | 'server' | 'component';

export interface ByteLines {
  readonly in: CountLine;
  readonly out: CountLine;
}

/** @param domain of the tenant, once it is known */
export function bytesOf(peer: PeerKind, carriage: Carriage, domain?: string): ByteLines {
  return { in: streamBytes.line(domain, 'in', peer, carriage), out: streamBytes.line(domain, 'out', peer, carriage) };
}

export interface StanzaLines {
  readonly message: CountLine;
  readonly presence: CountLine;
  readonly iq: CountLine;
}

/** @param domain of the tenant to which the client has signed in */
export function stanzasOf(carriage: Carriage, domain: string): StanzaLines {
  const line = (kind: string) => stanzas.line(domain, kind, 'client', carriage);
  return { message: line('message'), presence: line('presence'), iq: line('iq') };
}
