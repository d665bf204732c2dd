/**
 * Plans the DNS records of a tenant's domain: SRV for STARTTLS (RFC 6120 §3.2.1, RFC 2782) and for direct TLS (XEP-0368), CNAME
 * that delegates the ACME challenge (RFC 8555 §8.4), and host-meta (XEP-0156).
 *
 * Rooms and pubsub get records of their own only for other servers: clients reach them through the domain that they sign in to. There is no
 * TXT record `_xmppconnect`: XEP-0156 has withdrawn it, because an attacker on the network can forge it.
 */
import { pubsubDomain, roomsDomain } from '../../../lib/runtime/tenants.ts';
import { challengeOf, wantedNames } from '../../certificates/names.ts';
import type { Ports } from './dns-options.ts';
import { checkNameLength } from './host-name.ts';

export interface DnsRecord {
  /** The name as A-labels, without the dot at the end. */
  readonly name: string;
  readonly type: 'SRV' | 'CNAME';
  /** The record's data as in a zone file; names in it end with a dot. */
  readonly data: string;
  /** What the record is for. */
  readonly text: string;
}

export interface DnsPlan {
  readonly domain: string;
  readonly unicode: string;
  readonly records: readonly DnsRecord[];
  /** Records that must not be published until the service talks to other servers; empty when it does. */
  readonly later: readonly DnsRecord[];
  readonly hostMeta: HostMetaPlan;
}

/** The host-meta documents that the domain itself has to serve over HTTPS (XEP-0156). */
export interface HostMetaPlan {
  readonly urls: readonly string[];
  /** URLs of the same documents at the web service, for a redirect or a proxy. */
  readonly sources: readonly string[];
  readonly json: object;
}

export interface DnsWish {
  readonly domain: string;
  readonly unicode: string;
  readonly target: string;
  /** Where other servers connect. */
  readonly serversTarget: string;
  readonly ports: Ports;
  readonly federation: boolean;
  readonly acmeZone: string | undefined;
  readonly filesHost: string | undefined;
  readonly webHost: string;
  readonly webSocketHost: string;
  /** Domains of the tenant's components. */
  readonly components?: readonly string[];
}

function filesDomain(domain: string): string {
  return `files.${domain}`;
}

/** @throws {UsageError} when a name gets too long */
export function planRecords(wish: DnsWish): DnsPlan {
  const {
    domain,
    unicode,
    target,
    serversTarget,
    ports,
    federation,
    acmeZone,
    filesHost,
    webHost,
    webSocketHost,
    components = [],
  } = wish;
  const rooms = roomsDomain(domain);
  const nodes = pubsubDomain(domain);
  const clients = [
    ...srv(`_xmpp-client._tcp.${domain}`, target, ports.c2s, 'clients, STARTTLS (RFC 6120)'),
    ...srv(`_xmpps-client._tcp.${domain}`, target, ports['c2s-tls'], 'clients, direct TLS (XEP-0368)'),
  ];
  const served = new Map([
    [domain, 'servers'],
    [rooms, 'servers, to rooms'],
    [nodes, 'servers, to pubsub'],
    ...components.map((name) => [name, 'servers, to a component'] as const),
  ]);
  const servers = [...served].flatMap(([name, whose]) => {
    return [
      ...srv(`_xmpp-server._tcp.${name}`, serversTarget, ports.s2s, `${whose}, STARTTLS (RFC 6120)`),
      ...srv(`_xmpps-server._tcp.${name}`, serversTarget, ports['s2s-tls'], `${whose}, direct TLS (XEP-0368)`),
    ];
  });
  const proofs = acmeZone === undefined ? [] : wantedNames(domain, components).map((name) => proofOf(name, acmeZone));
  const files = filesHost === undefined ? [] : [cname(filesDomain(domain), filesHost, 'files that people have sent')];
  const path = '/.well-known/host-meta';
  return {
    domain,
    unicode,
    records: [...clients, ...(federation ? servers : []), ...proofs, ...files],
    later: federation ? [] : servers,
    hostMeta: {
      urls: [`https://${domain}${path}`, `https://${domain}${path}.json`],
      sources: [`https://${webHost}${path}`, `https://${webHost}${path}.json`],
      json: {
        links: [
          { rel: 'urn:xmpp:alt-connections:websocket', href: `wss://${webSocketHost}/xmpp-websocket` },
          { rel: 'urn:xmpp:alt-connections:xbosh', href: `https://${webSocketHost}/http-bind` },
        ],
      },
    },
  };
}

/** The target "." says that the service does not exist (RFC 2782). Earlier ports get a better priority. */
function srv(name: string, target: string, ports: readonly number[], text: string): DnsRecord[] {
  checkNameLength(name);
  if (ports.length === 0) return [{ name, type: 'SRV', data: '0 0 0 .', text: `${text}: not served` }];
  return ports.map((port, index) => ({ name, type: 'SRV', data: `${index * 10} 5 ${port} ${target}.`, text }));
}

/** Delegates the challenge of RFC 8555 §8.4 by a CNAME. One zone of ours proves all tenants, without access to their zones. */
function proofOf(name: string, zone: string): DnsRecord {
  const { alias, target } = challengeOf(name, zone);
  return cname(alias, target, `proves ${name} for its certificate (RFC 8555)`);
}

function cname(name: string, target: string, text: string): DnsRecord {
  return { name: checkNameLength(name), type: 'CNAME', data: `${checkNameLength(target)}.`, text };
}
