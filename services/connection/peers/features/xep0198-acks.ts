/**
 * XEP-0198 on streams of other servers, without resumption: `h` counts what routers have taken, so what is counted is durable here. A
 * request is answered when all that came before it is counted.
 */

import { StreamError } from '../../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../../lib/xmpp/stanza.ts';
import type { PeerFeature, PeerStream } from '../peer-feature.ts';

const NS = 'urn:xmpp:sm:3';

export const acks: PeerFeature = {
  specs: [
    {
      spec: 'XEP-0198',
      version: '1.6.3',
      title: 'Stream Management between servers: acknowledgements',
      note: 'Without resumption: what was not acknowledged is sent again on the next stream.',
    },
  ],
  requires: ['secure'],
  advertise: () => `<sm xmlns='${NS}'/>`,
  elements: [
    { ns: NS, name: 'enable', handle: enable },
    { ns: NS, name: 'r', handle: request },
    { ns: NS, name: 'a', handle: () => undefined },
    { ns: NS, name: 'resume', handle: refuse },
  ],
};

interface Counting {
  /** Stanzas before `<enable/>`. */
  readonly before: number;
  /** Requests, by how many stanzas had come. */
  readonly asked: number[];
}

const counting = new WeakMap<PeerStream, Counting>();

function enable(_element: Stanza, stream: PeerStream): undefined {
  const isAllowed = stream.has('proven') && !counting.has(stream);
  if (!isAllowed) {
    refuse(_element, stream);
    return;
  }
  const state: Counting = { before: stream.arrivals.received, asked: [] };
  counting.set(stream, state);
  stream.onHandled = () => answer(stream, state);
  stream.onLeaving = () => acknowledge(stream, state);
  stream.sendElement(`<enabled xmlns='${NS}'/>`);
}

function request(_element: Stanza, stream: PeerStream): undefined {
  const state = counting.get(stream);
  if (state === undefined) throw new StreamError('not-authorized', 'stream management is not enabled');
  if (state.asked.at(-1) !== stream.arrivals.received) state.asked.push(stream.arrivals.received);
  answer(stream, state);
}

function answer(stream: PeerStream, state: Counting): void {
  const { asked } = state;
  const { handled } = stream.arrivals;
  let isDue = false;
  while (asked.length > 0 && asked[0]! <= handled) {
    asked.shift();
    isDue = true;
  }
  if (isDue) acknowledge(stream, state);
}

/** Also before we end the stream, unasked: what is counted then does not come again on the next one. */
function acknowledge(stream: PeerStream, { before }: Counting): void {
  stream.sendElement(`<a xmlns='${NS}' h='${(stream.arrivals.handled - before) % 2 ** 32}'/>`);
}

function refuse(_element: Stanza, stream: PeerStream): undefined {
  const condition = stream.has('proven') ? 'item-not-found' : 'unexpected-request';
  stream.sendElement(`<failed xmlns='${NS}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`);
}
