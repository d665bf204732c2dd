/** Bugs in how guests (RFC 4505) and invites (XEP-0379) are bounded, and how guests end. */
import type { Condition, Put, Query } from '../../lib/ports/store.ts';
import { type Plant, same, withStore } from './plant.ts';

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
];
