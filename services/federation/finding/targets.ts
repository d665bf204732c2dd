/**
 * Where a domain's servers are: SRV records of streams with and without direct TLS together (XEP-0368 §3), else the domain itself (RFC 6120
 * §3.2.2). A domain that is an address is its own target.
 */
import { isIP } from 'node:net';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { asciiDomain } from '../../../lib/xmpp/idna.ts';
import { NoSuchDomain } from './errors.ts';
import { findingLimits } from './limits.ts';
import type { Resolver, SrvRecord } from './resolver.ts';
import { inOrder } from './srv-order.ts';

export interface Target {
  /** A-labels, or an address. */
  readonly host: string;
  readonly port: number;
  /** TLS begins with the connection (XEP-0368); else by STARTTLS. */
  readonly isDirectTls: boolean;
}

const serverPort = 5_269;
/** Names that DNS is not to be asked for (RFC 6761, RFC 7686). */
const nowhere = /(?:^|\.)(?:invalid|onion)$/;
const hostName = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export interface Targets {
  readonly targets: readonly Target[];
  /** The domain has no SRV records, so its own addresses count. */
  readonly isFallback: boolean;
  /** Why name servers did not say whether there are servers with direct TLS, too: that these targets fail decides nothing then. */
  readonly unsaid?: Unavailable | undefined;
}

/** @param domain in U-labels, as in XMPP. @throws {NoSuchDomain} @throws {Unavailable} */
export async function findTargets(resolver: Resolver, clock: Clock, domain: string): Promise<Targets> {
  const own = ownTargets(domain);
  const name = own?.targets[0]?.host;
  if (own === undefined || name === undefined) throw new NoSuchDomain(`${domain} is not a name in DNS`);
  if (isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')) return own;
  const { direct, plain, unsaid } = await askBoth(resolver, name);
  const records = [
    ...direct.map((record) => ({ ...record, isDirectTls: true })),
    ...plain.map((record) => ({ ...record, isDirectTls: false })),
  ];
  const usable = inOrder(records, clock).filter(({ target, port }) => port > 0 && isIP(target) === 0 && hostName.test(target));
  const targets = usable.map(({ target, port, isDirectTls }) => ({ host: target, port, isDirectTls }));
  if (targets.length > 0) return { targets: targets.slice(0, findingLimits.targetsMax), isFallback: false, unsaid };
  if (plain.length === 0) return { ...own, unsaid };
  if (unsaid !== undefined) throw unsaid;
  throw new NoSuchDomain(`${name} says in DNS that it has no XMPP server`);
}

/** The domain itself, at the port of servers. @returns undefined when its name cannot be in DNS */
export function ownTargets(domain: string): Targets | undefined {
  const literal = domain.replace(/^\[(.*)\]$/, '$1');
  const host = isIP(literal) === 0 ? asciiDomain(domain) : literal;
  if (host === undefined || nowhere.test(host)) return undefined;
  return { targets: [{ host, port: serverPort, isDirectTls: false }], isFallback: true };
}

interface Services extends Pick<Targets, 'unsaid'> {
  readonly direct: readonly SrvRecord[];
  readonly plain: readonly SrvRecord[];
}

/** The records of one kind are enough. That there are none of one kind says nothing of the other. */
async function askBoth(resolver: Resolver, name: string): Promise<Services> {
  const ask = ['_xmpps-server', '_xmpp-server'].map((service) => resolver.services(`${service}._tcp.${name}`));
  const [direct, plain] = await Promise.allSettled(ask);
  for (const each of [direct!, plain!])
    if (each.status === 'rejected' && !(each.reason instanceof Unavailable)) throw each.reason;
  const found = direct!.status === 'fulfilled' ? direct!.value : [];
  const unsaid = direct!.status === 'rejected' ? (direct!.reason as Unavailable) : undefined;
  if (plain!.status === 'fulfilled') return { direct: found, plain: plain!.value, unsaid };
  if (found.length > 0) return { direct: found, plain: [] };
  throw plain!.reason;
}
