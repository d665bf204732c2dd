/**
 * A connection node. It holds the streams of clients and their sessions, and perhaps streams of other servers (peers) and
 * of components. It frames and counts stanzas, and lets routers decide about everything else.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Bus, Serving } from '../../lib/ports/bus.ts';
import { type Clock, sleep, type Timer } from '../../lib/ports/clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import type { Allowances, SendingRates } from '../../lib/runtime/allowance.ts';
import type { BoshRequest } from '../../lib/runtime/bosh-wire.ts';
import type { CertificateWish } from '../../lib/runtime/client-hello.ts';
import type { CarryReply, CarryRequest } from '../../lib/runtime/component-wire.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import { IdMint, newIncarnation } from '../../lib/runtime/ids.ts';
import type { Latency } from '../../lib/runtime/latency.ts';
import { directPeers, type PeerAddresses } from '../../lib/runtime/peer-addresses.ts';
import { RecentKeys } from '../../lib/runtime/recent-keys.ts';
import { type Mark, readMark } from '../../lib/runtime/resync.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { StreamError } from '../../lib/xmpp/errors.ts';
import { FeatureList } from './core/feature-list.ts';
import type { Claim, Found, StreamFeature } from './core/stream-feature.ts';
import { Admission, type DoorRates } from './door/admission.ts';
import type { Addresses, Listen } from './door/listen.ts';
import type { StreamIdentity, TlsSource, TlsWish } from './door/tls.ts';
import { Upgrades } from './door/upgrades.ts';
import type { WebSocketPeer } from './door/websocket.ts';
import { Doors } from './doors.ts';
import { streamFeatures } from './features/index.ts';
import { connectionLimits } from './limits.ts';
import { type Claims, claimSession } from './moving/claim.ts';
import { Draining, type DrainingNode } from './moving/draining.ts';
import { EndedSessions } from './moving/ended-sessions.ts';
import { NodeRequests } from './moving/node-requests.ts';
import { park } from './moving/park.ts';
import { allStreams, type ConnectionStats, statsOf } from './node-stats.ts';
import type { PeerStreamsOptions } from './peers/peer-streams.ts';
import { accountAllowances } from './session/account-allowances.ts';
import type { SessionStream } from './session/egress.ts';
import type { StageKind } from './session/outgoing-stages.ts';
import { RouterLink } from './session/router-link.ts';
import { Session } from './session/session.ts';
import type { SessionStart } from './session/session-owner.ts';
import type { OpenStreams } from './stream/carriages.ts';
import { CertificateWishes } from './stream/certificate-wishes.ts';
import { Cork } from './stream/cork.ts';
import { doorGate } from './stream/door-gate.ts';
import { Greetings } from './stream/greetings.ts';
import { Stream } from './stream/stream.ts';
import type { StreamHost } from './stream/stream-host.ts';
import { SocketTransport, type Transport } from './stream/transport.ts';
import { WebStreams } from './web-streams.ts';

export type { Listen } from './door/listen.ts';

export interface ConnectionDependencies {
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Made of `[a-z0-9-]`. It stays the same over a restart, and no other node has it. */
  readonly node: string;
  readonly tls: TlsSource;
  readonly listen: Listen;
  /** True when several processes accept streams on one port. */
  readonly reusePort?: boolean;
  /** Replaces the rates in `connectionLimits`. */
  readonly rates?: DoorRates;
  readonly sendingRates?: SendingRates;
  /** Default: `streamFeatures`. */
  readonly features?: readonly StreamFeature[] | undefined;
  /** Longest time that a stop takes, ms. Default: `serviceLimits.shutdownMs`. */
  readonly stopMs?: number;
  /** How many nodes of the deployment drain at this time, this one included. Default: 1. */
  readonly drains?: () => number;
  /** Finds the address of a client behind a proxy. */
  readonly peers?: PeerAddresses;
  /** With ports for other servers: does this chain (DER, the server's own certificate first) prove that its owner is the domain? */
  readonly proves?: PeerStreamsOptions['proves'];
}

