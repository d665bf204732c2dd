/**
 * XEP-0431: Full Text Search in MAM, of an account's archive. It is a field of XEP-0313's form (archive/archive-query.ts); what it finds is
 * said in `lib/runtime/archive-search.ts`. It is offered where the store keeps an index of words and the tenant wants one.
 */
import { isSearched, NS_FULLTEXT } from '../../../lib/runtime/archive-search.ts';
import type { AccountFeature } from '../core/feature.ts';

export const fullTextSearch: AccountFeature = {
  spec: 'XEP-0431',
  version: '0.2.0',
  title: 'Full Text Search in MAM',
  note: 'On the embedded store, where the tenant wants it (`search`). Whole words of bodies, without case and diacritics; not of encrypted messages.',
  disco: { accountOf: ({ tenant, turn }) => (isSearched(tenant, turn.dependencies.store) ? [NS_FULLTEXT] : []) },
};
