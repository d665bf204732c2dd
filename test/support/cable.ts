/** A cable between a client and the server, which a test cuts at whatever byte is on it. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Flights } from './flights.ts';

export class Cable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #flights = new Flights();

  private constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      near.on('data', (chunk) => this.#flights.fromClient(chunk));
      far.on('data', () => this.#flights.fromServer());
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => this.#sockets.delete(from));
        from.pipe(to);
      }
    });
  }

  /** @param port the server's */
  static async lay(port: number): Promise<Cable> {
    const cable = new Cable(port);
    await new Promise<void>((resolve) => cable.#server.listen(0, '127.0.0.1', resolve));
    return cable;
  }

  /** The client's end. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What `Flights` has counted, on a cable that carries one connection with TLS 1.3. */
  get flights(): number {
    return this.#flights.count;
  }

  /** Neither end is told more than that it is gone; a new connection may be made at once. */
  cut(): void {
    for (const socket of this.#sockets) {
      // Node 24 never ends when a socket is reset that is shutting down.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  async remove(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
