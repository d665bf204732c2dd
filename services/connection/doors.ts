/** Where streams come in at a node: the ports for clients, other servers and components, and WebSockets. They can be closed and opened again. */
import type { Socket } from 'node:net';
import { type Accept, type Addresses, type Listeners, listen, type Ports } from './door/listen.ts';
import type { TlsSource, TlsWish } from './door/tls.ts';
import { Outside, type OutsideOptions } from './outside.ts';
import type { WebStreams } from './web-streams.ts';

interface DoorsOptions {
  readonly ports: Ports;
  readonly accept: Accept;
  readonly outside: OutsideOptions;
  readonly web: WebStreams;
  readonly tls: TlsSource;
  readonly reusePort: boolean;
}

export class Doors {
  readonly #options: DoorsOptions;
  #listeners: Listeners | undefined;
  #outside: Outside | undefined;

  constructor(options: DoorsOptions) {
    this.#options = options;
  }

  /** @throws when a port cannot be had */
  async open(): Promise<void> {
    const { ports, accept, tls, reusePort, outside } = this.#options;
    this.#listeners = await listen(ports, tls, reusePort, accept);
    try {
      this.#outside = await Outside.start(outside);
    } catch (error) {
      await this.#listeners.stop();
      throw error;
    }
  }

  /** The streams that are not clients'. */
  get outside(): Outside | undefined {
    return this.#outside;
  }

  get addresses(): Addresses {
    const { plain: c2s, secure: c2sTls } = this.#listeners ?? {};
    return { c2s, c2sTls, ...this.#outside?.addresses };
  }

  startTls(socket: Socket, wish: TlsWish): void {
    this.#listeners?.startTls(socket, wish);
  }

  /**
   * Lets nobody in, from this call on. Resolves when all streams but those of clients were asked to end.
   * @param deadlineMs monotonic: they are asked by then
   */
  async close(deadlineMs?: number): Promise<void> {
    this.#options.web.drain();
    await this.#listeners?.stop();
    await this.#outside?.stop(deadlineMs);
  }

  /** Opens the ports that were open, and no others. @throws when one cannot be had: then all are closed */
  async reopen(): Promise<void> {
    const { ports, accept, tls, reusePort, web } = this.#options;
    const { plain, secure } = this.#listeners ?? {};
    const listeners = await listen({ ...ports, plain: plain?.port, secure: secure?.port }, tls, reusePort, accept);
    try {
      await this.#outside?.reopen();
    } catch (error) {
      await listeners.stop();
      throw error;
    }
    this.#listeners = listeners;
    web.reopen();
  }
}
