/**
 * The names that a tenant's certificate covers, and where their proofs (RFC 8555 §8.4) are in the operator's zone.
 *
 *     _acme-challenge.example.org.             CNAME  example.org.acme.operator.example.
 *     _acme-challenge.conference.example.org.  CNAME  conference.example.org.acme.operator.example.
 *
 * There is no wildcard: its key would be valid for every host of the tenant, while we serve four and its components.
 */
import { createHash } from 'node:crypto';
import { dnsName } from '../../lib/runtime/certificate-names.ts';
import { pubsubDomain, roomsDomain } from '../../lib/runtime/tenants.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';

/**
 * The accounts' domain comes first, and without it there is no certificate. The others are included if they can be proven.
 * @param components the domains of the tenant's components
 */
export function wantedNames(domain: string, components: readonly string[] = []): readonly string[] {
  const names = [domain, roomsDomain(domain), `upload.${domain}`, pubsubDomain(domain), ...components].map(dnsName);
  // A component may have the place of the pubsub service.
  return names[0] === undefined ? [] : [...new Set(names)].filter((name) => name !== undefined);
}

export interface Challenge {
  /** `_acme-challenge.example.org`, the alias that the tenant creates once. */
  readonly alias: string;
  /** The alias's target in the operator's zone, different for each name. */
  readonly target: string;
}

/** @param zone such as `acme.operator.example` */
export function challengeOf(name: string, zone: string): Challenge {
  const plain = `${name}.${zone}`;
  const target = plain.length <= xmppLimits.domainCharactersMax ? plain : `${hash(name)}.${zone}`;
  return { alias: `_acme-challenge.${name}`, target };
}

/** A hash is a single label, which no tenant's name can be. */
function hash(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 40);
}
