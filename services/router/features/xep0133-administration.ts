/** XEP-0133: Service Administration. Its forms stand with the operations, which serve its commands (operations/xep0133-forms.ts). */
import type { AccountFeature } from '../core/feature.ts';

export const serviceAdministration: AccountFeature = {
  spec: 'XEP-0133',
  version: '1.2',
  title: 'Service Administration',
  note: 'for admins of a tenant: adding, deleting and listing accounts, and passwords; the other operations on a tenant have commands of our own',
};
