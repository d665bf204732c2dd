/**
 * The stream that a component has opened (XEP-0114): it says whose domain it has, proves it with its secret, and then sends stanzas from that
 * domain to any other. What is for the domain comes from the owner of the component's pair, and is written as it is.
 */
import type { Logger } from 'pino';
import type { Clock, Timer } from '../../../lib/ports/clock.ts';
import type { AttachReply, CarryReply, CarryRequest, ComponentAddress } from '../../../lib/runtime/component-wire.ts';
import { pongPrefix } from '../../../lib/runtime/pair-wire.ts';
import { bytesOf, type Carriage } from '../../../lib/runtime/traffic.ts';
import { addressesOf, canonicalBytes } from '../../../lib/s2s/addresses.ts';
import type { ArrivalPair, Arrivals } from '../../../lib/s2s/arrivals.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import {
  NS_STREAM,
  openBounds,
  preauthBounds,
  type ScannerEvent,
  type StreamHeader,
  StreamScanner,
} from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../limits.ts';
import { EventPump, type Pumped } from '../stream/event-pump.ts';
import { wantedDomain } from '../stream/opening.ts';
import type { SocketTransport, TransportReader } from '../stream/transport.ts';
import type { ComponentOwner } from './component-owner.ts';

const NS_CLIENT = 'jabber:client';
const NS_COMPONENT = 'jabber:component:accept';
const stanzaNames: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

export interface ComponentStreamHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly owner: ComponentOwner;
  /** The node's subject. */
  readonly subject: string;
  arrivals(events: ConstructorParameters<typeof Arrivals>[1]): Arrivals;
  closed(stream: ComponentStream): void;
}

/** What the owner has said to it. */
type Granted = Required<Omit<AttachReply, 'condition'>>;

export class ComponentStream implements TransportReader, Pumped<ScannerEvent> {
  /** In our header, and the stream's name at this node. */
  readonly id: string;
  readonly arrivals: Arrivals;
  readonly #host: ComponentStreamHost;
  readonly #transport: SocketTransport;
  readonly #scanner = new StreamScanner({ contentNs: NS_COMPONENT, bounds: preauthBounds });
  #timer: Timer;
  #component: string | undefined;
  /** Set while the owner is asked. */
  #attaching: Promise<void> | undefined;
  #granted: Granted | undefined;
  /** What all that comes on this stream has in common. */
  #pair: ArrivalPair | undefined;
  #turn = 0;
  #hasHeader = false;
  #isClosing = false;
  hasPeerClosed = false;
  #leaving: StreamError | undefined;
  isOver = false;
  readonly #pump: EventPump<ScannerEvent>;

