/** One stream of a client (RFC 6120 §4): its headers, and its elements, which go to the session or to a stream feature. */
import { afterLong, type Timer } from '../../../lib/ports/clock.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { bytesOf, type Carriage, type StanzaLines, stanzasOf } from '../../../lib/runtime/traffic.ts';
import type { ChannelBinding, StepItem } from '../../../lib/runtime/wire.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { openBounds, type Scanner } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { FeatureHost, FeatureStream, SignedIn, StreamTrait } from '../core/stream-feature.ts';
import type { StreamIdentity } from '../door/tls.ts';
import { connectionLimits } from '../limits.ts';
import { finishAnswer, type StepAnswer } from '../session/router-link.ts';
import type { Session } from '../session/session.ts';
import { EventPump, type Pumped } from './event-pump.ts';
import { boshFraming, type Framing, type Opening, type StreamEvent, tcpFraming, webSocketFraming } from './framing.ts';
import type { Greeting as Offer } from './greetings.ts';
import { checkOpening, claimedAddress, type Greeting, wantedDomain } from './opening.ts';
import type { StreamHost } from './stream-host.ts';
import { SocketTransport, type Transport, type TransportReader } from './transport.ts';

const NS_CLIENT = 'jabber:client';
const stanzaNames: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);
const framings: Readonly<Record<Transport['kind'], Framing>> = {
  tcp: tcpFraming,
  websocket: webSocketFraming,
  bosh: boshFraming,
};

export class Stream implements TransportReader, FeatureStream, Pumped<StreamEvent> {
  session: Session | undefined;
  readonly #host: StreamHost;
  readonly #transport: Transport;
  readonly #framing: Framing;
  readonly #scanner: Scanner;
  readonly sid: string;
  readonly #deadlineMs: number;
  #timer: Timer;
  /** Rings when what the client has signed in with is over. */
  #expiry: Timer | undefined;
  #routerSession = '';
  #domain: string | undefined;
  /** True when the domain is known to be served here. */
  #isServed = false;
  #account: string | undefined;
  isAuthenticating = false;
  #greeting: Greeting | undefined;
  #hasOpened = false;
  #hasHeader = false;
  hasPeerClosed = false;
  /** True when our closing tag has been sent. */
  isOver = false;
  readonly #pump: EventPump<StreamEvent>;
  /** True when TLS is to ask the client for a certificate. */
  #asksCertificate = false;
  #failures = 0;
  /** What TLS offers to bind to, until the client has signed in. It has its data once the client has chosen to bind to it. */
  #binding: ChannelBinding | undefined;
  /** Features of the stream after SASL, when the router has sent them already. */
  #features: string | undefined;
  #sentAtMs: number;
  #stanzas: StanzaLines | undefined;

  /** @param deadlineMs monotonic; a stream that goes on over TLS has the rest of the time */
  constructor(host: StreamHost, transport: Transport, deadlineMs = host.clock.monotonic() + connectionLimits.preauthTimeoutMs) {
    this.#host = host;
    this.#transport = transport;
    this.#framing = framings[transport.kind];
    this.#scanner = this.#framing.scanner();
    this.sid = host.ids.mint();
    this.#deadlineMs = deadlineMs;
    this.#pump = new EventPump(this, transport);
    this.#sentAtMs = host.clock.monotonic();
    this.#timer = this.#limitTime(Math.max(0, deadlineMs - host.clock.monotonic()));
    transport.open(this);
  }

  get isOpen(): boolean {
    return !this.isOver;
  }

  get bufferedBytes(): number {
    return this.#transport.bufferedBytes;
  }

  // What the transport calls.

  data(chunk: Buffer): void {
    if (this.isOver || this.hasPeerClosed) return;
    this.#scanner.push(chunk);
    this.pull();
  }

  flooded(): void {
    if (!this.isOver) this.close(new StreamError('policy-violation', 'too much was sent before signing in'));
  }

  drained(ids: readonly string[]): void {
    const { session } = this;
    if (session !== undefined && (ids.length > 0 || session.egress.catchUp.phase === 'reading')) session.drained(ids);
  }

