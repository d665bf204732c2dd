/**
 * The server name that a client asks for when TLS begins (RFC 6066 §3), read before TLS sees it, because Node decides once for a server whether
 * clients are asked for a certificate. TLS gets the bytes as they came, and judges them.
 *
 * Hostile: what is not TLS, lengths that lie, a hello in one-byte records or without an end.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock } from '../ports/clock.ts';
import { runtimeLimits } from './limits.ts';

const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const hostName = 0;

/** @returns '' when it names no server, or is not the hello of a client; undefined: more bytes are needed */
export function helloServerName(bytes: Buffer): string | undefined {
  try {
    const hello = helloIn(bytes);
    return hello && nameIn(hello);
  } catch (error) {
    if (error instanceof RangeError) return '';
    throw error;
  }
}

/** RFC 8446 §5.1: a message may be spread over records. @throws {RangeError} */
function helloIn(bytes: Buffer): Reader | undefined {
  const parts: Buffer[] = [];
  for (let at = 0, length = 0; ; ) {
    if (bytes.length > at && bytes[at] !== handshakeRecord) throw new RangeError('not a record of a handshake');
    if (parts.length === runtimeLimits.clientHelloRecordsMax) throw new RangeError('too many records');
    if (bytes.length < at + 5) return undefined;
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    const part = bytes.subarray(at + 5, end);
    parts.push(part);
    length += part.length;
    if (length >= 4) {
      const message = new Reader(parts.length === 1 ? part : Buffer.concat(parts));
      if (message.number(1) !== clientHello) throw new RangeError('not the hello of a client');
      const needed = message.number(3);
      if (needed > runtimeLimits.clientHelloBytesMax) throw new RangeError('too long');
      if (length >= 4 + needed) return message.part(needed);
    }
    if (bytes.length < end) return undefined;
    at = end;
  }
}

/** RFC 8446 §4.1.2. @throws {RangeError} */
function nameIn(hello: Reader): string {
  hello.skip(2 + 32); // version and random
  hello.skip(hello.number(1)); // session
  hello.skip(hello.number(2)); // cipher suites
  hello.skip(hello.number(1)); // compression
  if (hello.isAtEnd) return '';
  const extensions = hello.part(hello.number(2));
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const extension = extensions.part(extensions.number(2));
    if (type !== serverNameExtension) continue;
    const names = extension.part(extension.number(2));
    const kind = names.number(1);
    const name = names.part(names.number(2));
    return kind === hostName ? name.text() : '';
  }
  return '';
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(bytes: number): number {
    const value = this.#bytes.readUIntBE(this.#at, bytes);
    this.#at += bytes;
    return value;
  }

  skip(bytes: number): void {
    this.part(bytes);
  }

  part(bytes: number): Reader {
    const end = this.#at + bytes;
    if (end > this.#bytes.length) throw new RangeError(`${end} of ${this.#bytes.length} bytes`);
    const part = new Reader(this.#bytes.subarray(this.#at, end));
    this.#at = end;
    return part;
  }

  text(): string {
    return this.#bytes.toString('latin1');
  }
}

/**
 * Options of TLS that asks for a certificate. It is looked at later (lib/s2s), and a peer may have none. A session that is resumed brings no
 * chain, so none is resumed.
 */
export const askingTls = { requestCert: true, rejectUnauthorized: false, secureOptions: constants.SSL_OP_NO_TICKET } as const;

/** Whether clients that ask for a server are asked for a certificate. */
export interface CertificateWish {
  readonly clock: Clock;
  /** How long a client may take to say what it wants, ms. */
  readonly helloMs: number;
  /** Never rejects. */
  asks(servername: string): Promise<boolean> | boolean;
}

/**
 * Calls `go` when the client has said which server it wants, or that it says none; the socket is again at the client's first byte then.
 * It is never called for a socket that has closed, and one that takes too long is closed.
 */
export function withWish(socket: Socket, wish: CertificateWish, go: (isAsked: boolean) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const ignore = () => {}; // 'close' follows
  const release = () => {
    timer.cancel();
    socket.off('readable', read).off('close', release);
  };
  const choose = async (servername: string) => {
    const isAsked = servername !== '' && (await wish.asks(servername));
    if (socket.destroyed) return;
    go(isAsked);
    socket.off('error', ignore); // whoever has taken the socket listens
  };
  const read = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    }
    const servername = bytes.length > runtimeLimits.clientHelloBytesMax ? '' : helloServerName(bytes);
    if (servername === undefined) return;
    release();
    socket.unshift(bytes);
    void choose(servername);
  };
  const timer = wish.clock.after(wish.helloMs, () => socket.destroy());
  socket.on('error', ignore).on('close', release).on('readable', read);
}
