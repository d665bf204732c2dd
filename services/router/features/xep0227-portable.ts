/** XEP-0227: Portable Import/Export Format for XMPP-IM Servers. Operators use it: the operations stand in operations/portable.ts. */
import type { AccountFeature } from '../core/feature.ts';

export const portableFormat: AccountFeature = {
  spec: 'XEP-0227',
  version: '1.1',
  title: 'Portable Import/Export Format for XMPP-IM Servers',
  note: 'Of privacy lists, only whom the default one blocks. Affiliations and subscriptions of PEP nodes. An id of an archive that was not made here becomes one of our form.',
};
