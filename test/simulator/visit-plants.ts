/** Bugs in how guests (RFC 4505) and invites (XEP-0379) are bounded, in how guests end, and in BOSH (XEP-0124). */
import type { Condition, Put, Query } from '../../lib/ports/store.ts';
import type { BoshReply } from '../../lib/runtime/bosh-wire.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { type Plant, same, withBus, withStore } from './plant.ts';

const empty = Buffer.from("<body xmlns='http://jabber.org/protocol/httpbind'/>");

/** Is it a request that is passed on to the node that has its session? */
function isBosh(payload: Uint8Array): boolean {
  return decodeFrame<{ readonly kind?: string }>(payload).header.kind === 'bosh';
}

export const visitPlants: readonly Plant[] = [
  {
    ...same,
    name: 'guests-unseen',
    breaks: 'guests who come at the same time see each other, so that there are never more than may be',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        async query(query: Query) {
          const rows = await store.query(query);
          return query.prefix === 'guest/' ? rows.slice(0, 1) : rows;
        },
      });
    },
  },
  {
    ...same,
    name: 'guests-unlisted',
    breaks: 'a list says which tenants have guests, so that those are found whose router has died',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        async query(query: Query) {
          return query.prefix === 'guests/' ? [] : store.query(query);
        },
      });
    },
  },
  {
    ...same,
    name: 'invite-unconditional',
    breaks: 'of several who use an invite at the same time, no more get a use than there are',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        put: (row: Put, condition?: Condition) => store.put(row, row.sort.startsWith('invite/') ? undefined : condition),
      });
    },
  },
  {
    ...same,
    name: 'bosh-answer-empty',
    breaks: 'BOSH: what a node answers for a session of its own is given as it is by the node that was asked',
    bus: (kind, bus) => {
      if (kind !== 'connection') return bus;
      return withBus(bus, {
        async request(subject, payload, options) {
          const answer = await bus.request(subject, payload, options);
          if (!isBosh(payload)) return answer;
          const { header, bodies } = decodeFrame<BoshReply>(answer);
          const isPlain = bodies.some((body) => body.includes("id='ping") && !body.includes("id='bind'"));
          return isPlain ? encodeFrame({ status: header.status } satisfies BoshReply, [empty]) : answer;
        },
      });
    },
  },
  {
    ...same,
    name: 'bosh-answer-forgotten',
    breaks: 'BOSH: who asks again, because the connection broke, gets the answer that there was',
    bus: (kind, bus) => {
      if (kind !== 'connection') return bus;
      const seen = new Set<string>();
      return withBus(bus, {
        async request(subject, payload, options) {
          if (!isBosh(payload)) return bus.request(subject, payload, options);
          const asked = `${decodeFrame(payload).bodies[0]}`;
          if (seen.has(asked)) return encodeFrame({ status: 200 } satisfies BoshReply, [empty]);
          seen.add(asked);
          return bus.request(subject, payload, options);
        },
      });
    },
  },
];
