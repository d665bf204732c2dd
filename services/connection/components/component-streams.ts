/** All streams of components at a node. They have no TLS, so the port is for the machine or its network (XEP-0114 has none either). */
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import { repeat, type Timer } from '../../../lib/ports/clock.ts';
import type { CarryReply, CarryRequest } from '../../../lib/runtime/component-wire.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { PeerAddresses } from '../../../lib/runtime/peer-addresses.ts';
import { type ArrivalEvents, Arrivals } from '../../../lib/s2s/arrivals.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { type Accept, type Listeners, listen } from '../door/listen.ts';
import type { TlsSource } from '../door/tls.ts';
import { connectionLimits } from '../limits.ts';
import { type OpenStreams, openStreamsOf } from '../stream/carriages.ts';
import type { Cork } from '../stream/cork.ts';
import { SocketTransport } from '../stream/transport.ts';
import { ComponentOwner } from './component-owner.ts';
import { ComponentStream, type ComponentStreamHost } from './component-stream.ts';

export interface ComponentStreamsOptions {
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly ids: IdMint;
  readonly log: Logger;
  readonly subject: string;
  readonly tls: TlsSource;
  readonly cork: Cork;
  readonly peers: PeerAddresses;
  readonly gate: Accept['gate'];
  readonly listen: { readonly bind: string; readonly port: number };
  readonly reusePort: boolean;
}

export class ComponentStreams implements ComponentStreamHost {
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly owner: ComponentOwner;
  readonly subject: string;
  readonly #options: ComponentStreamsOptions;
  readonly #streams = new Map<string, ComponentStream>();
  #listeners: Listeners | undefined;
  #holding: Timer | undefined;
  #isStopped = true;

  private constructor(options: ComponentStreamsOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.log = options.log;
    this.subject = options.subject;
    this.owner = new ComponentOwner(options.bus);
  }

  /** @throws when the port cannot be had */
  static async start(options: ComponentStreamsOptions): Promise<ComponentStreams> {
    const streams = new ComponentStreams(options);
    await streams.#open(options.listen.port);
    return streams;
  }

  async #open(plain: number | undefined): Promise<void> {
    const { listen: place, tls, reusePort, peers, gate, clock, log } = this.#options;
    this.#listeners = await listen({ bind: place.bind, plain, secure: undefined, protocol: 'xmpp-server' }, tls, reusePort, {
      ...{ peers, gate },
      plain: (socket) => this.#accept(socket),
      secure: (socket) => socket.destroy(),
    });
    this.#isStopped = false;
    this.#holding = repeat(
      clock,
      () => connectionLimits.componentHoldMs,
      () => this.#hold(),
      (error) => log.warn({ err: error }, 'cannot say which components are here'),
    );
  }

  /** Takes new ones again, at the same port. @throws when it cannot be had */
  reopen(): Promise<void> {
    return this.#open(this.address?.port);
  }

  get address(): AddressInfo | undefined {
    return this.#listeners?.plain;
  }

  get openStreams(): readonly OpenStreams[] {
    return openStreamsOf('component', ['tcp'], this.#streams.values());
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Takes no new ones, and ends those that are there when what they have said is handed over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#holding?.cancel();
    await this.#listeners?.stop();
    for (const stream of [...this.#streams.values()]) stream.leave(new StreamError('system-shutdown'));
  }

  /** Those that have not ended in time. */
  destroy(): void {
    for (const stream of [...this.#streams.values()]) stream.destroy();
  }

  carry(request: CarryRequest, bodies: readonly Buffer[]): Promise<CarryReply> | CarryReply {
    return this.#streams.get(request.sid)?.carry(request, bodies) ?? { isWritten: false, buffered: 0 };
  }

  arrivals(events: ArrivalEvents): Arrivals {
    return new Arrivals(this.#options, events, 'component');
  }

  closed(stream: ComponentStream): void {
    this.#streams.delete(stream.id);
  }

  async #hold(): Promise<void> {
    await Promise.all([...this.#streams.values()].map((stream) => stream.hold()));
  }

  #accept(socket: Socket): void {
    const { peers, cork, tls } = this.#options;
    const transport = new SocketTransport(socket, peers.of(socket), cork, this.clock, tls);
    if (this.#isStopped || this.#streams.size >= connectionLimits.componentStreamsMax) {
      transport.destroy();
      return;
    }
    const stream = new ComponentStream(this, transport);
    this.#streams.set(stream.id, stream);
  }
}
