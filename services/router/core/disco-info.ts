/** The disco#info of the tenant's domain (XEP-0030, XEP-0128), and its hash (XEP-0115 §5). */
import { createHash } from 'node:crypto';
import type { TenantSettings } from '../../../lib/runtime/tenants.ts';
import type { Form } from '../../../lib/xmpp/data-form.ts';
import type { AccountFeature, Identity } from './feature.ts';

export interface Info {
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
  /** What the tenant's policy says. */
  readonly forms: readonly Form[];
}

const capsUri = 'https://skylark.im/caps';

export function hostInfo(features: readonly AccountFeature[], tenant: TenantSettings): Info {
  const vars = features.flatMap(({ disco }) => [...(disco?.host ?? []), ...(disco?.hostOf?.(tenant) ?? [])]);
  const forms = features.flatMap(({ disco }) => disco?.hostForm?.(tenant) ?? []);
  return {
    identities: features.flatMap(({ disco }) => disco?.hostIdentity ?? []),
    features: [...new Set(vars)].sort(),
    forms: [...Map.groupBy(forms, ({ formType }) => formType).values()].map((same) => ({
      ...same[0]!,
      fields: same.flatMap(({ fields }) => fields),
    })),
  };
}

/** XEP-0115 §5.1: the SHA-1 hash of the sorted identities and features, and of the forms with their fields and values sorted. */
export function capsHash({ identities, features, forms }: Info): string {
  const lines = [
    ...identities.map(({ category, type, name }) => `${category}/${type}//${name ?? ''}`).sort(),
    ...[...features].sort(),
    ...forms.toSorted((one, other) => (one.formType < other.formType ? -1 : 1)).flatMap(formLines),
  ];
  return createHash('sha1')
    .update(lines.map((line) => `${line}<`).join(''))
    .digest('base64');
}

function formLines({ formType, fields }: Form): readonly string[] {
  const byName = fields.toSorted((one, other) => (one.var < other.var ? -1 : 1));
  return [formType, ...byName.flatMap(({ var: name, values = [] }) => [name, ...values.toSorted()])];
}

/** The disco node to ask about this hash (§6.2). */
export function capsNode(info: Info): string {
  return `${capsUri}#${capsHash(info)}`;
}

/** The `<c/>` element of the stream features (§6.3). */
export function capsFeature(info: Info): string {
  return `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='${capsUri}' ver='${capsHash(info)}'/>`;
}
