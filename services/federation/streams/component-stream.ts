/**
 * The stream of a component (XEP-0114), which it has opened to a connection node: what goes to the component goes to that node, one request at
 * a time. A request without an answer is sent again, and the node knows it by its number.
 */
import { sleep, type Timer } from '../../../lib/ports/clock.ts';
import { type CarryRequest, type ComponentAddress, carryAnswer } from '../../../lib/runtime/component-wire.ts';
import { ask, isOperating } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { type Element, escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Carrier, CarrierEvents } from '../core/carrier.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { federationLimits } from '../limits.ts';
import { LinkClosed, StreamEnded } from './link.ts';

type ComponentDependencies = Pick<Dependencies, 'bus' | 'clock' | 'log' | 'ownerId'>;

export class ComponentStream implements Carrier {
  readonly outlivesOwner = true;
  readonly hasAcks = false;
  /** Its secret is proof enough for any policy. */
  readonly isCertified = true;
  readonly proof = 'its secret';
  readonly address: ComponentAddress;
  sent = 0;
  heardAtMs: number | undefined;
  readonly #dependencies: ComponentDependencies;
  readonly #tenant: string;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #nodeBytes = 0;
  #received: number | undefined;
  #turn = 0;
  #end: CarryRequest['end'];
  #isClosing = false;
  #isRunning = false;
  #closed: LinkClosed | undefined;
  #events: CarrierEvents | undefined;
  #tell: () => void = () => {};
  /** Resolves when whoever uses it knows that it is closed. */
  readonly over: Promise<void>;
  #silence: Timer;

  /** @param tenant the domain that pings are from */
  constructor(dependencies: ComponentDependencies, tenant: string, address: ComponentAddress) {
    this.#dependencies = dependencies;
    this.#tenant = tenant;
    this.address = address;
    this.over = new Promise((resolve) => {
      this.#tell = resolve;
    });
    this.#silence = this.#expectSign();
  }

  get streamId(): string {
    return this.address.sid;
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.isClosed;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  send(stanza: Buffer): number {
    this.sent++;
    this.#push(stanza);
    return this.#waitingBytes + this.#nodeBytes;
  }

  requestAck(): void {}

  /** What is not in the outbox: who misses it is told again. */
  say(stanza: Element): void {
    this.#push(Buffer.from(stanza.toString()));
  }

  ping(id: string): void {
    const addresses = `from='${escapeAttribute(this.#tenant)}' to='${escapeAttribute(this.address.component)}'`;
    this.#push(Buffer.from(`<iq type='get' id='${id}' ${addresses}><ping xmlns='urn:xmpp:ping'/></iq>`));
  }

  keepAlive(): void {
    this.#push(Buffer.from(' '));
  }

  close(): void {
    if (this.isOpen) this.#finish('closing');
  }

  fail(error?: StreamError): void {
    if (this.isClosed) return;
    this.#finish(error?.condition ?? 'closing');
    this.leave(error?.message ?? 'closed');
  }

  /** The node is told, if it can be. */
  destroy(why: string): void {
    if (this.isClosed) return;
    this.leave(why);
    const { bus, ownerId } = this.#dependencies;
    const request: CarryRequest = {
      ...{ kind: 'carry', sid: this.address.sid, owner: ownerId, turn: this.#turn + 1 },
      end: 'connection-timeout',
    };
    bus.publish(this.address.node, encodeFrame(request));
  }

  leave(why: string): void {
    this.#over(new LinkClosed(why), false);
  }

  run(events: CarrierEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  /** The node has the stream. @param received stanzas that have come on it */
  held(received: number): void {
    if (this.#received !== undefined && received !== this.#received) this.heardAtMs = this.#dependencies.clock.monotonic();
    this.#received = received;
    this.#silence.cancel();
    if (!this.isClosed) this.#silence = this.#expectSign();
  }

  /** The node does not have it any more. */
  ended(isAnswered: boolean): void {
    this.#over(new StreamEnded('the component has closed its stream'), isAnswered && this.#isClosing);
  }

  #expectSign(): Timer {
    return this.#dependencies.clock.after(federationLimits.componentSilenceMs, () =>
      this.leave('the node that has its stream says nothing any more'),
    );
  }

  #finish(end: NonNullable<CarryRequest['end']>): void {
    this.#isClosing = true;
    this.#end = end;
    this.#start();
  }

  #push(bytes: Buffer): void {
    if (!this.isOpen) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#start();
  }

  #start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // What is sent in one turn of the event loop goes together.
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (!this.isClosed && (this.#waiting.length > 0 || this.#end !== undefined)) {
      const bodies = this.#next();
      const end = this.#waiting.length === 0 ? this.#end : undefined;
      if (end !== undefined) this.#end = undefined;
      const { sid } = this.address;
      await this.#carry({ kind: 'carry', sid, owner: this.#dependencies.ownerId, turn: ++this.#turn, end }, bodies);
    }
    this.#isRunning = false;
  }

  #next(): Buffer[] {
    let [count, bytes] = [0, 0];
    for (const { length } of this.#waiting) {
      const isOver = count >= serviceLimits.batchStanzasMax || bytes + length > serviceLimits.batchBytesMax;
      if (count > 0 && isOver) break;
      count++;
      bytes += length;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  /** Until the node has answered, or nobody wants the stream any more. */
  async #carry(request: CarryRequest, bodies: readonly Buffer[]): Promise<void> {
    const { bus, clock, log } = this.#dependencies;
    while (!this.isClosed) {
      try {
        const answer = await ask(
          bus,
          carryAnswer,
          this.address.node,
          encodeFrame(request, bodies),
          serviceLimits.forwardTimeoutMs,
        );
        if (!answer.take('isWritten')) this.leave('the node does not have its stream');
        this.#nodeBytes = answer.take('buffered');
        return;
      } catch (error) {
        if (!isOperating(error)) {
          log.error({ err: error, ...this.address }, 'cannot give stanzas to the node of a component');
          this.leave('its node fails');
          return;
        }
        await sleep(clock, federationLimits.componentRetryMs);
      }
    }
  }

  #over(error: LinkClosed, isAnswered: boolean): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#silence.cancel();
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    // Never from within a call to the stream.
    setImmediate(() => {
      this.#events?.closed(error, isAnswered);
      this.#tell();
    });
  }
}
