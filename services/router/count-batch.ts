/**
 * Counts what a router is given. A batch that is sent again counts again: its work is done again. Stanzas of clients are counted by the nodes that
 * hold their streams, once.
 */
import { Count } from '../../lib/runtime/counts.ts';
import { stanzas } from '../../lib/runtime/traffic.ts';
import type { InboundRequest, StepItem } from '../../lib/runtime/wire.ts';

export const catchUps = new Count(
  'catch_up_pages_total',
  'Pages of messages that sessions were to be given from the archive',
  [],
);

/** By the first letter of the name, behind `<`: stanzas are not parsed for this. */
const kinds = new Map([...'mpi'].map((letter, at) => [letter.charCodeAt(0), ['message', 'presence', 'iq'][at]!]));

const isStanza = ({ kind }: StepItem): boolean => kind === 'stanza';
const isMessage = (body: Buffer): boolean => kindOf(body) === 'message';

const kindOf = (body: Buffer): string => kinds.get(body[1] ?? 0) ?? 'other';

/** @param domain of a tenant that there is */
export function countItems(domain: string, items: readonly StepItem[]): void {
  for (const { kind } of items) if (kind === 'catchUp') catchUps.add(domain, 1);
}

/** @param bodies of those items that have one, in their order */
export function areMessages(items: readonly StepItem[], bodies: readonly Buffer[]): boolean {
  return items.every(isStanza) && bodies.every(isMessage);
}

export function countArrivals({ domain, isFromPeer, isFromComponent }: InboundRequest, bodies: readonly Buffer[]): void {
  const source = isFromComponent ? 'component' : isFromPeer ? 'server' : 'service';
  for (const body of bodies) stanzas.add(domain, 1, kindOf(body), source, '');
}
