/**
 * What counts as one peer when shares are given out: an IPv4 address, or all of an IPv6 /64, which is what one customer has. An IPv4
 * address that is written as an IPv6 one counts as what it is.
 */
import { isIPv6 } from 'node:net';

export function networkOf(address: string): string {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return isIPv6(plain) && plain !== '::1' ? prefixOf(plain) : plain;
}

/** This machine may be a proxy that stands for many: its connections have bounds of their own. So has '', which is unknown. */
export function isOwnMachine(network: string): boolean {
  return network === '' || network === '::1' || /^127\./.test(network);
}

/** The first four groups. */
function prefixOf(address: string): string {
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  const groups = [...first, ...Array.from({ length: zeros }, () => '0'), ...last];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
