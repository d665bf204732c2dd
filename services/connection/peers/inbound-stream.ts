/**
 * One stream that another server has opened to us (RFC 6120 §4): it proves which domain it is, and then sends stanzas from there to one
 * of ours. Nothing comes back on it but answers to its own questions.
 */
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import { isOperating, report } from '../../../lib/runtime/faults.ts';
import { pongPrefix } from '../../../lib/runtime/pair-wire.ts';
import { bytesOf, type Carriage } from '../../../lib/runtime/traffic.ts';
import { addressesOf, canonicalBytes } from '../../../lib/s2s/addresses.ts';
import type { ArrivalPair, Arrivals, Domains, Proven } from '../../../lib/s2s/arrivals.ts';
import { peerChain } from '../../../lib/s2s/proof.ts';
import type { StreamPace } from '../../../lib/s2s/stream-pace.ts';
import { type SaslFailure, StreamError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { openBounds, preauthBounds, type ScannerEvent, type StreamHeader, StreamScanner } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { StreamIdentity } from '../door/tls.ts';
import { connectionLimits } from '../limits.ts';
import { EventPump, type Pumped } from '../stream/event-pump.ts';
import { checkOpening, wantedDomain } from '../stream/opening.ts';
import type { SocketTransport, TransportReader } from '../stream/transport.ts';
import { headerOf, NS_SERVER, peerDomain } from './addresses.ts';
import { forbidden, type OwnerLink } from './owner-link.ts';
import type { PeerFeature, PeerStream, PeerTrait } from './peer-feature.ts';
import type { PeerShares } from './peer-shares.ts';

const NS_CLIENT = 'jabber:client';
const stanzaNames: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

export interface PeerStreamHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly owner: OwnerLink;
  readonly features: readonly PeerFeature[];
  readonly shares: PeerShares;
  arrivals(events: ConstructorParameters<typeof Arrivals>[1]): Arrivals;
  /** Does this chain (DER, its own certificate first) prove that its owner is the domain? */
  proves(domain: string, chain: readonly Buffer[]): Promise<boolean>;
  identityFor(domain: string): StreamIdentity | undefined | Promise<StreamIdentity | undefined>;
  /** @param deadlineMs monotonic: until a domain is proved */
  startTls(transport: SocketTransport, deadlineMs: number, identity: StreamIdentity | undefined): void;
  closed(stream: InboundStream): void;
}

export class InboundStream implements TransportReader, PeerStream, Pumped<ScannerEvent> {
  id: string;
  asking = 0;
  needsCertificate = false;
  onHandled: (() => void) | undefined;
  onLeaving: (() => void) | undefined;
  readonly arrivals: Arrivals;
  readonly #host: PeerStreamHost;
  readonly #transport: SocketTransport;
  readonly #scanner = new StreamScanner({ contentNs: NS_SERVER, bounds: preauthBounds });
  readonly #deadlineMs: number;
  /** What the peer may send from and to: `from to`. */
  readonly #proven = new Map<string, ArrivalPair>();
  readonly #pace: StreamPace;
  #timer: Timer;
  #usedAtMs: number;
  #domains: Domains | undefined;
  #tenant: string | undefined;
  #failures = 0;
  #hasOpened = false;
  #hasHeader = false;
  hasPeerClosed = false;
  #leaving: StreamError | undefined;
  isOver = false;
  readonly #pump: EventPump<ScannerEvent>;

