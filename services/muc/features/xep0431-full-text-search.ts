/**
 * XEP-0431: Full Text Search in MAM, of a room's archive. It is a field of XEP-0313's form (xep0313-archive.ts); what it finds is said in
 * `lib/runtime/archive-search.ts`. Whoever may read the archive may search it.
 */
import { isSearched, NS_FULLTEXT } from '../../../lib/runtime/archive-search.ts';
import type { RoomFeature } from '../core/room-feature.ts';

export const fullTextSearch: RoomFeature = {
  specs: [
    {
      spec: 'XEP-0431',
      version: '0.2.0',
      title: 'Full Text Search in MAM of rooms',
      note: 'On the embedded store, where the tenant wants it (`search`), with the words of bodies as in the archives of accounts.',
    },
  ],
  disco: {
    roomOf: ({ config, tenant, dependencies }) => (config.archive && isSearched(tenant, dependencies.store) ? [NS_FULLTEXT] : []),
  },
};
