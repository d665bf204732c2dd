/** Bugs in what wakes clients (XEP-0357), and in the tokens that they sign in with (XEP-0484). */
import type { Put } from '../../lib/ports/store.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { RingReply, RingRequest } from '../../lib/runtime/ring-wire.ts';
import { type DeliverReply, routerSubject } from '../../lib/runtime/wire.ts';
import { type Plant, same, withBus, withStore } from './plant.ts';
import { pushNode } from './push-server.ts';

const putOffMs = 3_000;

/** The newest token takes the place of the one before it. */
function withOneToken(row: Put): Put {
  if (!row.sort.startsWith('client/') || !row.value.includes('"fresh"')) return row;
  return { ...row, value: JSON.stringify({ ...JSON.parse(row.value), current: undefined }) };
}

export const pushPlants: readonly Plant[] = [
  {
    ...same,
    name: 'push-after-answer',
    breaks: 'a push is on its way, or named in the store, before the batch is answered that has rung',
    isRare: true,
    bus: (kind, bus, clock) => {
      if (kind !== 'router') return bus;
      return withBus(bus, {
        request(subject, payload, options) {
          if (subject !== pushNode) return bus.request(subject, payload, options);
          clock.after(putOffMs, () => void bus.request(subject, payload, options));
          return Promise.resolve(encodeFrame({ missing: [] } satisfies DeliverReply));
        },
      });
    },
  },
  {
    ...same,
    name: 'no-ring',
    breaks: 'a room asks for clients to be woken that have not heard a mention',
    bus: (kind, bus) => {
      if (kind !== 'muc') return bus;
      return withBus(bus, {
        async request(subject, payload, options) {
          const isRing = subject === routerSubject && decodeFrame<RingRequest>(payload).header.kind === 'ring';
          return isRing ? encodeFrame({ ok: true, wishes: [] } satisfies RingReply) : bus.request(subject, payload, options);
        },
      });
    },
  },
  {
    ...same,
    name: 'one-token',
    breaks: 'the token that was used last stays valid until the new one is used, because its answer may be lost',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, { put: (row, condition) => store.put(withOneToken(row), condition) });
    },
  },
];
