/**
 * XEP-0485: PubSub Server Information. If the tenant wants it, its domain publishes with which others it has streams, at the node `serverinfo` of
 * its pubsub service (later/server-info.ts), and says so: then others may name it.
 */
import type { TenantSettings } from '../../../lib/runtime/tenants.ts';
import type { Form } from '../../../lib/xmpp/data-form.ts';
import type { AccountFeature } from '../core/feature.ts';
import { isShown, NS_SERVER_INFO, serverInfoUri, takeInfoAnswer } from '../later/server-info.ts';

export const serverInformation: AccountFeature = {
  spec: 'XEP-0485',
  version: '1.0.0',
  title: 'PubSub Server Information',
  note: 'If the tenant wants it. Streams that other servers have opened are not told, nor those of rooms, nor talk with other tenants of the deployment.',
  disco: { hostOf: (tenant) => (isShown(tenant) ? [NS_SERVER_INFO] : []), hostForm: describe },
  hostAnswered: takeInfoAnswer,
};

/** §3: in the form of XEP-0157. */
function describe(tenant: TenantSettings): Form | undefined {
  if (!isShown(tenant)) return undefined;
  const values = [serverInfoUri(tenant.domain)];
  return {
    ...{ type: 'result', formType: 'http://jabber.org/network/serverinfo' },
    fields: [{ var: 'serverinfo-pubsub-node', type: 'text-single', values }],
  };
}
