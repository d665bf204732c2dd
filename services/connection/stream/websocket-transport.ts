/** A WebSocket (RFC 7395) as a transport: one text message for each element. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { bytesOf } from '../../../lib/runtime/traffic.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import type { WebSocketPeer } from '../door/websocket.ts';
import { connectionLimits } from '../limits.ts';
import type { Cork, Flushable } from './cork.ts';
import type { Transport, TransportReader } from './transport.ts';

export class WebSocketTransport implements Transport, Flushable {
  readonly kind = 'websocket';
  readonly carriage = 'websocket';
  bytes = bytesOf('client', 'websocket');
  readonly address: string;
  readonly isSecure: boolean;
  readonly binding: ChannelBinding;
  readonly tlsVersion: string | undefined;
  readonly chain: readonly Buffer[];
  readonly #socket: WebSocket;
  readonly #raw: Duplex | undefined;
  #strangeBytes = 0;
  /** RFC 6455 §7.4.1: the code, when there is more to say than that the stream ends. */
  #closeCode: number | undefined;
  readonly #cork: Cork;
  readonly #clock: Clock;
  #reader: TransportReader | undefined;
  #waiting: (string | Buffer)[] = [];
  #waitingBytes = 0;
  #ids: string[] = [];
  #closing: Timer | undefined;

  constructor(socket: WebSocket, peer: WebSocketPeer, cork: Cork, clock: Clock) {
    this.address = peer.address;
    this.isSecure = peer.isSecure;
    this.binding = peer.binding;
    this.tlsVersion = peer.tlsVersion;
    this.chain = peer.chain ?? [];
    this.#socket = socket;
    this.#raw = peer.raw;
    this.#cork = cork;
    this.#clock = clock;
  }

  get offeredBinding(): ChannelBinding {
    return this.binding;
  }

  get bufferedBytes(): number {
    return this.#waitingBytes + this.#socket.bufferedAmount;
  }

  open(reader: TransportReader): void {
    this.#reader = reader;
    this.#raw?.on('data', this.#count);
    this.#socket.on('message', (data, isBinary) => {
      // RFC 7395 §3.2: only text is allowed. Anything else is not an element, and the scanner says so.
      const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
      this.bytes.in.add(bytes.length);
      this.#reader?.data(isBinary ? Buffer.from([0]) : bytes);
    });
    this.#socket.on('error', () => {}); // 'close' follows
    this.#socket.on('close', () => {
      this.#closing?.cancel();
      const closed = this.#reader;
      this.#reader = undefined;
      closed?.closed();
    });
  }

  /** Before sign-in, a message is bounded by what all streams may send then, and not by `maxPayload`. */
  trust(): void {
    this.#raw?.off('data', this.#count);
  }

  readonly #count = (chunk: Buffer): void => {
    this.#strangeBytes += chunk.length;
    if (this.#strangeBytes <= connectionLimits.preauthFrameBytesMax) return;
    this.trust();
    this.#closeCode = 1009;
    this.#reader?.flooded();
  };

  /** One message for each call (RFC 7395 §3.3.3). */
  send(bytes: Buffer | string, id?: string): number {
    if (this.#socket.readyState !== this.#socket.OPEN) return this.bufferedBytes;
    if (id !== undefined) this.#ids.push(id);
    this.#waitingBytes += bytes.length;
    this.#waiting.push(bytes);
    if (this.#waiting.length === 1) this.#cork.add(this);
    return this.bufferedBytes;
  }

  flush(): void {
    const messages = this.#waiting;
    const ids = this.#ids;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#ids = [];
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const last = messages.length - 1;
    messages.forEach((message, index) => {
      this.bytes.out.add(Buffer.byteLength(message));
      this.#socket.send(message, { binary: false }, (error) => {
        if (index === last && !error) this.#reader?.drained(ids);
      });
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** RFC 7395 §3.9: a ping, because white space is not allowed. */
  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  end(): void {
    if (this.#closing !== undefined) return;
    this.flush();
    this.#socket.resume();
    this.#socket.close(this.#closeCode);
    this.#closing = this.#clock.after(connectionLimits.closeTimeoutMs, () => this.#socket.terminate());
  }

  destroy(): void {
    this.#socket.terminate();
  }
}
