/**
 * XEP-0504: Data Policy, of the tenant's domain. It is shown when the operator has said something of it; the program adds what it knows: how
 * long messages and files are kept at most, and that an account can be erased.
 */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Field, Form } from '../../../lib/xmpp/data-form.ts';
import type { AccountFeature } from '../core/feature.ts';

const formType = 'urn:xmpp:data-policy:0';
const hoursOfDay = 24;

export const dataPolicy: AccountFeature = {
  spec: 'XEP-0504',
  version: '0.1.0',
  title: 'Data Policy',
  note: 'Nothing is said of backups, export, location and of how passwords come (`auth_data`), which is for clients to choose.',
  disco: { hostForm: describe },
};

function describe({ policy }: Pick<Tenant, 'policy'>): Form | undefined {
  const { termsUrl, dataAccess, dataEncrypted } = policy;
  if (termsUrl === '' && dataAccess.length === 0 && dataEncrypted === 'unsaid') return undefined;
  const said: readonly (Field | undefined)[] = [
    { var: 'data_retention', type: 'text-single', values: [longest(policy)] },
    { var: 'full_erasure', type: 'boolean', values: ['true'] },
    termsUrl === '' ? undefined : { var: 'tos', type: 'text-single', values: [termsUrl] },
    dataAccess.length === 0 ? undefined : { var: 'access_policy', type: 'list-multi', values: dataAccess },
    dataEncrypted === 'unsaid'
      ? undefined
      : { var: 'encryption_at_rest', type: 'boolean', values: [dataEncrypted === 'yes' ? 'true' : 'false'] },
  ];
  return { type: 'result', formType, fields: said.filter((field) => field !== undefined) };
}

/** The form has one figure for all that is kept. */
function longest({ retentionDays, roomRetentionDays, fileRetentionDays }: Tenant['policy']): string {
  const all = [retentionDays, roomRetentionDays, fileRetentionDays];
  return all.includes(0) ? 'infinite' : `${Math.max(...all) * hoursOfDay}`;
}
