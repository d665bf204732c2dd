/**
 * Which addresses a stranger's DNS may make us connect to (server-side request forgery). It is asked about the very address and port that
 * are dialled, so DNS has no second answer to give.
 *
 * Forms that carry an IPv4 address, such as NAT64 and 6to4, are as good as the address inside. A NAT64 prefix of an operator's own (RFC 6052)
 * cannot be told from any other address.
 */
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

/** Where a listener of this process is; the unspecified address stands for all of this machine's. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

export interface AddressGuardOptions {
  /** CIDR blocks, such as `10.0.0.0/8`, or addresses, for which nothing but our own listeners is refused. */
  readonly networks?: readonly string[];
  /** Where this process listens; asked each time. */
  readonly ownAddresses?: () => readonly ListenAddress[];
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

/** HTTPS is where XMPP over TLS goes when firewalls are in the way; what else listens below is not XMPP. */
const lowPortsEnd = 1_024;
const httpsPort = 443;

export class AddressGuard {
  readonly #networks: readonly Network[];
  readonly #ownAddresses: () => readonly ListenAddress[];

  /** @throws {TypeError} that names the network which cannot be read */
  constructor({ networks = [], ownAddresses = () => [] }: AddressGuardOptions = {}) {
    this.#networks = networks.map(readNetwork);
    this.#ownAddresses = ownAddresses;
  }

  /** @returns why nothing may connect there, in words; undefined when it may */
  refusal(address: string, port: number): string | undefined {
    if (!ipaddr.isValid(address) || address.includes('%')) return `${address} is not an address`;
    const ip = ipaddr.process(address); // of an IPv4-mapped one, what it stands for
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return `${port} is not a port`;
    if (this.#isOwn(ip, port)) return `${address} port ${port} is this server itself`;
    if (this.#networks.some((network) => isIn(ip, network))) return undefined;
    if (port < lowPortsEnd && port !== httpsPort) return `port ${port} is not for XMPP`;
    return this.#kindRefusal(ip, address);
  }

  #kindRefusal(ip: Address, shown: string): string | undefined {
    if (ip instanceof ipaddr.IPv4) return ip.range() === 'unicast' ? undefined : `${shown} is ${kindOf(ip.range())}`;
    const inside = insideOf(ip);
    if (inside === undefined) return ip.range() === 'unicast' ? undefined : `${shown} is ${kindOf(ip.range())}`;
    for (const each of inside) {
      if (this.#networks.some((network) => isIn(each, network))) continue;
      if (each.range() !== 'unicast') return `${shown} leads to ${each}, which is ${kindOf(each.range())}`;
    }
    return undefined;
  }

  #isOwn(ip: Address, port: number): boolean {
    return this.#ownAddresses().some((own) => {
      if (own.port !== port || !ipaddr.isValid(own.address)) return false;
      const listener = ipaddr.process(own.address);
      return listener.range() === 'unspecified' ? isOfThisMachine(ip) : listener.toString() === ip.toString();
    });
  }
}

/** @throws {TypeError} */
function readNetwork(text: string): Network {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.parse(text);
    return [address, address instanceof ipaddr.IPv4 ? 32 : 128];
  } catch {
    throw new TypeError(`'${text}' is not a network; one is, for example, 10.0.0.0/8 or fd00::/8`);
  }
}

function isIn(ip: Address, [network, bits]: Network): boolean {
  return ip.kind() === network.kind() && ip.match(network, bits);
}

function isOfThisMachine(ip: Address): boolean {
  if (ip.range() === 'loopback' || ip.range() === 'unspecified') return true;
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.some(({ address }) => ipaddr.process(address.split('%')[0]!).toString() === ip.toString());
}

/** The IPv4 addresses that packets to an IPv6 address go to in the end; undefined when it is not of such a form. */
function insideOf(ip: ipaddr.IPv6): ipaddr.IPv4[] | undefined {
  const bytes = ip.toByteArray();
  const at = (from: number) => new ipaddr.IPv4(bytes.slice(from, from + 4));
  const begins = (...prefix: number[]) => prefix.every((byte, index) => bytes[index] === byte);
  if (begins(0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)) return [at(12)]; // NAT64, RFC 6052
  if (begins(0x20, 0x02)) return [at(2)]; // 6to4, RFC 3056
  if (begins(0x20, 0x01, 0, 0)) return [at(4), new ipaddr.IPv4(bytes.slice(12, 16).map((byte) => byte ^ 0xff))]; // Teredo, RFC 4380
  if (bytes.slice(8, 12).join() === '0,0,94,254' || bytes.slice(8, 12).join() === '2,0,94,254') return [at(12)]; // ISATAP, RFC 5214
  const isIpv4 = bytes.slice(0, 12).every((byte) => byte === 0) && ip.range() !== 'loopback' && ip.range() !== 'unspecified';
  const isTranslated = bytes.slice(0, 12).join() === '0,0,0,0,0,0,0,0,255,255,0,0'; // SIIT, RFC 2765
  return isIpv4 || isTranslated ? [at(12)] : undefined; // IPv4-compatible, RFC 4291 §2.5.5.1
}

/** The names of ipaddr.js in words. */
const kinds: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  broadcast: 'the broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  carrierGradeNat: 'an address behind a carrier’s NAT',
  private: 'a private address',
  uniqueLocal: 'a private address',
};

function kindOf(range: string): string {
  return kinds[range] ?? `a reserved address (${range})`;
}
