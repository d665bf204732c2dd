/**
 * Bugs that the rules of docs/reliability.md prevent, planted from outside the product: in what a process sees of its ports. The simulator
 * must find each.
 */
import type { Bus, BusHandler } from '../../lib/ports/bus.ts';
import type { Condition, Key, Put, Query, Row } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import {
  type DeliverReply,
  type DeliverRequest,
  type DoneReply,
  type HidesRequest,
  type RoomRequest,
  type RouterRequest,
  routerSubject,
  type StepReply,
  type StepRequest,
} from '../../lib/runtime/wire.ts';
import { announcementPlants } from './announcement-plants.ts';
import { heldLost, heldUnordered } from './held-plants.ts';
import { newsPlants } from './news-plants.ts';
import { outboxPlants } from './outbox-plants.ts';
import { type Plant, same, withBus, withStore } from './plant.ts';
import { pushPlants } from './push-plants.ts';
import { visitPlants } from './visit-plants.ts';

/** Changes what a router does with its requests. */
function withRouter(bus: Bus, around: (handler: BusHandler) => BusHandler): Bus {
  return withBus(bus, {
    serve: (subject, handler, options) => bus.serve(subject, subject === routerSubject ? around(handler) : handler, options),
  });
}

const isSessions = ({ table, sort }: Key): boolean => table === 'live' && sort === 'sessions/';
const isMessage = ({ table, sort }: Key): boolean => table === 'archive' && sort.startsWith('m/');

/** The cursor without what was committed late. */
function withoutLate(row: Put): Put {
  if (row.sort !== 'cursor/') return row;
  return { ...row, value: JSON.stringify({ ...JSON.parse(row.value), late: undefined }) };
}

/** A row without the names of those who have written it. */
function withoutWriters(row: Row | undefined): Row | undefined {
  if (row === undefined || !row.value.includes('"writers"')) return row;
  return { ...row, value: JSON.stringify({ ...JSON.parse(row.value), writers: undefined }) };
}

/** It starts at the clock on the wall, whatever was minted before, and follows nobody. */
class WallClock extends DeploymentClock {
  override async start(): Promise<void> {}
  override observe(): void {}
}

/** Does a batch change the presence of a session that has sent presence before? */
function hasLaterPresence({ header, bodies }: { readonly header: StepRequest; readonly bodies: readonly Buffer[] }): boolean {
  if (header.kind !== 'step') return false;
  const texts = bodies.map((body) => body.toString());
  const isInitial = header.items.some((item) => item.kind === 'stanza' && item.initial === true);
  return !isInitial && texts.some((text) => text.startsWith('<presence') && !/^<[^>]*\sto=/.test(text));
}

