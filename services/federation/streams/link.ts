/**
 * A socket to another server, read one element at a time. Nothing is read from the socket while nobody asks for an element, and what is
 * written in one turn of the event loop leaves together.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type ByteLines, bytesOf } from '../../../lib/runtime/traffic.ts';
import { openBounds, type ScannerBounds, type ScannerEvent, StreamScanner } from '../../../lib/xmpp/scanner.ts';
import { federationLimits } from '../limits.ts';

export const NS_SERVER = 'jabber:server';

/** The connection is closed, by the peer or by us. */
export class LinkClosed extends Error {
  override name = 'LinkClosed';
}

/** The peer has closed the stream with a closing tag (RFC 6120 §4.4). */
export class StreamEnded extends LinkClosed {
  override name = 'StreamEnded';
}

const bounds: ScannerBounds = { ...openBounds, stanzaBytesMax: federationLimits.elementBytesMax };

export class Link {
  readonly socket: Socket;
  readonly #scanner = new StreamScanner({ contentNs: NS_SERVER, bounds });
  #wake: () => void = () => {};
  #closed: LinkClosed | undefined;
  #corked: Buffer[] = [];
  #corkedBytes = 0;
  readonly #mayWrite: () => boolean;
  readonly #bytes: ByteLines;

  /**
   * @param tenant whose pair of domains it is
   * @param mayWrite looked at when what was gathered leaves: the process may have stood still meanwhile
   */
  constructor(socket: Socket, tenant: string, mayWrite: () => boolean) {
    this.socket = socket;
    this.#mayWrite = mayWrite;
    this.#bytes = bytesOf('server', socket instanceof TLSSocket ? 'tls' : 'tcp', tenant);
    socket.on('data', this.#onData);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.pause();
    if (socket.destroyed) this.#onClose();
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Not taken by the operating system yet, bytes. */
  get bufferedBytes(): number {
    return this.socket.writableLength + this.#corkedBytes;
  }

  write(data: Buffer | string): void {
    if (this.#closed !== undefined) return;
    if (this.#corked.length === 0) setImmediate(() => this.#flush());
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#corked.push(bytes);
    this.#corkedBytes += bytes.length;
  }

  /** @throws {LinkClosed} @throws {StreamError} for what no stream may say */
  async read(): Promise<ScannerEvent> {
    for (;;) {
      const event = this.#scanner.next();
      if (event !== undefined) return event;
      if (this.#closed !== undefined) throw this.#closed;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.socket.resume();
      });
    }
  }

  /** The peer may send what people write, and not only what belongs to the stream. */
  takesStanzas(): void {
    this.#scanner.bounds = openBounds;
  }

  /** A new stream begins (RFC 6120 §4.3.3). */
  restart(): void {
    this.#scanner.restart();
  }

  /** Lets go of the socket, so that TLS can take it. @returns false when the peer has sent more than it may before TLS */
  detach(): boolean {
    this.#flush();
    this.socket.off('data', this.#onData).off('error', this.#onError).off('close', this.#onClose);
    this.socket.on('error', this.#onError);
    return this.#scanner.bufferedBytes === 0;
  }

  /** Flushes and closes; what still comes is not read. */
  end(): void {
    this.#flush();
    this.socket.end();
    this.destroy('closed', false);
  }

  /** @param why in words */
  destroy(why: string, isAtOnce = true): void {
    this.#closed ??= new LinkClosed(why);
    if (isAtOnce) this.socket.destroy();
    else this.socket.destroySoon();
    this.#wake();
  }

  #flush(): void {
    const corked = this.#corked;
    if (corked.length === 0) return;
    this.#bytes.out.add(this.#corkedBytes);
    this.#corked = [];
    this.#corkedBytes = 0;
    if (!this.#mayWrite()) this.destroy('this process has lost its lease');
    else if (this.socket.writable) this.socket.write(Buffer.concat(corked));
  }

  readonly #onData = (chunk: Buffer): void => {
    this.socket.pause();
    this.#bytes.in.add(chunk.length);
    this.#scanner.push(chunk);
    this.#wake();
  };

  /** 'close' follows. */
  readonly #onError = ({ message }: Error): void => {
    this.#closed ??= new LinkClosed(message);
  };

  readonly #onClose = (): void => {
    this.#closed ??= new LinkClosed('the connection was closed');
    this.#wake();
  };
}
