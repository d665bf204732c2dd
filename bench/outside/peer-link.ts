/** A socket to or from the server that is measured: elements come as bytes, and what is written in one turn leaves together. */
import type { Socket } from 'node:net';
import { type OnElement, Splitter } from '../generator/splitter.ts';

export class PeerLink {
  #socket: Socket;
  readonly #splitter: Splitter;
  readonly #onClosed: () => void;
  #outgoing = '';

  constructor(socket: Socket, onElement: OnElement, onClosed: () => void) {
    this.#splitter = new Splitter(onElement, () => this.close());
    this.#onClosed = onClosed;
    this.#socket = socket;
    this.#attach(socket);
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** TLS takes the socket, and a new stream begins on top. */
  upgrade(encrypt: (raw: Socket) => Socket): void {
    const raw = this.#socket;
    this.#flush();
    raw.removeAllListeners('data');
    raw.removeAllListeners('close');
    this.#splitter.reset();
    this.#socket = encrypt(raw);
    this.#attach(this.#socket);
  }

  write(text: string): void {
    if (this.#outgoing === '') process.nextTick(() => this.#flush());
    this.#outgoing += text;
  }

  close(): void {
    this.write('</stream:stream>');
    this.#flush();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), 2_000).unref();
  }

  #attach(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#splitter.push(chunk));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', this.#onClosed);
  }

  #flush(): void {
    const text = this.#outgoing;
    this.#outgoing = '';
    if (text !== '' && this.#socket.writable) this.#socket.write(text);
  }
}