  constructor(
    host: PeerStreamHost,
    transport: SocketTransport,
    deadlineMs = host.clock.monotonic() + connectionLimits.streamProofMs,
  ) {
    this.#host = host;
    this.#transport = transport;
    this.#deadlineMs = deadlineMs;
    this.id = streamId(host.clock);
    this.#pump = new EventPump(this, transport);
    this.#pace = host.shares.pace(() => this.#pump.pull());
    this.#usedAtMs = host.clock.monotonic();
    this.arrivals = host.arrivals({
      handled: () => this.#handled(),
      failed: () => this.fail(new StreamError('resource-constraint', 'the service is not ready')),
      forbidden: (host, peer) => this.fail(forbidden({ host, peer })),
    });
    this.#timer = host.clock.after(Math.max(0, deadlineMs - host.clock.monotonic()), () => {
      if (this.#proven.size === 0) this.fail(new StreamError('connection-timeout', 'no domain was proved'));
    });
    transport.bytes = bytesOf('server', transport.carriage);
    transport.open(this);
  }

  // From the transport.

  data(chunk: Buffer): void {
    if (this.isOver || this.hasPeerClosed) return;
    this.#scanner.push(chunk);
    this.#pump.pull();
  }

  drained(): void {}

  flooded(): void {}

  closed(): void {
    this.isOver = true;
    this.#timer.cancel();
    this.#pace.stop();
    this.arrivals.stop();
    this.#host.closed(this);
  }

  // From features.

  get log(): Logger {
    return this.#host.log;
  }

  get owner(): OwnerLink {
    return this.#host.owner;
  }

  get domains(): Domains {
    if (this.#domains === undefined) throw new StreamError('bad-format', 'a stream begins with its header');
    return this.#domains;
  }

  get carriage(): Carriage {
    return this.#transport.carriage;
  }

  get isOpen(): boolean {
    return !this.isOver;
  }

  has(trait: PeerTrait): boolean {
    return trait === 'secure' ? this.#transport.isSecure : this.#proven.size > 0;
  }

  async proves(domain: string): Promise<boolean> {
    const { socket } = this.#transport;
    const chain = socket instanceof TLSSocket ? peerChain(socket) : [];
    if (chain.length === 0) return false;
    if (await this.#host.proves(domain, chain)) return true;
    return this.owner.proves({ host: this.domains.host, peer: domain }, chain[0]!);
  }

  prove(domains: Domains, proven: Proven): void {
    const { host, peer } = domains;
    if (this.#proven.size >= connectionLimits.pairsPerStreamMax)
      throw new StreamError('policy-violation', `a stream is for ${connectionLimits.pairsPerStreamMax} pairs of domains`);
    this.#proven.set(`${peer} ${host}`, { host, peer, ...proven });
    this.#scanner.bounds = openBounds;
    this.log.info({ host, peer, address: this.#transport.address }, 'another server has proved its domain');
    this.owner.proven({ host, peer });
  }

  mayAsk(domain: string): boolean {
    return this.#host.shares.mayAsk(this.#transport.address, domain);
  }

  sendElement(text: string): void {
    if (this.isOver) return;
    this.#usedAtMs = this.#host.clock.monotonic();
    this.#transport.send(text);
  }

  /** Ends in order when nothing was said for long, either way. @param now monotonic */
  endIfIdle(now: number): void {
    const isQuiet = now - this.#usedAtMs > connectionLimits.peerIdleMs && this.arrivals.isIdle && this.asking === 0;
    if (isQuiet && this.#proven.size > 0) this.finish();
  }

  refuseSasl(failure: SaslFailure): void {
    this.sendElement(failure.toElement().toString());
    this.#failures++;
    if (this.#failures >= 3) throw new StreamError('policy-violation', 'too many failed attempts');
  }

  restart(): void {
    this.#hasOpened = false;
    this.#hasHeader = false;
    this.id = streamId(this.#host.clock);
    this.#scanner.restart();
  }

  startTls(proceed: string): Promise<void> | undefined {
    this.#scanner.discard();
    const identity = this.#host.identityFor(this.domains.host);
    if (identity instanceof Promise) return identity.then((found) => this.#handToTls(proceed, found));
    this.#handToTls(proceed, identity);
    return undefined;
  }

  fail(error: Error): void {
    if (this.isOver) return;
    const said = isOperating(error) ? new StreamError('resource-constraint', 'the service is not ready') : toStreamError(error);
    report(this.log, error, 'a stream from another server failed');
    this.log.info(
      { condition: said.condition, text: said.text, address: this.#transport.address },
      'a stream from another server ends',
    );
    this.#sendHeader();
    this.sendElement(said.toString());
    this.finish();
  }

  finish(): void {
    if (this.isOver) return;
    this.sendElement('</stream:stream>');
    this.isOver = true;
    this.#timer.cancel();
    this.arrivals.stop();
    this.#transport.end(this.hasPeerClosed);
  }

  /** Ends in order: nothing more is read, and what was read is handed over and counted before the peer hears of the end. */
  leave(reason: StreamError): void {
    if (this.isOver) return;
    this.#leaving = reason;
    if (this.arrivals.isIdle) this.#left(reason);
    else this.#pump.steer();
  }

  #left(reason: StreamError): void {
    this.onLeaving?.();
    if (this.#pump.isPaused) this.#transport.resume(); // else its own end would not be seen
    this.fail(reason);
  }

  destroy(): void {
    this.#transport.destroy();
  }

  #handToTls(proceed: string, identity: StreamIdentity | undefined): void {
    if (this.isOver) return;
    this.#scanner.discard();
    this.sendElement(proceed);
    this.isOver = true;
    this.#timer.cancel();
    this.#host.closed(this);
    this.#host.startTls(this.#transport, this.#deadlineMs, identity);
  }

  // From the pump.

  get isFull(): boolean {
    return this.arrivals.isFull || this.#pace.isWaiting || this.#leaving !== undefined;
  }

  nextEvent(): ScannerEvent | undefined {
    return this.#scanner.next();
  }

  handle(event: ScannerEvent): void {
    this.#usedAtMs = this.#host.clock.monotonic();
    if (event.kind === 'open') this.#pump.wait(this.#open(event));
    else if (event.kind === 'close') this.#peerClosed();
    else if (!this.#hasOpened) throw new StreamError('bad-format', 'a stream begins with its header');
    else if (event.ns === NS_CLIENT && stanzaNames.has(event.name)) this.#stanza(event);
    else this.#element(event);
  }

  refuse(error: unknown): void {
    this.fail(error as Error);
  }

  /** Our closing tag says that all of it was taken (RFC 6120 §4.4). */
  #peerClosed(): void {
    this.hasPeerClosed = true;
    if (this.arrivals.isIdle) this.finish();
  }

  #handled(): void {
    this.onHandled?.();
    if (this.#leaving !== undefined && this.arrivals.isIdle) this.#left(this.#leaving);
    if (this.hasPeerClosed && this.arrivals.isIdle) this.finish();
    this.#pump.pull();
  }

  #sendHeader(): void {
    if (this.#hasHeader) return;
    this.#hasHeader = true;
    const from = this.#tenant === undefined ? undefined : this.#domains?.host;
    this.sendElement(headerOf({ from, to: this.#domains?.peer || undefined, id: this.id }));
  }

  async #open(opening: StreamHeader): Promise<void> {
    if (this.#hasOpened) throw new StreamError('bad-format', 'a stream that is open does not open again');
    this.#hasOpened = true;
    if (!this.#host.shares.mayOpen(this.#transport.address))
      throw new StreamError('resource-constraint', 'too many streams from this address');
    const domains = { host: wantedDomain(opening.to), peer: opening.from === undefined ? '' : peerDomain(opening.from) };
    const before = this.#domains;
    if (before !== undefined && (before.host !== domains.host || before.peer !== domains.peer))
      throw new StreamError('not-authorized', 'a stream keeps its domains when it restarts');
    this.#domains = domains;
    checkOpening(
      { kind: 'open', to: undefined, from: undefined, version: opening.version, lang: undefined },
      domains.host,
      undefined,
    );
    const hosts = await this.owner.hosts(domains).catch(() => {
      throw new StreamError('resource-constraint', 'the service is not ready');
    });
    if (this.isOver) return;
    this.#tenant = hosts.tenant;
    if (hosts.tenant === undefined) throw new StreamError('host-unknown', `${domains.host} is not served here`);
    if (hosts.isPeerOurs) throw new StreamError('invalid-from', `${domains.peer} is served here`);
    if (hosts.isForbidden) throw forbidden(domains);
    this.needsCertificate = hosts.needsCertificate;
    this.#sendHeader();
    let features = '';
    for (const feature of this.#host.features) if (this.#isIn(feature)) features += (await feature.advertise?.(this)) ?? '';
    this.sendElement(`<stream:features>${features}</stream:features>`);
  }

  #isIn({ requires, forbids }: PeerFeature): boolean {
    return (requires?.every((trait) => this.has(trait)) ?? true) && !(forbids?.some((trait) => this.has(trait)) ?? false);
  }

  #element(element: Stanza): void {
    const { ns, name } = element;
    for (const feature of this.#host.features) {
      const route = feature.elements?.find((one) => one.ns === ns && one.name === name);
      if (route === undefined) continue;
      if (!this.#isIn(feature))
        throw new StreamError(this.has('secure') ? 'not-authorized' : 'policy-violation', `<${name}/> is not for now`);
      const work = route.handle(element, this);
      if (work !== undefined) this.#pump.wait(work);
      return;
    }
    throw new StreamError('unsupported-stanza-type', `unknown element <${name}/>`);
  }

  /** RFC 6120 §8.1.1.2, §8.1.2.2, §4.9.3. @throws {StreamError} */
  #stanza(stanza: Stanza): void {
    if (this.#proven.size === 0) throw new StreamError('not-authorized', 'prove the domain first');
    const { from, to } = addressesOf(stanza);
    const proven = this.#proven.get(`${from.domain} ${to.domain}`);
    if (proven === undefined) throw this.#strange(from, to);
    this.#pace.spend(from.domain, stanza.bytes.length);
    const isPong = stanza.name === 'iq' && (stanza.type === 'result' || stanza.type === 'error');
    if (isPong && stanza.id?.startsWith(pongPrefix) && to.local === '' && to.resource === '') {
      this.owner.pong({ host: to.domain, peer: from.domain }, stanza.id);
      this.arrivals.skip();
      return;
    }
    this.arrivals.push(proven, canonicalBytes(stanza, from, to));
  }

  #strange(from: Jid, to: Jid): StreamError {
    const isKnown = [...this.#proven.keys()].some((pair) => pair.startsWith(`${from.domain} `));
    if (!isKnown) return new StreamError('invalid-from', `this stream is not for ${from.domain}`);
    return new StreamError('host-unknown', `this stream is not for ${to.domain}`);
  }
}

function toStreamError(error: Error): StreamError {
  return error instanceof StreamError ? error : new StreamError('internal-server-error');
}

function streamId(clock: Clock): string {
  return clock.randomBytes(18).toString('base64url');
}
