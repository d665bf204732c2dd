/**
 * The header by which a load balancer says whose connection it forwards: PROXY protocol version 2 (haproxy's proxy-protocol.txt §2.2).
 *
 * Left out on purpose: version 1 (text), which is refused, and the optional fields (TLVs), which are skipped.
 */
import { SocketAddress } from 'node:net';
import { runtimeLimits } from './limits.ts';

export interface ProxyHeader {
  /** What follows it is the peer's. */
  readonly bytes: number;
  /** LOCAL: the proxy speaks for itself, most likely to see whether we are well. */
  readonly isLocal: boolean;
  /** The client's address; absent when the proxy does not say (LOCAL, UNSPEC). */
  readonly address?: string;
}

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const fixedBytes = 16;
const commands: Readonly<Record<number, 'LOCAL' | 'PROXY'>> = { 32: 'LOCAL', 33: 'PROXY' };
/** Bytes of both addresses and both ports. */
const blockBytes: Readonly<Record<number, number>> = { 0: 0, 17: 12, 33: 36 };

/**
 * undefined: more bytes are needed.
 * @throws {RangeError} at the first byte that no header of a TCP connection has
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  const seen = Math.min(bytes.length, signature.length);
  if (signature.compare(bytes, 0, seen, 0, seen) !== 0) throw new RangeError('no signature of PROXY protocol version 2');
  const command = bytes.length > 12 ? commands[bytes[12]!] : 'PROXY';
  if (command === undefined) throw new RangeError(`version and command 0x${bytes[12]!.toString(16)}`);
  if (bytes.length < fixedBytes) return undefined;
  const length = bytes.readUInt16BE(14);
  if (fixedBytes + length > runtimeLimits.proxyHeaderBytesMax) throw new RangeError(`${length} bytes are too many`);
  // Whatever LOCAL says of addresses is to be ignored (§2.2).
  const needed = command === 'LOCAL' ? 0 : blockBytes[bytes[13]!];
  if (needed === undefined) throw new RangeError(`family and protocol 0x${bytes[13]!.toString(16)} are not TCP`);
  if (length < needed) throw new RangeError(`${length} bytes do not hold two addresses`);
  if (bytes.length < fixedBytes + length) return undefined;
  const header = { bytes: fixedBytes + length, isLocal: command === 'LOCAL' };
  if (needed === 0) return header;
  return { ...header, address: needed === 12 ? ipv4(bytes.subarray(16, 20)) : ipv6(bytes.subarray(16, 32)) };
}

function ipv4(bytes: Buffer): string {
  return bytes.join('.');
}

function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
