/** What carries a stream: a TCP or TLS socket here, a WebSocket in `websocket-transport.ts`, and BOSH in the folder `bosh`. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { type ByteLines, bytesOf, type Carriage } from '../../../lib/runtime/traffic.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import { peerChain } from '../../../lib/s2s/proof.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import { channelBinding, offeredBinding, shownCertificate, tlsVersion } from '../door/channel-binding.ts';
import type { TlsSource } from '../door/tls.ts';
import { connectionLimits } from '../limits.ts';
import type { Cork, Flushable } from './cork.ts';

/** Reads from a transport. It is never called from within a call to the transport, except for `closed` from `destroy`. */
export interface TransportReader {
  /** The bytes belong to the reader. */
  data(chunk: Buffer): void;
  /** The operating system has taken everything that was sent before. `ids` are those that were given to `send`. */
  drained(ids: readonly string[]): void;
  /** Before `trust`, more arrived than a client needs, and it was not passed to `data` yet. */
  flooded(): void;
  /** Called once, and nothing comes after it. */
  closed(): void;
}

export interface Transport {
  readonly kind: 'tcp' | 'websocket' | 'bosh';
  /** As figures call it. */
  readonly carriage: Carriage;
  /** Where its bytes are added up. Whoever reads from it says whose they are. */
  bytes: ByteLines;
  /** The address of the peer, for the log. */
  readonly address: string;
  readonly isSecure: boolean;
  /** The types of channel binding that the client is offered. The data may be '' where it is expensive. */
  readonly offeredBinding: ChannelBinding;
  readonly binding: ChannelBinding;
  /** The version of TLS, if TLS ends here; see {@link tlsVersion}. */
  readonly tlsVersion: string | undefined;
  /** The certificates that the client has shown, its own first, DER. */
  readonly chain: readonly Buffer[];
  /** Bytes that were sent and that the operating system has not taken. */
  readonly bufferedBytes: number;
  open(reader: TransportReader): void;
  /** The client has signed in, so its messages may be long from now on. */
  trust(): void;
  /** @param id passed to `drained`. @returns the new `bufferedBytes` */
  send(bytes: Buffer | string, id?: string): number;
  pause(): void;
  resume(): void;
  /** Keeps middleboxes from closing the connection, and shows dead peers. */
  ping(): void;
  /**
   * Flushes, says goodbye, and closes after `connectionLimits.closeTimeoutMs` at the latest.
   * @param isPeerFirst true when the peer has closed the stream before us, so that it should close the connection (RFC 6120
   * §4.4). If it has not after the same time again, we do. Clients lose our closing tag when it arrives together with the goodbye
   * of TLS.
   * @param error why, where the stream has not written it (BOSH)
   */
  end(isPeerFirst?: boolean, error?: StreamError): void;
  destroy(): void;
}

const noIds: readonly string[] = [];

export class SocketTransport implements Transport, Flushable {
  readonly kind = 'tcp';
  readonly address: string;
  readonly isSecure: boolean;
  bytes: ByteLines;
  readonly socket: Socket;
  readonly #shown: Buffer | undefined;
  readonly #cork: Cork;
  readonly #clock: Clock;
  #reader: TransportReader | undefined;
  /** What the next write takes. Mostly it is one stanza, which needs no list. */
  #first: Buffer | undefined;
  #others: Buffer[] | undefined;
  #waitingBytes = 0;
  #ids: string[] | undefined;
  #closing: Timer | undefined;

  constructor(socket: Socket, address: string, cork: Cork, clock: Clock, tls: TlsSource) {
    this.socket = socket;
    this.#shown = socket instanceof TLSSocket ? shownCertificate(socket, tls) : undefined;
    this.#cork = cork;
    this.#clock = clock;
    this.address = address;
    this.isSecure = socket instanceof TLSSocket;
    this.bytes = bytesOf('client', this.carriage);
  }

  get carriage(): 'tls' | 'tcp' {
    return this.isSecure ? 'tls' : 'tcp';
  }

  get offeredBinding(): ChannelBinding {
    return this.socket instanceof TLSSocket ? offeredBinding(this.socket, this.#shown) : {};
  }

  get binding(): ChannelBinding {
    return this.socket instanceof TLSSocket ? channelBinding(this.socket, this.#shown) : {};
  }

  get tlsVersion(): string | undefined {
    return this.socket instanceof TLSSocket ? tlsVersion(this.socket) : undefined;
  }

  get chain(): readonly Buffer[] {
    return this.socket instanceof TLSSocket ? peerChain(this.socket) : [];
  }

  get bufferedBytes(): number {
    return this.#waitingBytes + this.socket.writableLength;
  }

  open(reader: TransportReader): void {
    this.#reader = reader;
    this.socket.on('data', this.#onData);
    this.socket.on('error', this.#onError);
    this.socket.on('close', this.#onClose);
    if (this.socket.destroyed) setImmediate(this.#onClose);
  }

  /** Everything goes to the reader at once. The scanner has its own bounds. */
  trust(): void {}

  /** Gives up the socket, so that TLS can take it. Everything that was sent has been written. */
  detach(): Socket {
    this.flush();
    this.#reader = undefined;
    this.socket.removeListener('data', this.#onData);
    this.socket.removeListener('error', this.#onError);
    this.socket.removeListener('close', this.#onClose);
    return this.socket;
  }

  send(bytes: Buffer | string, id?: string): number {
    const buffered = this.socket.writableLength;
    if (!this.socket.writable) return this.#waitingBytes + buffered;
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    if (id !== undefined) {
      this.#ids ??= [];
      this.#ids.push(id);
    }
    this.#waitingBytes += chunk.length;
    if (this.#first === undefined) {
      this.#first = chunk;
      this.#cork.add(this);
    } else {
      this.#others ??= [];
      this.#others.push(chunk);
    }
    return this.#waitingBytes + buffered;
  }

  flush(): void {
    if (this.#first === undefined) return;
    this.bytes.out.add(this.#waitingBytes);
    const bytes = this.#others === undefined ? this.#first : Buffer.concat([this.#first, ...this.#others], this.#waitingBytes);
    const ids = this.#ids;
    this.#first = undefined;
    this.#others = undefined;
    this.#waitingBytes = 0;
    this.#ids = undefined;
    if (!this.socket.writable) return;
    this.socket.write(bytes, ids === undefined ? this.#onWritten : (error) => this.#onWritten(error, ids));
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  ping(): void {
    this.send(' ');
  }

  end(isPeerFirst = false): void {
    if (this.#closing !== undefined) return;
    this.flush();
    this.socket.resume(); // whatever still arrives is dropped; if it stayed unread, it would turn our goodbye into a reset
    if (isPeerFirst) this.#closing = this.#clock.after(connectionLimits.closeTimeoutMs, () => this.#hangUp());
    else this.#hangUp();
  }

  #hangUp(): void {
    this.socket.end();
    this.#closing = this.#clock.after(connectionLimits.closeTimeoutMs, () => this.socket.destroy());
  }

  destroy(): void {
    this.socket.destroy();
  }

  readonly #onWritten = (error: Error | null | undefined, ids = noIds): void => {
    if (!error) this.#reader?.drained(ids);
  };

  readonly #onData = (chunk: Buffer): void => {
    this.bytes.in.add(chunk.length);
    this.#reader?.data(chunk);
  };

  /** 'close' follows. */
  readonly #onError = (): void => {};

  readonly #onClose = (): void => {
    this.#closing?.cancel();
    const reader = this.#reader;
    this.#reader = undefined;
    this.socket.on('error', this.#onError);
    reader?.closed();
  };
}