export const plants: readonly Plant[] = [
  ...outboxPlants,
  ...pushPlants,
  ...newsPlants,
  ...visitPlants,
  ...announcementPlants,
  {
    ...same,
    name: 'held-lost',
    breaks: 'what is held back from an inactive client goes along with a session that is parked or moves',
    features: heldLost,
  },
  {
    ...same,
    name: 'held-unordered',
    breaks: 'what is held back from an inactive client goes before what is urgent',
    features: heldUnordered,
  },
  {
    ...same,
    name: 'guard-skipped-by-rooms',
    breaks: 'a room keeps what its occupants have blocked, because what it sends passes no guard of theirs',
    bus: (kind, bus) => {
      if (kind !== 'muc') return bus;
      const around = (handler: BusHandler): BusHandler => {
        return (payload, subject) => {
          const { header, bodies } = decodeFrame<RoomRequest | HidesRequest>(payload);
          if (header.kind === 'hides') return encodeFrame({ ok: true } satisfies DoneReply);
          if (header.hides === undefined) return handler(payload, subject);
          return handler(encodeFrame({ ...header, hides: undefined, len: undefined }, bodies), subject);
        };
      };
      return withBus(bus, { serve: (subject, handler, options) => bus.serve(subject, around(handler), options) });
    },
  },
  {
    ...same,
    name: 'wall-clock-ids',
    breaks: 'ids go on behind all that were minted before, whatever clocks on the wall do',
    clock: (wall) => new WallClock(wall),
  },
  {
    ...same,
    name: 'dropped-answer',
    breaks: 'what a router says of the queue is heard with any presence, and not only with the first',
    bus: (kind, bus) => {
      if (kind !== 'connection') return bus;
      return withBus(bus, {
        async request(subject, payload, options) {
          const reply = await bus.request(subject, payload, options);
          if (subject !== routerSubject || !hasLaterPresence(decodeFrame<StepRequest>(payload))) return reply;
          const { header, bodies } = decodeFrame<StepReply>(reply);
          return encodeFrame({ ...header, queue: undefined, len: undefined }, bodies);
        },
      });
    },
  },
  {
    ...same,
    name: 'ids-at-router',
    breaks: 'rule 2: ids are minted at ingress, so that a retry writes the same rows again',
    bus: (kind, bus) => {
      if (kind !== 'router') return bus;
      let minted = 1_000;
      /** An id of the same time and node, another one for each try. */
      const mintAgain = (id: string): string => id.slice(0, 14) + `${++minted}`.slice(-4);
      return withRouter(bus, (handler) => (payload, subject) => {
        const { header, bodies } = decodeFrame<StepRequest>(payload);
        if (header.kind !== 'step') return handler(payload, subject);
        const items = header.items.map((item) => (item.kind === 'stanza' ? { ...item, id: mintAgain(item.id) } : item));
        return handler(encodeFrame({ ...header, items, len: undefined }, bodies), subject);
      });
    },
  },
  {
    ...same,
    name: 'sessions-before-archive',
    breaks: 'rule 3: the router writes the archive, then reads sessions',
    isRare: true,
    store: (kind, store) => {
      if (kind !== 'router') return store;
      const read = new Map<string, Row | undefined>();
      return withStore(store, {
        async batchPut(rows) {
          const owners = rows
            .filter(isMessage)
            .map(({ partition }) => ({ table: 'live', partition, sort: 'sessions/' }) as const);
          const found = await store.batchGet(owners, { consistent: true });
          for (const [index, { partition }] of owners.entries()) read.set(partition, found[index]);
          await store.batchPut(rows);
        },
        async batchGet(keys, options) {
          const rows = await store.batchGet(keys, options);
          return keys.map((key, index) => {
            if (!isSessions(key) || !read.has(key.partition)) return rows[index];
            const row = read.get(key.partition);
            read.delete(key.partition);
            return row;
          });
        },
      });
    },
  },
  {
    ...same,
    name: 'archive-before-session',
    breaks: 'rule 3: a session that becomes available writes itself, then reads the archive',
    store: (kind, store, rows) => {
      if (kind !== 'router') return store;
      const read = new Map<string, readonly Row[]>();
      return withStore(store, {
        async put(row: Put, condition?: Condition) {
          if (isSessions(row) && row.value.includes('"available":true') && !read.has(row.partition)) {
            const query = { table: 'archive', partition: row.partition, prefix: 'm/', limit: 1_000, consistent: true } as const;
            read.set(row.partition, rows.query(query));
          }
          return store.put(row, condition);
        },
        async query(query: Query) {
          const found = await store.query(query);
          const before = query.table === 'archive' && query.prefix === 'm/' ? read.get(query.partition) : undefined;
          if (before === undefined) return found;
          read.delete(query.partition);
          const known = new Set(before.map(({ sort }) => sort));
          return found.filter(({ sort }) => known.has(sort));
        },
      });
    },
  },
  {
    ...same,
    name: 'no-overlap',
    breaks: 'the cursor: catch-up starts before it, because an entry with a smaller id may commit later',
    isRare: true,
    overlapMs: 0,
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, { put: (row, condition) => store.put(withoutLate(row), condition) });
    },
  },
  {
    ...same,
    name: 'reply-before-delivery',
    breaks: 'rules 1 and 6: the router replies after deliveries were confirmed, or are marked',
    bus: (kind, bus) => {
      if (kind !== 'router') return bus;
      return withBus(bus, {
        async request(subject, payload, options) {
          const sent = bus.request(subject, payload, options);
          if (!subject.startsWith('n.') || decodeFrame<DeliverRequest>(payload).header.kind !== 'deliver') return sent;
          sent.catch(() => {});
          return encodeFrame({ missing: [] } satisfies DeliverReply);
        },
      });
    },
  },
  {
    ...same,
    name: 'ack-before-commit',
    breaks: 'rule 5: the reply, and so the ack, means "durable"',
    bus: (kind, bus) => {
      if (kind !== 'router') return bus;
      return withRouter(bus, (handler) => (payload, subject) => {
        const { header, bodies } = decodeFrame<StepRequest>(payload);
        const isMessages =
          header.kind === 'step' && bodies.length > 0 && bodies.every((body) => body.toString().startsWith('<message'));
        if (!isMessages) return handler(payload, subject);
        void Promise.resolve(handler(payload, subject)).catch(() => {});
        return encodeFrame({ ok: true, out: [] } satisfies StepReply);
      });
    },
  },
  {
    ...same,
    name: 'no-fence',
    breaks: 'leases: rooms are fenced by epoch and seq in a conditional write',
    isRare: true,
    store: (kind, store) => {
      if (kind !== 'muc') return store;
      return withStore(store, {
        put: (row, condition) => store.put(row, row.sort === 'state/' ? undefined : condition),
      });
    },
  },
  {
    ...same,
    name: 'no-resync-mark',
    breaks: 'rule 6: a delivery that fails leaves a mark',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        put: (row, condition) => (row.sort.startsWith('resync/') ? Promise.resolve('') : store.put(row, condition)),
      });
    },
  },
  {
    ...same,
    name: 'no-deadline',
    isRare: true,
    breaks: 'a router that stood still does not carry out what others have carried out meanwhile',
    bus: (kind, bus) => {
      if (kind !== 'router') return bus;
      return withRouter(bus, (handler) => (payload, subject) => {
        const { header, bodies } = decodeFrame<RouterRequest>(payload);
        return handler(encodeFrame({ ...header, deadline: undefined, len: undefined }, bodies), subject);
      });
    },
  },
  {
    ...same,
    name: 'no-writers',
    isRare: true,
    breaks: 'a row names the requests that have written it, so that none of them is carried out again behind a later one',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, { get: async (key, options) => withoutWriters(await store.get(key, options)) });
    },
  },
  {
    ...same,
    name: 'no-dedupeKey',
    breaks: 'rooms: a worker that takes over shows the last batch again, and nobody gets it twice',
    bus: (kind, bus) => {
      if (kind !== 'muc') return bus;
      return withBus(bus, {
        request(subject, payload, options) {
          const { header, bodies } = decodeFrame<DeliverRequest>(payload);
          if (header.kind !== 'deliver') return bus.request(subject, payload, options);
          const items = header.items.map((item) => ({ ...item, dedupeKey: undefined }));
          return bus.request(subject, encodeFrame({ ...header, items, len: undefined }, bodies), options);
        },
      });
    },
  },
  {
    ...same,
    name: 'no-missed',
    breaks: 'rooms: what did not reach an occupant comes from the archive',
    bus: (kind, bus) => {
      if (kind !== 'muc') return bus;
      return withBus(bus, {
        async request(subject, payload, options) {
          const sent = bus.request(subject, payload, options);
          if (!subject.startsWith('n.')) return sent;
          await sent.catch(() => {});
          return encodeFrame({ missing: [] } satisfies DeliverReply);
        },
      });
    },
  },
];