export interface ConnectionNode {
  /** Subject on the bus: `n.<node>.<incarnation>`. */
  readonly subject: string;
  readonly addresses: Addresses;
  /** Whether TLS asks clients for a certificate, for the ports that other parts of this process serve. */
  readonly wish: CertificateWish;
  readonly stats: ConnectionStats;
  readonly openStreams: readonly OpenStreams[];
  /** How long batches take. */
  readonly latency: Latency;
  /** True while the node takes no new streams and parks its sessions in the store. */
  readonly isDraining: boolean;
  /** Resolves when the socket is let in or refused, and never rejects. */
  acceptWebSocket(socket: WebSocket, peer: WebSocketPeer): Promise<void>;
  /** Serves WebSockets on an HTTP server until the node stops. @param path such as `/xmpp-websocket` */
  attachWebSocket(server: Server, path: string): void;
  /** Serves the requests that an HTTP server emits as `boshEvent` until the node has stopped. */
  attachBosh(server: Server): void;
  /**
   * Tells sessions that deliveries to them may have been lost. They read the archive from the entry `from` on.
   * @returns the marks that are done, because their clients have everything; the other marks are to be shown again
   */
  resync(marks: readonly Mark[]): readonly Mark[];
  /** Ends all sessions, because routers took this node for dead and have ended them. Clients are told to come back. */
  dropSessions(): void;
  /**
   * Takes no new streams, parks in the store the sessions that can be resumed, and ends the others, at a bounded rate. Resolves
   * when no session is left, or the node takes streams again. Until then the node answers the requests of others.
   * @param forGood why it must not take streams again; absent: it may
   */
  drain(forGood?: string): Promise<void>;
  /**
   * Ends a drain: takes streams again, and keeps the sessions that have not had their turn. Those that are parked come back with their clients.
   * @returns why it cannot, for people; undefined when it takes streams
   */
  undrain(): Promise<string | undefined>;
  /** Drains within `stopMs`. @returns true when no session is left; otherwise routers find out by themselves */
  stop(): Promise<boolean>;
}

/** @throws when the name has other characters, or a port cannot be opened */
export async function startConnectionNode(dependencies: ConnectionDependencies): Promise<ConnectionNode> {
  if (!/^[a-z0-9-]{1,64}$/.test(dependencies.node))
    throw new RangeError(`a node's name is of a-z, 0-9 and '-', not '${dependencies.node}'`);
  const node = new Node(dependencies);
  await node.start();
  return node;
}

class Node implements ConnectionNode, StreamHost, Claims, DrainingNode {
  readonly subject: string;
  readonly bus: Bus;
  readonly store: Store;
  readonly clock: DeploymentClock;
  readonly log: Logger;
  readonly ids: IdMint;
  readonly router: RouterLink;
  readonly greetings: Greetings;
  readonly wish: CertificateWishes;
  readonly ended = new EndedSessions();
  readonly fetching = new Map<string, Promise<Session | undefined>>();
  readonly parking = new Map<string, Promise<void>>();
  readonly taken = new RecentKeys(connectionLimits.endedSessionsMax);
  readonly features: FeatureList;
  readonly stages: readonly StageKind[];
  readonly #dependencies: ConnectionDependencies;
  readonly #peers: PeerAddresses;
  readonly #cork = new Cork();
  readonly #requests = new NodeRequests(this);
  readonly admission: Admission;
  readonly allowances: Allowances;
  readonly #streams = new Set<Stream>();
  readonly held = new Map<string, Session>();
  /** Holds sessions that are not bound yet, and sessions whose end no router has confirmed. */
  readonly #sessions = new Set<Session>();
  readonly #upgrades = new Upgrades();
  readonly #web: WebStreams;
  readonly #marks = new RecentKeys(2 * connectionLimits.resyncMarksMax);
  #resyncs = 0;
  readonly #draining: Draining;
  doors: Doors | undefined;
  #serving: Serving | undefined;
  #sweep: Timer | undefined;
  #stopping: Promise<boolean> | undefined;
  readonly putAway = (session: Session) => void park(this, session, new StreamError('reset', 'the session was put away'));

