/** Messages of STUN (RFC 8489) and TURN (RFC 8656), as far as a binding and an allocation need them. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const magic = 0x2112a442;
const headerBytes = 20;
const signatureSize = 24;

export const methods = { binding: 0x001, allocate: 0x003, refresh: 0x004 } as const;
export const classes = { request: 0x000, success: 0x100, error: 0x110 } as const;

export const attributes = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  realm: 0x0014,
  nonce: 0x0015,
  relayed: 0x0016,
  transport: 0x0019,
  mapped: 0x0020,
} as const;

export interface StunMessage {
  /** Method and class. */
  readonly type: number;
  /** 12 bytes. */
  readonly transaction: Buffer;
  readonly attributes: readonly (readonly [type: number, value: Buffer])[];
}

/** @param key with which the message is signed (RFC 8489 §14.5); undefined: it is not */
export function encodeStun({ type, transaction, attributes: list }: StunMessage, key?: Buffer): Buffer {
  const encoded = list.map(([name, value]) => attribute(name, value));
  const body = Buffer.concat(encoded);
  const head = header(type, body.length + (key === undefined ? 0 : signatureSize), transaction);
  if (key === undefined) return Buffer.concat([head, body]);
  const signed = Buffer.concat([head, body]);
  return Buffer.concat([signed, attribute(attributes.integrity, createHmac('sha1', key).update(signed).digest())]);
}

function header(type: number, length: number, transaction: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(length, 2);
  head.writeUInt32BE(magic, 4);
  return Buffer.concat([head, transaction]);
}

function attribute(type: number, value: Buffer): Buffer {
  const encoded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  encoded.writeUInt16BE(type, 0);
  encoded.writeUInt16BE(value.length, 2);
  value.copy(encoded, 4);
  return encoded;
}

/** How long the message at the beginning is; undefined as long as that is not known. @returns 0 for what is not STUN */
export function stunBytes(bytes: Buffer): number | undefined {
  if (bytes.length < headerBytes) return undefined;
  const isStun = bytes[0]! < 0x40 && bytes.readUInt32BE(4) === magic;
  return isStun ? headerBytes + bytes.readUInt16BE(2) : 0;
}

/** @returns undefined for what is not a whole message of STUN */
export function decodeStun(bytes: Buffer): StunMessage | undefined {
  if (stunBytes(bytes) !== bytes.length) return undefined;
  const list: [number, Buffer][] = [];
  for (let at = headerBytes; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readUInt16BE(at + 2);
    if (at + 4 + length > bytes.length) return undefined;
    list.push([bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length)]);
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return { type: bytes.readUInt16BE(0), transaction: bytes.subarray(8, headerBytes), attributes: list };
}

/** Is the message signed with this key? What follows the signature, such as a fingerprint, is not. */
export function isSigned(bytes: Buffer, key: Buffer): boolean {
  for (let at = headerBytes; at + signatureSize <= bytes.length; ) {
    if (bytes.readUInt16BE(at) === attributes.integrity) {
      const signed = Buffer.from(bytes.subarray(0, at));
      signed.writeUInt16BE(at - headerBytes + signatureSize, 2);
      const expected = createHmac('sha1', key).update(signed).digest();
      const given = bytes.subarray(at + 4, at + signatureSize);
      return timingSafeEqual(expected, given);
    }
    at += 4 + Math.ceil(bytes.readUInt16BE(at + 2) / 4) * 4;
  }
  return false;
}

export function attributeOf({ attributes: list }: StunMessage, type: number): Buffer | undefined {
  return list.find(([name]) => name === type)?.[1];
}

/** The key of long-term credentials (RFC 8489 §9.2.2). */
export function longTermKey(username: string, realm: string, password: string): Buffer {
  return createHash('md5').update(`${username}:${realm}:${password}`).digest();
}

/** An address and port that are mixed with the magic number (RFC 8489 §14.2). @returns undefined for another family */
export function readXoredAddress(value: Buffer, transaction: Buffer): string | undefined {
  if (value.length < 8) return undefined;
  const port = value.readUInt16BE(2) ^ (magic >>> 16);
  const mask = Buffer.concat([header(0, 0, transaction).subarray(4, 8), transaction]);
  const octets = value.subarray(4).map((octet, index) => octet ^ mask[index]!);
  if (value[1] === 1 && octets.length === 4) return `${[...octets].join('.')}:${port}`;
  if (value[1] !== 2 || octets.length !== 16) return undefined;
  const words = Array.from({ length: 8 }, (_, index) => ((octets[2 * index]! << 8) | octets[2 * index + 1]!).toString(16));
  return `[${words.join(':')}]:${port}`;
}

/** The code and the reason of an error (RFC 8489 §14.8). */
export function readErrorCode(value: Buffer | undefined): { readonly code: number; readonly reason: string } {
  if (value === undefined || value.length < 4) return { code: 0, reason: '' };
  return { code: (value[2]! & 7) * 100 + value[3]!, reason: value.toString('utf8', 4) };
}
