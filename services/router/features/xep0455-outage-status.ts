/**
 * XEP-0455: Service Outage Status. The domain names files that say whether the service has an outage. Clients note the addresses while all is
 * well, and ask there when they cannot connect; so the files are kept elsewhere, by the operator (docs/operations.md has the format).
 */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Form } from '../../../lib/xmpp/data-form.ts';
import type { AccountFeature } from '../core/feature.ts';

export const outageStatus: AccountFeature = {
  spec: 'XEP-0455',
  version: '0.4.0',
  title: 'Service Outage Status',
  note: 'The addresses of the files, which the operator keeps elsewhere.',
  disco: { hostForm: describe },
};

/** §3.1. */
function describe({ policy: { statusUrls } }: Pick<Tenant, 'policy'>): Form | undefined {
  if (statusUrls.length === 0) return undefined;
  const field = { var: 'external-status-addresses', type: 'list-multi' as const, values: statusUrls };
  return { type: 'result', formType: 'urn:xmpp:sos:0', fields: [field] };
}
