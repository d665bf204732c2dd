/** The streams that come to a node over HTTP: WebSockets and BOSH. */
import type { Server } from 'node:http';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Bus } from '../../lib/ports/bus.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { BoshRequest } from '../../lib/runtime/bosh-wire.ts';
import type { PeerAddresses } from '../../lib/runtime/peer-addresses.ts';
import { BoshSessions } from './bosh/bosh-sessions.ts';
import type { Admission } from './door/admission.ts';
import { serveBosh } from './door/bosh.ts';
import type { TlsSource } from './door/tls.ts';
import { serveWebSocket, type WebSocketPeer } from './door/websocket.ts';
import type { Cork } from './stream/cork.ts';
import type { Transport } from './stream/transport.ts';
import { WebSocketTransport } from './stream/websocket-transport.ts';

interface WebStreamsHost {
  readonly subject: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly admission: Admission;
  readonly isDraining: boolean;
  /** Lets the transport in, or destroys it. */
  accept(transport: Transport): void;
}

interface WebStreamsOptions {
  readonly cork: Cork;
  readonly peers: PeerAddresses;
  readonly tls: TlsSource;
}

export class WebStreams {
  readonly #host: WebStreamsHost;
  readonly #options: WebStreamsOptions;
  readonly #bosh: BoshSessions;
  readonly #webSockets: { readonly server: Server; readonly path: string; upgrades: { stop(): void } }[] = [];
  readonly #boshDoors: { stop(): void }[] = [];

  constructor(host: WebStreamsHost, options: WebStreamsOptions) {
    this.#host = host;
    this.#options = options;
    this.#bosh = new BoshSessions(host, options.cork);
  }

  /** Resolves when the socket is let in or refused, and never rejects. */
  async acceptWebSocket(socket: WebSocket, peer: WebSocketPeer): Promise<void> {
    const transport = new WebSocketTransport(socket, peer, this.#options.cork, this.#host.clock);
    const mayConnect = this.#host.admission.mayConnect(peer.address, (gone) => socket.once('close', gone));
    if (mayConnect === true) {
      this.#host.accept(transport);
      return;
    }
    socket.on('error', () => {}); // 'close' follows
    socket.pause();
    if (!(await mayConnect)) transport.destroy();
    else if (socket.readyState === socket.OPEN) {
      this.#host.accept(transport);
      socket.resume();
    }
  }

  /** Serves WebSockets on an HTTP server, until the node takes no new streams. */
  attachWebSocket(server: Server, path: string): void {
    this.#webSockets.push({ server, path, upgrades: this.#serveWebSocket(server, path) });
  }

  #serveWebSocket(server: Server, path: string): { stop(): void } {
    const { peers, tls } = this.#options;
    return serveWebSocket(server, path, peers, tls, (socket, peer) => void this.acceptWebSocket(socket, peer));
  }

  /** Serves BOSH on an HTTP server, until the node has stopped: sessions go on while it drains. */
  attachBosh(server: Server): void {
    const { peers, tls } = this.#options;
    this.#boshDoors.push(serveBosh(server, this.#host.clock, peers, tls, this.#bosh));
  }

  /** A request of BOSH that has come to another node. */
  passedOn(request: BoshRequest, bodies: readonly Buffer[]): Promise<Buffer> {
    return this.#bosh.takePassedOn(request, bodies);
  }

  /** Takes no new streams. */
  drain(): void {
    for (const { upgrades } of this.#webSockets) upgrades.stop();
  }

  /** Takes new streams again. */
  reopen(): void {
    for (const served of this.#webSockets) {
      served.upgrades.stop();
      served.upgrades = this.#serveWebSocket(served.server, served.path);
    }
  }

  stop(): void {
    for (const door of this.#boshDoors) door.stop();
  }
}
