/** All streams of other servers at a node: 5269 with STARTTLS, 5270 with TLS from the first byte (XEP-0368). */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import { sleep, type Timer } from '../../../lib/ports/clock.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import type { IdMint } from '../../../lib/runtime/ids.ts';
import type { PeerAddresses } from '../../../lib/runtime/peer-addresses.ts';
import { type ArrivalEvents, Arrivals } from '../../../lib/s2s/arrivals.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { type Accept, type Listeners, listen } from '../door/listen.ts';
import type { StreamIdentity, TlsSource } from '../door/tls.ts';
import { Upgrades } from '../door/upgrades.ts';
import { connectionLimits } from '../limits.ts';
import { type OpenStreams, openStreamsOf } from '../stream/carriages.ts';
import type { Cork } from '../stream/cork.ts';
import { SocketTransport } from '../stream/transport.ts';
import { peerFeatures } from './features/index.ts';
import { InboundStream, type PeerStreamHost } from './inbound-stream.ts';
import { OwnerLink } from './owner-link.ts';
import { PeerShares } from './peer-shares.ts';

export interface PeerStreamsOptions {
  readonly bus: Bus;
  readonly clock: DeploymentClock;
  readonly ids: IdMint;
  readonly log: Logger;
  readonly tls: TlsSource;
  readonly cork: Cork;
  readonly peers: PeerAddresses;
  readonly gate: Accept['gate'];
  readonly proves: (domain: string, chain: readonly Buffer[]) => Promise<boolean>;
  readonly listen: { readonly bind: string; readonly s2sPort?: number | undefined; readonly s2sTlsPort?: number | undefined };
  readonly reusePort: boolean;
}

export class PeerStreams implements PeerStreamHost {
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly owner: OwnerLink;
  readonly features = peerFeatures;
  readonly shares: PeerShares;
  readonly #options: PeerStreamsOptions;
  readonly #streams = new Set<InboundStream>();
  readonly #upgrades = new Upgrades();
  #listeners: Listeners | undefined;
  #looking: Timer | undefined;
  #isStopped = true;

  private constructor(options: PeerStreamsOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.log = options.log;
    this.owner = new OwnerLink(options.bus);
    this.shares = new PeerShares(options.clock);
  }

  /** @throws when a port cannot be had */
  static async start(options: PeerStreamsOptions): Promise<PeerStreams> {
    const streams = new PeerStreams(options);
    const { s2sPort: plain, s2sTlsPort: secure } = options.listen;
    await streams.#open(plain, secure);
    return streams;
  }

  async #open(plain: number | undefined, secure: number | undefined): Promise<void> {
    const { listen: place, tls, reusePort, peers, gate } = this.#options;
    this.#listeners = await listen({ bind: place.bind, plain, secure, protocol: 'xmpp-server' }, tls, reusePort, {
      ...{ peers, gate },
      plain: (socket) => this.#accept(socket),
      secure: (socket) => this.#acceptSecure(socket),
    });
    this.#isStopped = false;
    this.#lookLater();
  }

  /** Takes new ones again, at the same ports. Those that were not asked to end yet go on. @throws when a port cannot be had */
  reopen(): Promise<void> {
    const { plain, secure } = this.addresses;
    return this.#open(plain?.port, secure?.port);
  }

  get addresses(): Pick<Listeners, 'plain' | 'secure'> {
    return { plain: this.#listeners?.plain, secure: this.#listeners?.secure };
  }

  get openStreams(): readonly OpenStreams[] {
    return openStreamsOf('server', ['tcp', 'tls'], this.#streams);
  }

  get size(): number {
    return this.#streams.size;
  }

  /**
   * Takes no new ones, and ends those that are there in order, at a rate at which they may come back elsewhere. Resolves when all of them
   * were asked to end.
   * @param deadlineMs monotonic: the rate is raised so that all get their turn in time
   */
  async stop(deadlineMs = Number.POSITIVE_INFINITY): Promise<void> {
    this.#isStopped = true;
    this.#looking?.cancel();
    await this.#listeners?.stop();
    const { drainTickMs, peerDrainPerSecond } = connectionLimits;
    const reason = new StreamError('system-shutdown');
    for (const waiting = [...this.#streams]; this.#isStopped && waiting.length > 0; ) {
      const ticksLeft = Math.max(1, (deadlineMs - this.clock.monotonic()) / drainTickMs / 2);
      const perTick = Math.max((peerDrainPerSecond * drainTickMs) / 1_000, waiting.length / ticksLeft);
      for (const stream of waiting.splice(0, Math.ceil(perTick))) stream.leave(reason);
      if (waiting.length > 0) await sleep(this.clock, drainTickMs);
    }
  }

  #lookLater(): void {
    this.#looking = this.clock.after(connectionLimits.peerIdleLookMs, () => {
      const now = this.clock.monotonic();
      for (const stream of [...this.#streams]) stream.endIfIdle(now);
      if (!this.#isStopped) this.#lookLater();
    });
  }

  /** Cuts off those that are left. */
  destroy(): void {
    for (const stream of [...this.#streams]) stream.destroy();
  }

  arrivals(events: ArrivalEvents): Arrivals {
    return new Arrivals(this.#options, events);
  }

  proves(domain: string, chain: readonly Buffer[]): Promise<boolean> {
    return this.#options.proves(domain, chain);
  }

  identityFor(domain: string): StreamIdentity | undefined | Promise<StreamIdentity | undefined> {
    const { tls } = this.#options;
    return tls.isForAnyName ? undefined : tls.identityFor(domain);
  }

  startTls(transport: SocketTransport, deadlineMs: number, identity: StreamIdentity | undefined): void {
    this.#listeners?.startTls(this.#upgrades.begin(transport.detach(), deadlineMs), { identity });
  }

  closed(stream: InboundStream): void {
    this.#streams.delete(stream);
  }

  #acceptSecure(socket: Socket): void {
    this.#accept(socket, this.#upgrades.end(socket));
  }

  #accept(socket: Socket, deadlineMs?: number): void {
    const { peers, cork, tls } = this.#options;
    this.accept(new SocketTransport(socket, peers.of(socket), cork, this.clock, tls), deadlineMs);
  }

  /** Begins a stream on a connection. @param deadlineMs monotonic: until a domain is proved */
  accept(transport: SocketTransport, deadlineMs?: number): void {
    if (this.#isStopped || this.#streams.size >= connectionLimits.peerStreamsMax) transport.destroy();
    else this.#streams.add(new InboundStream(this, transport, deadlineMs));
  }
}
