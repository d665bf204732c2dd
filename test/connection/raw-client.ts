/** A client that writes bytes and reads text, so that a test can be as wrong as it wants. */
import { connect, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';

/** Only a test that fails waits this long. */
const patienceMs = 8_000;

export class RawClient {
  socket: Socket;
  /** All that came, or since `forget`. */
  text = '';
  isClosed = false;
  #changed: (() => void)[] = [];

  private constructor(socket: Duplex) {
    this.socket = socket as Socket;
    if (socket instanceof Socket) socket.setNoDelay(true);
    this.#listen(socket);
  }

  static plain(port: number): RawClient {
    return new RawClient(connect({ host: '127.0.0.1', port }));
  }

  static tls(port: number, options: ConnectionOptions = {}): RawClient {
    return new RawClient(
      connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['xmpp-client'], ...options }),
    );
  }

  /** A client on a socket that the test has made itself. */
  static of(socket: Duplex): RawClient {
    return new RawClient(socket);
  }

  /** The socket becomes TLS; what came before is forgotten. */
  async upgrade(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const raw = this.socket;
    raw.removeAllListeners('data');
    const socket = connectTls({ socket: raw, rejectUnauthorized: false, ...options });
    this.text = '';
    this.socket = socket;
    this.#listen(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return socket;
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  forget(): void {
    this.text = '';
  }

  /** Waits until the text matches. @returns the match; the text up to its end is forgotten */
  async read(pattern: RegExp): Promise<RegExpExecArray> {
    const match = await this.#until(() => pattern.exec(this.text) ?? undefined, `${pattern}`);
    this.text = this.text.slice(match.index + match[0].length);
    return match;
  }

  async closed(): Promise<string> {
    await this.#until(() => (this.isClosed ? true : undefined), 'the end of the connection');
    return this.text;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #listen(socket: Duplex): void {
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString();
      this.#wake();
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }

  async #until<Value>(look: () => Value | undefined, what: string): Promise<Value> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, patienceMs);
    try {
      for (;;) {
        const value = look();
        if (value !== undefined) return value;
        if (isLate) throw new Error(`waited in vain for ${what}; ${this.isClosed ? 'closed' : 'open'}, read: ${this.text}`);
        await new Promise<void>((resolve) => void this.#changed.push(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
