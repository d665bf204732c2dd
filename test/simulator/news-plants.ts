/** Bugs in how the subscribers of a node are told (services/router/pubsub). */
import type { Query, Row } from '../../lib/ports/store.ts';
import { type Plant, same, withStore } from './plant.ts';

function withoutPlace(row: Row): Row {
  return { ...row, value: JSON.stringify({ ...JSON.parse(row.value), cursor: undefined, ids: undefined }) };
}

export const newsPlants: readonly Plant[] = [
  {
    ...same,
    name: 'fan-out-begins-anew',
    breaks: 'whoever goes on with a fan-out begins where it stands, with the ids of the page that is under way',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        async query(query: Query) {
          const rows = await store.query(query);
          return query.prefix === 'fanOut/' ? rows.map(withoutPlace) : rows;
        },
      });
    },
  },
  {
    ...same,
    name: 'fan-out-unlisted',
    breaks: 'a fan-out is named in a list, so that another router goes on with it',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, { batchPut: (rows) => store.batchPut(rows.filter(({ sort }) => !sort.startsWith('pubsubDue/'))) });
    },
  },
];
