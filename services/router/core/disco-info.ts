/** The disco#info of the tenant's domain (XEP-0030), and its hash (XEP-0115 §5). */
import { createHash } from 'node:crypto';
import type { AccountFeature, Identity } from './feature.ts';

export interface Info {
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
}

const capsUri = 'https://skylark.im/caps';

export function hostInfo(features: readonly AccountFeature[]): Info {
  return {
    identities: features.flatMap(({ disco }) => disco?.hostIdentity ?? []),
    features: [...new Set(features.flatMap(({ disco }) => disco?.host ?? []))].sort(),
  };
}

/** XEP-0115 §5.1: the SHA-1 hash of the sorted identities and features. */
export function capsHash({ identities, features }: Info): string {
  const lines = [
    ...identities.map(({ category, type, name }) => `${category}/${type}//${name ?? ''}`).sort(),
    ...[...features].sort(),
  ];
  return createHash('sha1')
    .update(lines.map((line) => `${line}<`).join(''))
    .digest('base64');
}

/** The disco node to ask about this hash (§6.2). */
export function capsNode(info: Info): string {
  return `${capsUri}#${capsHash(info)}`;
}

/** The `<c/>` element of the stream features (§6.3). */
export function capsFeature(info: Info): string {
  return `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='${capsUri}' ver='${capsHash(info)}'/>`;
}