  constructor(dependencies: ConnectionDependencies) {
    this.#dependencies = dependencies;
    this.#peers = dependencies.peers ?? directPeers;
    this.bus = dependencies.bus;
    this.store = dependencies.store;
    this.clock = DeploymentClock.of(dependencies.clock);
    this.log = dependencies.log;
    this.ids = new IdMint(this.clock);
    this.#draining = new Draining(this, dependencies.drains);
    this.router = new RouterLink(this);
    this.greetings = new Greetings(dependencies.clock);
    this.wish = new CertificateWishes(this);
    this.features = new FeatureList(dependencies.features ?? streamFeatures);
    this.stages = this.features.stages;
    this.admission = new Admission(dependencies.clock, dependencies.rates);
    this.allowances = accountAllowances(dependencies.clock, dependencies.sendingRates);
    this.#web = new WebStreams(this, { cork: this.#cork, peers: this.#peers, tls: dependencies.tls });
    this.subject = `n.${dependencies.node}.${newIncarnation(dependencies.bus, dependencies.clock)}`;
  }

  async start(): Promise<void> {
    const { bus, listen: options, tls, proves, reusePort = false } = this.#dependencies;
    this.#serving = await this.#requests.serve(bus, this.subject);
    const accept = {
      peers: this.#peers,
      gate: doorGate(this, this.#peers),
      plain: (socket: Socket) => this.#acceptPlain(socket),
      secure: (socket: Socket) => this.#acceptSecure(socket),
    };
    const { bind, c2sPort: plain, c2sTlsPort: secure } = options;
    const { subject, clock, ids, log } = this;
    try {
      this.doors = new Doors({
        ports: { bind, plain, secure, protocol: 'xmpp-client', wish: this.wish },
        outside: {
          ...{ bus, clock, ids, log, subject, tls, cork: this.#cork, peers: this.#peers, proves, listen: options, reusePort },
          gate: accept.gate,
        },
        ...{ accept, tls, reusePort, web: this.#web },
      });
      await this.doors.open();
    } catch (error) {
      await this.#serving.stop();
      throw error;
    }
    this.#scheduleSweep();
    this.log.info({ subject: this.subject, addresses: this.addresses }, 'connection node listens');
  }

  get addresses(): Addresses {
    return this.doors?.addresses ?? {};
  }

  get stats(): ConnectionStats {
    return statsOf(this.#parts);
  }

  get openStreams(): readonly OpenStreams[] {
    return allStreams(this.#parts);
  }

  get #parts() {
    const { held, router } = this;
    return { streams: this.#streams, outside: this.doors?.outside, held, router, peers: this.#peers, resyncs: this.#resyncs };
  }

  carry(request: CarryRequest, bodies: readonly Buffer[]): Promise<CarryReply> | CarryReply {
    return this.doors?.outside?.carry(request, bodies) ?? { isWritten: false, buffered: 0 };
  }

  get latency(): Latency {
    return this.router.latency;
  }

  get isDraining(): boolean {
    return this.#draining.isOn;
  }

  acceptWebSocket(socket: WebSocket, peer: WebSocketPeer): Promise<void> {
    return this.#web.acceptWebSocket(socket, peer);
  }

  attachWebSocket(server: Server, path: string): void {
    this.#web.attachWebSocket(server, path);
  }

  attachBosh(server: Server): void {
    this.#web.attachBosh(server);
  }

  passedOn(request: BoshRequest, bodies: readonly Buffer[]): Promise<Buffer> {
    return this.#web.passedOn(request, bodies);
  }

  resync(marks: readonly Mark[]): readonly Mark[] {
    for (const { version } of marks) {
      if (!this.#marks.has(version)) this.#resyncs++;
      this.#marks.add(version);
    }
    return marks.filter(({ sid, from, version }) => this.held.get(sid)?.resync(from, version) ?? true);
  }

  /** Routers hear of the ends as well: sessions that were bound since then have rows. */
  dropSessions(): void {
    for (const session of [...this.held.values()]) {
      this.ended.add(session);
      session.close(new StreamError('reset', 'this node was taken for dead'));
    }
  }

  drain(forGood?: string): Promise<void> {
    return this.#draining.begin(forGood);
  }

  undrain(): Promise<string | undefined> {
    return this.#draining.end();
  }

  stop(): Promise<boolean> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  missedOf(sid: string): Promise<string | undefined> {
    return readMark(this.store, { node: this.subject, sid });
  }

  session(start: SessionStart, stream: SessionStream): Session {
    const session = new Session(this, start, stream);
    this.#sessions.add(session);
    return session;
  }

  identityFor(domain: string): StreamIdentity | undefined | Promise<StreamIdentity | undefined> {
    const { tls } = this.#dependencies;
    return tls.isForAnyName ? undefined : tls.identityFor(domain);
  }

  startTls(transport: SocketTransport, deadlineMs: number, wish: TlsWish): void {
    this.doors?.startTls(this.#upgrades.begin(transport.detach(), deadlineMs), wish);
  }

  closed(stream: Stream): void {
    this.#streams.delete(stream);
  }

  claim(claim: Claim, stream: SessionStream): Promise<Found> {
    return claimSession(this, claim, stream);
  }

  find(sid: string): Session | undefined {
    return this.held.get(sid);
  }

  hold(session: Session): void {
    this.held.set(session.sid, session);
    this.#sessions.add(session);
    this.log.info({ sid: session.sid, jid: `${session.jid}` }, 'session held');
  }

  released(session: Session): void {
    if (this.held.get(session.sid) === session) this.held.delete(session.sid);
  }

  over(session: Session): void {
    this.#sessions.delete(session);
    this.log.info({ sid: session.sid }, 'session over');
  }

  timedOut(session: Session): void {
    this.ended.add(session);
  }

  #acceptPlain(socket: Socket): void {
    this.accept(new SocketTransport(socket, this.#peers.of(socket), this.#cork, this.clock, this.#dependencies.tls));
  }

  #acceptSecure(socket: Socket): void {
    const transport = new SocketTransport(socket, this.#peers.of(socket), this.#cork, this.clock, this.#dependencies.tls);
    this.accept(transport, this.#upgrades.end(socket));
  }

  accept(transport: Transport, deadlineMs?: number): void {
    if (this.isDraining || this.#streams.size >= connectionLimits.streamsPerNodeMax) {
      transport.destroy();
      return;
    }
    this.#streams.add(new Stream(this, transport, deadlineMs));
  }

  #scheduleSweep(): void {
    this.#sweep = this.clock.after(connectionLimits.keepAliveMs / 4, () => {
      const now = this.clock.monotonic();
      for (const stream of this.#streams) stream.keepAlive(now);
      this.#scheduleSweep();
    });
  }

  get about(): Readonly<Record<string, unknown>> {
    return { subject: this.subject, ...this.stats };
  }

  turnAway(reason: StreamError): void {
    this.admission.stop();
    for (const stream of this.#streams) if (!stream.session?.isBound) stream.close(reason);
  }

  async #stop(): Promise<boolean> {
    const startMs = this.clock.monotonic();
    const { stopMs = serviceLimits.shutdownMs } = this.#dependencies;
    const untilMs = startMs + stopMs;
    this.#sweep?.cancel();
    await this.#draining.stop(startMs + stopMs * connectionLimits.drainShare);
    this.turnAway(new StreamError('system-shutdown'));
    const isBusy = () => this.#sessions.size > 0 || this.#streams.size > 0 || (this.doors?.outside?.size ?? 0) > 0;
    while (isBusy() && this.clock.monotonic() < untilMs) await sleep(this.clock, connectionLimits.stopPollMs);
    const isEmpty = this.#sessions.size === 0;
    for (const stream of this.#streams) stream.destroy();
    this.doors?.outside?.destroy();
    for (const session of this.#sessions) session.forget();
    this.#web.stop();
    await this.#serving?.stop();
    this.log.info({ subject: this.subject, isEmpty }, 'connection node stops');
    return isEmpty;
  }
}
