/** Headers of the PROXY protocol, version 2, as a load balancer writes them (proxy-protocol.txt §2.2). */
import { BlockList, connect, isIPv6, SocketAddress } from 'node:net';
import { Duplex } from 'node:stream';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n');

export interface Ends {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}

/** @param tail optional fields (TLVs) */
export function proxyHeader({ from, fromPort, to, toPort }: Ends, tail: Uint8Array = Buffer.alloc(0)): Buffer {
  const isSix = isIPv6(from) || isIPv6(to);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(fromPort, 0);
  ports.writeUInt16BE(toPort, 2);
  return rawHeader(0x21, isSix ? 0x21 : 0x11, Buffer.concat([addressBytes(from, isSix), addressBytes(to, isSix), ports, tail]));
}

/** As a health check sends it. */
export function localHeader(tail: Uint8Array = Buffer.alloc(0)): Buffer {
  return rawHeader(0x20, 0x00, tail);
}

export function rawHeader(command: number, family: number, rest: Uint8Array, length = rest.length): Buffer {
  const fixed = Buffer.concat([signature, Buffer.from([command, family, length >> 8, length & 255])]);
  return Buffer.concat([fixed, rest]);
}

/** One TLV (§2.2.7); 0xea is that of AWS. */
export function field(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);
}

function addressBytes(address: string, isSix: boolean): Buffer {
  if (!isSix) return Buffer.from(address.split('.').map(Number));
  const full = isIPv6(address) ? address : `::ffff:${address}`;
  return Buffer.from(groupsOf(full).flatMap((group) => [group >> 8, group & 255]));
}

/** All eight; a dotted end is two of them. */
function groupsOf(address: string): number[] {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...dependencies: string[]) => {
    const [a, b, c, d] = dependencies.slice(0, 4).map(Number) as [number, number, number, number];
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = hex.split('::');
  const parse = (text = '') => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [first, last] = [parse(head), parse(tail)];
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** Whatever way it is written. */
export function isSameAddress(one: string, other: string): boolean {
  const family = isIPv6(one) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addAddress(new SocketAddress({ address: one, family }));
  return list.check(new SocketAddress({ address: other, family: isIPv6(other) ? 'ipv6' : 'ipv4' }));
}

/** A connection whose first bytes come in one piece with the header, as those of a TLS handshake may. */
export function connectBehind(head: Uint8Array, port: number): Duplex {
  const raw = connect({ host: '127.0.0.1', port });
  let isFirst = true;
  const wire = new Duplex({
    allowHalfOpen: false,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      raw.write(isFirst ? Buffer.concat([head, chunk]) : chunk, () => done());
      isFirst = false;
    },
    final: (done) => void raw.end(() => done()),
    destroy(error, done) {
      raw.destroy();
      done(error);
    },
  });
  raw.on('error', () => {}); // 'close' follows
  raw.on('data', (chunk) => wire.push(chunk)).on('close', () => wire.push(null));
  return wire;
}
