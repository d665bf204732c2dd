/** Bugs in how the accounts of a tenant are told an announcement (services/router/later/announcements.ts). */
import { type Plant, same, withStore } from './plant.ts';

export const announcementPlants: readonly Plant[] = [
  {
    ...same,
    name: 'announcement-begins-anew',
    breaks: 'whoever goes on with an announcement begins at the page that is under way, with its id',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, {
        async get(key, options) {
          const row = await store.get(key, options);
          if (row === undefined || !key.sort.startsWith('announcement/')) return row;
          return { ...row, value: JSON.stringify({ ...JSON.parse(row.value), cursor: undefined, page: undefined }) };
        },
      });
    },
  },
  {
    ...same,
    name: 'announcement-unlisted',
    breaks: 'a list names an announcement, so that another router goes on with it',
    store: (kind, store) => {
      if (kind !== 'router') return store;
      return withStore(store, { batchPut: (rows) => store.batchPut(rows.filter(({ sort }) => !sort.startsWith('work/'))) });
    },
  },
];