  constructor(host: ComponentStreamHost, transport: SocketTransport) {
    this.#host = host;
    this.#transport = transport;
    this.#pump = new EventPump(this, transport);
    this.id = host.clock.randomBytes(18).toString('base64url');
    this.arrivals = host.arrivals({
      handled: () => this.#handled(),
      failed: () => this.fail(new StreamError('resource-constraint', 'the service is not ready')),
      forbidden: () => {}, // what a tenant decides about other servers does not concern its components
    });
    this.#timer = host.clock.after(connectionLimits.componentProofMs, () => {
      if (this.#granted === undefined) this.fail(new StreamError('connection-timeout', 'the handshake did not come'));
    });
    transport.bytes = bytesOf('component', transport.carriage);
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
    this.#leave(false);
  }

  // From the node.

  get carriage(): Carriage {
    return this.#transport.carriage;
  }

  /** The domain that it has. */
  get component(): string | undefined {
    return this.#granted && this.#component;
  }

  /** What the owner gives to it. It is answered when it is written. */
  async carry({ owner, turn, end }: CarryRequest, bodies: readonly Buffer[]): Promise<CarryReply> {
    await this.#attaching; // the answer of the owner may come behind its first stanzas
    const isOurs = this.#granted?.owner === owner && !this.isOver;
    if (!isOurs) return { isWritten: false, buffered: 0 };
    if (turn > this.#turn) {
      this.#turn = turn;
      for (const body of bodies) this.#transport.send(body);
      if (end !== undefined) this.#end(end);
    }
    return { isWritten: true, buffered: this.#transport.bufferedBytes };
  }

  /** Tells the owner that the stream is here: it may be another process than before. Never rejects. */
  async hold(): Promise<void> {
    const granted = this.#granted;
    if (granted === undefined || this.isOver) return;
    try {
      const { lost, ownedBy } = await this.#host.owner.hold(this.#address, granted.grant, this.arrivals.received);
      if (lost !== undefined) this.fail(new StreamError(lost, reasons[lost]));
      else if (ownedBy !== undefined && ownedBy !== this.#granted?.owner) {
        this.#granted = { ...granted, owner: ownedBy };
        this.#turn = 0;
      }
    } catch (error) {
      this.#host.log.debug({ err: error, component: this.#component }, 'nobody owns what is for a component');
    }
  }

  fail(error: Error): void {
    if (this.isOver) return;
    const { log } = this.#host;
    if (!(error instanceof StreamError)) log.error({ err: error }, 'the stream of a component failed');
    const said = error instanceof StreamError ? error : new StreamError('internal-server-error');
    log.info({ component: this.#component, condition: said.condition, text: said.text }, 'the stream of a component ends');
    this.#sendHeader();
    this.#transport.send(said.toString());
    this.#finish();
  }

  /** Ends in order: nothing more is read, and what was read is handed over before the component hears of the end. */
  leave(reason: StreamError): void {
    if (this.isOver) return;
    this.#leaving = reason;
    if (this.arrivals.isIdle) this.fail(reason);
  }

  destroy(): void {
    this.#transport.destroy();
  }

  get #address(): ComponentAddress {
    return { component: this.#component!, node: this.#host.subject, sid: this.id };
  }

  #end(end: NonNullable<CarryRequest['end']>): void {
    if (end !== 'closing') {
      this.fail(new StreamError(end));
      return;
    }
    this.#isClosing = true;
    this.#transport.send('</stream:stream>');
  }

  #finish(): void {
    if (this.isOver) return;
    if (!this.#isClosing) this.#transport.send('</stream:stream>');
    this.#leave(this.#isClosing && this.hasPeerClosed);
    this.#transport.end(this.hasPeerClosed);
  }

  /** @param isAnswered it has answered our closing tag, so it has read what came before */
  #leave(isAnswered: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#timer.cancel();
    this.arrivals.stop();
    if (this.#granted !== undefined) this.#host.owner.detach(this.#address, isAnswered);
    this.#host.closed(this);
  }

  // From the pump.

  get isFull(): boolean {
    return this.arrivals.isFull || this.#leaving !== undefined;
  }

  nextEvent(): ScannerEvent | undefined {
    return this.#scanner.next();
  }

  handle(event: ScannerEvent): void {
    if (event.kind === 'open') this.#open(event);
    else if (event.kind === 'close') this.#closedByComponent();
    else if (this.#granted !== undefined) this.#stanza(event);
    else if (event.ns === NS_CLIENT && event.name === 'handshake') this.#handshake(event);
    else throw new StreamError('not-authorized', 'the handshake comes first');
  }

  refuse(error: unknown): void {
    this.fail(error as Error);
  }

  #closedByComponent(): void {
    this.hasPeerClosed = true;
    if (this.arrivals.isIdle) this.#finish();
  }

  #handled(): void {
    if (this.#leaving !== undefined && this.arrivals.isIdle) this.fail(this.#leaving);
    else if (this.hasPeerClosed && this.arrivals.isIdle) this.#finish();
    this.#pump.pull();
  }

  /** §3: "to" is the domain that the component wants. */
  #open({ to }: StreamHeader): void {
    this.#component = wantedDomain(to);
    this.#sendHeader();
  }

  #sendHeader(): void {
    if (this.#hasHeader) return;
    this.#hasHeader = true;
    const from = this.#component === undefined ? '' : ` from='${escapeAttribute(this.#component)}'`;
    this.#transport.send(
      `<?xml version='1.0'?><stream:stream xmlns='${NS_COMPONENT}' xmlns:stream='${NS_STREAM}'${from} id='${this.id}'>`,
    );
  }

  #handshake(element: Stanza): void {
    // What the owner gives to the stream waits for this, whether it fails or not.
    this.#attaching = this.#attach(element.payload().toString().trim()).catch((error: unknown) => this.refuse(error));
    this.#pump.wait(this.#attaching);
  }

  async #attach(digest: string): Promise<void> {
    const { owner, log } = this.#host;
    const reply = await owner.attach(this.#address, this.id, digest).catch((error: unknown) => {
      log.info({ err: error, component: this.#component }, 'nobody owns what is for a component');
      throw new StreamError('resource-constraint', 'the service is not ready');
    });
    const { condition } = reply;
    if (condition !== undefined) throw new StreamError(condition, reasons[condition]);
    const granted = reply as Granted;
    this.#granted = granted;
    this.#pair = { tenant: granted.tenant, host: granted.tenant, peer: this.#component!, isCertified: true };
    if (this.isOver) {
      owner.detach(this.#address, false);
      return;
    }
    this.#timer.cancel();
    this.#scanner.bounds = openBounds;
    this.#transport.send('<handshake/>');
    log.info({ component: this.#component, address: this.#transport.address }, 'a component has opened its stream');
  }

  /** XEP-0114 §4: every stanza has both addresses, and is from the component's domain. @throws {StreamError} */
  #stanza(stanza: Stanza): void {
    if (stanza.ns !== NS_CLIENT || !stanzaNames.has(stanza.name))
      throw new StreamError('unsupported-stanza-type', `unknown element <${stanza.name}/>`);
    const { from, to } = addressesOf(stanza);
    if (from.domain !== this.#component) throw new StreamError('invalid-from', `this stream is for ${this.#component}`);
    const isPong = stanza.name === 'iq' && (stanza.type === 'result' || stanza.type === 'error');
    if (isPong && stanza.id?.startsWith(pongPrefix) && isHost(to)) {
      this.#host.owner.pong(this.#address, stanza.id);
      this.arrivals.skip();
      return;
    }
    this.arrivals.push(this.#pair!, canonicalBytes(stanza, from, to));
  }
}

const reasons = {
  'host-unknown': 'no component has this domain',
  'not-authorized': 'the handshake does not prove that the component knows its secret',
  conflict: 'another stream has this domain',
} as const;

function isHost({ local, resource }: Jid): boolean {
  return local === '' && resource === '';
}
