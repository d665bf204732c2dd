/**
 * The names that a tenant's certificate covers, and where their proofs (RFC 8555 §8.4) are in the operator's zone.
 *
 *     _acme-challenge.example.org.             CNAME  example.org.acme.operator.example.
 *     _acme-challenge.conference.example.org.  CNAME  conference.example.org.acme.operator.example.
 *
 * There is no wildcard: its key would be valid for every host of the tenant, while we serve four and its components.
 */
import { createHash } from 'node:crypto';
import { toASCII } from 'tr46';
import { pubsubDomain, roomsDomain } from '../../lib/runtime/tenants.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';

const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** Node's own `domainToASCII` drops line breaks, and decodes `%2e`. */
const idna = { useSTD3ASCIIRules: true, checkHyphens: true, checkBidi: true, checkJoiners: true } as const;

/** The name as in DNS and certificates (A-labels); undefined for addresses and for texts that are not a name. */
export function asciiName(domain: string): string | undefined {
  const name = toASCII(domain, idna) ?? '';
  const labels = name.split('.');
  const isName = labels.every((each) => each.length <= xmppLimits.domainLabelOctetsMax && label.test(each));
  return isName && name.length <= xmppLimits.domainCharactersMax && !/^\d+$/.test(labels.at(-1)!) ? name : undefined;
}

/** The same, if a public CA could prove it; `localhost` cannot be proven. */
export function dnsName(domain: string): string | undefined {
  const name = asciiName(domain);
  return name?.includes('.') ? name : undefined;
}

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

/** @returns whether a certificate for these names is valid for that one (RFC 6125 §6.4.3) */
export function covers(names: readonly string[], name: string): boolean {
  const parent = name.slice(name.indexOf('.') + 1);
  return names.includes(name) || (parent.includes('.') && names.includes(`*.${parent}`));
}
