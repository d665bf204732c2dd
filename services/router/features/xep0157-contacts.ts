/** XEP-0157: Contact Addresses for XMPP Services, of the tenant's domain, as its policy names them. */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Form } from '../../../lib/xmpp/data-form.ts';
import type { AccountFeature } from '../core/feature.ts';

const formType = 'http://jabber.org/network/serverinfo';

export const contacts: AccountFeature = {
  spec: 'XEP-0157',
  version: '1.0',
  title: 'Contact Addresses for XMPP Services',
  note: 'For abuse, administration, security and support; not for feedback and sales.',
  disco: { hostForm: describe },
};

function describe({ policy }: Pick<Tenant, 'policy'>): Form | undefined {
  const lists = {
    'abuse-addresses': policy.abuseContacts,
    'admin-addresses': policy.adminContacts,
    'security-addresses': policy.securityContacts,
    'support-addresses': policy.supportContacts,
  };
  const fields = Object.entries(lists).flatMap(([name, values]) =>
    values.length === 0 ? [] : [{ var: name, type: 'list-multi' as const, values }],
  );
  return fields.length === 0 ? undefined : { type: 'result', formType, fields };
}