  closed(): void {
    this.isOver = true;
    this.#stopTimers();
    this.session?.lost(this);
    if (this.#account !== undefined) this.#host.admission.signedIn(this.#transport.address, -1);
    this.#host.closed(this);
  }

  // What the session calls.

  sendStanza(bytes: Buffer, id?: string): number {
    this.#sentAtMs = this.#host.clock.monotonic();
    return this.#transport.send(this.#framing.stanza?.(bytes) ?? bytes, id);
  }

  sendElement(text: string): void {
    if (this.isOver) return;
    this.#transport.send(text);
    this.#sentAtMs = this.#host.clock.monotonic();
  }

  fail(error: StreamError): void {
    if (this.isOver) return;
    this.#host.log.info({ sid: this.sid, condition: error.condition, address: this.#transport.address }, 'stream error');
    this.#sendHeader();
    this.sendElement(this.#framing.error(error));
    this.finish(error);
  }

  finish(error?: StreamError): void {
    if (this.isOver) return;
    this.sendElement(this.#framing.closing);
    this.isOver = true;
    this.#stopTimers();
    this.#transport.end(this.hasPeerClosed, error);
  }

  pull(): void {
    this.#pump.pull();
  }

  // What the pump calls.

  get isFull(): boolean {
    return this.session?.isFull === true;
  }

  nextEvent(): StreamEvent | undefined {
    const event = this.#scanner.next();
    return event && (this.#framing.event?.(event) ?? event);
  }

  handle(event: StreamEvent): void {
    if (event.kind === 'open') this.#pump.wait(this.#open(event));
    else if (event.kind === 'close') this.#peerClosed();
    else this.#element(event);
  }

  /** A fault of the peer or of ours ends only this stream. */
  refuse(error: unknown): void {
    if (error instanceof StreamError) {
      this.close(error);
      return;
    }
    this.#host.log.error({ err: error, sid: this.sid }, 'a stream failed');
    this.close(new StreamError('internal-server-error'));
  }

  pulled(): void {
    this.session?.pump();
  }

  // What the node calls.

  /** Sends white space between stanzas (RFC 6120 §4.6.1) when nothing was sent for a long time. */
  keepAlive(nowMs: number): void {
    if (this.isOver || nowMs - this.#sentAtMs < connectionLimits.keepAliveMs) return;
    this.#sentAtMs = nowMs;
    if (this.#hasHeader) this.#transport.ping();
  }

  /** Ends the stream, and its session if there is one. */
  close(error: StreamError): void {
    this.session?.close(error);
    this.fail(error);
  }

  destroy(): void {
    this.#transport.destroy();
  }

  #limitTime(delayMs: number): Timer {
    return this.#host.clock.after(delayMs, () => {
      if (!this.session?.isBound) this.close(new StreamError('connection-timeout', 'too slow to sign in'));
    });
  }

  #peerClosed(): void {
    this.hasPeerClosed = true;
    if (this.session === undefined) this.finish();
    else this.session.finish();
  }

  #sendHeader(): void {
    if (this.#hasHeader) return;
    this.#hasHeader = true;
    const id = this.#host.clock.randomBytes(12).toString('base64url');
    const from = this.#isServed ? (this.#domain ?? '') : '';
    this.sendElement(this.#framing.header({ id, from, to: this.#greeting?.to }));
  }

  async #open(opening: Opening): Promise<void> {
    if (this.#hasOpened) throw new StreamError('bad-format', 'a stream that is open does not open again');
    this.#hasOpened = true;
    const before = this.#domain;
    const domain = wantedDomain(opening.to);
    this.#domain ??= domain;
    if (before !== undefined && domain !== before) {
      throw new StreamError('not-authorized', 'a stream keeps its domain when it restarts');
    }
    if (before === undefined && !this.#host.admission.mayOpen(domain)) {
      throw new StreamError('resource-constraint', 'too many streams to this domain are opened at once; try again later');
    }
    this.#binding ??= this.#transport.offeredBinding;
    const features = this.#features ?? (await this.#askFeatures(domain, this.#binding, claimedAddress(opening.from, domain)));
    if (this.isOver) return;
    this.#isServed = true;
    this.#greeting = checkOpening(opening, domain, this.#account);
    this.#sendHeader();
    if (this.#account !== undefined) this.#startSession(domain, this.#account);
    this.sendFeatures(features);
  }

  sendFeatures(features: string): void {
    this.sendElement(this.#framing.features(this.#host.features.advertise(this, this.has('secure') ? features : '')));
  }

  /** @throws {StreamError} also when the router closes the stream */
  async #askFeatures(domain: string, binding: ChannelBinding, claimed: string | undefined): Promise<string> {
    const secure = this.#transport.isSecure;
    const from = secure ? claimed : undefined;
    const isCertified = this.chain !== undefined;
    const open = { kind: 'open', secure, binding, from, inline: this.#host.features.inlineOffer, isCertified } as const;
    const ask = async (): Promise<Offer> => {
      const answer = await this.ask(open, []);
      if (answer === undefined) throw new StreamError('resource-constraint', 'the service is not ready');
      const [keepMs, asksCertificate = false] = [answer.reply.take('keepMs'), answer.reply.take('asksCertificate')];
      finishAnswer(this.#host.log, answer, this.sid);
      return { features: answer.reply.bodies[0]?.toString() ?? '', session: this.#routerSession, keepMs, asksCertificate };
    };
    const isForAll = this.#routerSession === '' && from === undefined && !isCertified;
    const greeting = await (isForAll ? this.#host.greetings.get(domain, open, ask) : ask());
    this.#routerSession = greeting.session;
    this.#asksCertificate = greeting.asksCertificate;
    return greeting.features;
  }

  #startSession(domain: string, account: string): void {
    this.#binding = undefined;
    this.#features = undefined;
    this.#transport.bytes = bytesOf('client', this.carriage, domain);
    this.#stanzas = stanzasOf(this.carriage, domain);
    this.session = this.#host.session({ sid: this.sid, domain, account, routerSession: this.#routerSession }, this);
  }

  #element(element: Stanza): void {
    if (!this.#hasOpened) throw new StreamError('bad-format', 'a stream begins with its header');
    if (this.session !== undefined && isStanza(element)) {
      this.#stanzas![element.name].add(1);
      this.session.receive(element, this.#greeting?.lang);
      return;
    }
    const work = this.#host.features.handle(element, this);
    if (work !== undefined) this.#pump.wait(work);
  }

  // What features call.

  get host(): FeatureHost {
    return this.#host;
  }

  get kind(): Transport['kind'] {
    return this.#transport.kind;
  }

  get carriage(): Carriage {
    return this.#transport.carriage;
  }

  get isSecure(): boolean {
    return this.#transport.isSecure;
  }

  has(trait: StreamTrait): boolean {
    if (trait === 'signedIn') return this.session !== undefined;
    if (trait === 'authenticating') return this.isAuthenticating;
    if (trait === 'bound') return this.session?.isBound ?? false;
    return this.#transport.isSecure || this.#transport.kind !== 'tcp';
  }

  #stopTimers(): void {
    this.#timer.cancel();
    this.#expiry?.cancel();
  }

  async ask(item: StepItem, bodies: readonly Buffer[]): Promise<StepAnswer | undefined> {
    const session = this.#routerSession;
    const [{ subject: node }, { address }] = [this.#host, this.#transport];
    const request = { kind: 'step', node, sid: this.sid, domain: this.#domain ?? '', address, session } as const;
    const answer = await this.#host.router.step({ ...request, items: [item], deadline: 0, at: 0 }, bodies, {
      triesMax: () => connectionLimits.batchTriesMax,
      givenUpAtMs: 0,
      isOver: () => this.isOver,
    });
    this.#routerSession = answer?.reply.take('session') ?? session;
    return answer;
  }

  get binding(): ChannelBinding {
    return this.#binding ?? {};
  }

  get chain(): readonly string[] | undefined {
    const { chain } = this.#transport;
    return chain.length === 0 ? undefined : chain.map((der) => der.toString('base64'));
  }

  get tlsVersion(): string | undefined {
    return this.#transport.tlsVersion;
  }

  bindToTls(): void {
    this.#binding = this.#transport.binding;
  }

  signedIn(signedIn: SignedIn, features: string | undefined): void {
    this.#trust(signedIn);
    this.#features = features;
    this.#hasOpened = false;
    this.#hasHeader = false;
    this.#greeting = undefined;
    this.#scanner.restart();
  }

  goOnAs(signedIn: SignedIn): void {
    this.#trust(signedIn);
    this.isAuthenticating = false;
    this.#startSession(this.#domain!, signedIn.account);
  }

  #trust({ account, endsInMs }: SignedIn): void {
    this.#account = account;
    this.#host.admission.signedIn(this.#transport.address, 1);
    this.#transport.trust();
    this.#scanner.bounds = openBounds;
    this.#timer.cancel();
    this.#timer = this.#limitTime(connectionLimits.bindTimeoutMs);
    if (endsInMs !== undefined) this.#expiry = afterLong(this.#host.clock, endsInMs, () => this.#expire());
    this.#host.log.info({ sid: this.sid, account, address: this.#transport.address }, 'signed in');
  }

  /** RFC 6120 §4.9.3.16: what the stream was trusted for is over. A session that can be resumed waits for who signs in anew. */
  #expire(): void {
    const error = new StreamError('reset', 'what you have signed in with has expired');
    if (this.session?.isBound) this.session.suspend(error);
    else this.close(error);
  }

  signInFailed(failure: string): void {
    this.sendElement(failure);
    this.#failures++;
    if (this.#failures >= serviceLimits.saslFailuresMax)
      throw new StreamError('policy-violation', 'too many failed attempts to sign in');
  }

  startTls(proceed: string): Promise<void> | undefined {
    this.#scanner.discard();
    const identity = this.#host.identityFor(this.#domain!);
    if (identity instanceof Promise) return identity.then((found) => this.#handToTls(proceed, found));
    this.#handToTls(proceed, identity);
    return undefined;
  }

  #handToTls(proceed: string, identity: StreamIdentity | undefined): void {
    const transport = this.#transport;
    if (this.isOver || !(transport instanceof SocketTransport)) return;
    this.#scanner.discard();
    this.sendElement(proceed);
    this.isOver = true;
    this.#stopTimers();
    this.#host.closed(this);
    this.#host.startTls(transport, this.#deadlineMs, { identity, asksCertificate: this.#asksCertificate });
  }
}

function isStanza(element: Stanza): element is Stanza & { readonly name: keyof StanzaLines } {
  return element.ns === NS_CLIENT && stanzaNames.has(element.name);
}
