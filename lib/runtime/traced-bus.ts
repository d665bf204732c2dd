/** A bus of which each request for a traced stanza is a span where it is made, and one where it is answered. */
import type { Bus, BusHandler } from '../ports/bus.ts';
import type { TracedWork, Tracing } from '../ports/tracing.ts';
import { decodeFrame } from './frame.ts';
import type { DepartRequest } from './pair-wire.ts';
import { spanning } from './spanning.ts';
import type { DeliverRequest, InboundRequest, RoomRequest, StepRequest } from './wire.ts';

type Carrying = StepRequest | InboundRequest | DeliverRequest | RoomRequest | DepartRequest;

export function tracedBus(bus: Bus, tracing: Tracing): Bus {
  return {
    identity: bus.identity,
    publish: (subject, payload) => bus.publish(subject, payload),
    close: () => bus.close(),
    request(subject, payload, options) {
      const span = beginFor(tracing, 'asks', subject, payload);
      const ask = () => bus.request(subject, payload, options);
      return span === undefined ? ask() : spanning(span, ask);
    },
    serve: (subject, handler, options) => bus.serve(subject, tracedHandler(handler, tracing), options),
  };
}

function tracedHandler(handler: BusHandler, tracing: Tracing): BusHandler {
  return (payload, subject) => {
    const span = beginFor(tracing, 'answers', subject, payload);
    if (span === undefined) return handler(payload, subject);
    return spanning(span, () => tracing.within(span, async () => handler(payload, subject)));
  };
}

function beginFor(tracing: Tracing, side: 'asks' | 'answers', subject: string, payload: Uint8Array) {
  const header = headerOf(payload);
  const stanzas = header && stanzasOf(header);
  if (header === undefined || stanzas === undefined || stanzas.ids.length === 0) return undefined;
  const isFirst = side === 'asks' && stanzas.isFirst === true;
  const attributes = { 'messaging.destination.name': subject, 'messaging.batch.message_count': stanzas.ids.length };
  const tenant = 'domain' in header ? header.domain : 'tenant' in header ? header.tenant : undefined;
  return tracing.begin({
    ...{ name: `${side === 'asks' ? 'ask' : 'answer'} ${header.kind}`, side, ids: stanzas.ids, isFirst },
    attributes: tenant === undefined ? attributes : { ...attributes, 'skylark.tenant': tenant },
  });
}

/** @returns undefined where the payload is not a frame */
function headerOf(payload: Uint8Array): Carrying | undefined {
  try {
    return decodeFrame<Carrying>(payload).header;
  } catch {
    return undefined;
  }
}

/** @returns undefined for requests that carry no stanzas with an id */
function stanzasOf(header: Carrying): (Pick<TracedWork, 'isFirst'> & { readonly ids: readonly string[] }) | undefined {
  switch (header.kind) {
    case 'step':
      return { ids: header.items.flatMap((item) => (item.kind === 'stanza' ? [item.id] : [])), isFirst: true };
    case 'inbound':
      return { ids: header.ids, isFirst: (header.isFromPeer ?? header.isFromComponent) === true };
    case 'deliver':
      return { ids: header.items.flatMap(({ id, dedupeKey }) => id ?? dedupeKey ?? []) };
    case 'room':
      return { ids: [header.id] };
    case 'depart':
      return { ids: [header.key] };
    default:
      return undefined;
  }
}
