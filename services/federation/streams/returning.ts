/**
 * What a peer sends back on a stream that we have opened to it (XEP-0288): stanzas from its domain to ours, held to what holds on a stream of
 * its own. It has proved itself as for what we send: by its certificate, or because DNS says that it is there, which is all that dialback
 * proves. `h` of XEP-0198 counts what routers have taken.
 */
import type { Allowances } from '../../../lib/runtime/allowance.ts';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { pongPrefix } from '../../../lib/runtime/pair-wire.ts';
import { addressesOf, canonicalBytes } from '../../../lib/s2s/addresses.ts';
import { Arrivals } from '../../../lib/s2s/arrivals.ts';
import { StreamPace } from '../../../lib/s2s/stream-pace.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';

export const NS_SM = 'urn:xmpp:sm:3';
const NS_CLIENT = 'jabber:client';
const stanzaNames: ReadonlySet<string> = new Set(['message', 'presence', 'iq']);

export function isStanza({ ns, name }: Stanza): boolean {
  return ns === NS_CLIENT && stanzaNames.has(name);
}

/** The stream that it comes on. */
export interface BothWays {
  readonly dependencies: Dependencies;
  readonly pair: PairName;
  /** The peer's certificate proves that it is the domain. */
  readonly isProven: boolean;
  readonly isClosed: boolean;
  write(text: string): void;
  fail(error: StreamError): void;
}

export class Returning {
  readonly #stream: BothWays;
  readonly #arrivals: Arrivals;
  readonly #pace: StreamPace;
  /** Stanzas that came before XEP-0198 was enabled. */
  #before: number | undefined;
  /** Requests for `h`, by how many stanzas had come. */
  readonly #asked: number[] = [];
  #wake: () => void = () => {};
  /** When a stanza has come last, by the monotonic clock. */
  arrivedAtMs: number;

  constructor(stream: BothWays, allowances: Allowances) {
    const { dependencies, pair } = stream;
    this.#stream = stream;
    this.arrivedAtMs = dependencies.clock.monotonic();
    this.#pace = new StreamPace(allowances, () => this.#wake());
    this.#arrivals = new Arrivals(dependencies, {
      handled: () => this.#handled(),
      failed: () => this.#fail(new StreamError('resource-constraint', 'the service is not ready')),
      forbidden: () => this.#fail(new StreamError('policy-violation', `${pair.host} does not talk with ${pair.peer}`)),
    });
  }

  /** Resolves when more may be read. */
  async room(): Promise<void> {
    while (this.#isFull && !this.#stream.isClosed) await this.#woken();
  }

  /** Resolves when routers have taken all that came, or there is nobody any more to whom that could be said. */
  async settled(): Promise<void> {
    while (!this.#arrivals.isIdle && !this.#stream.isClosed) await this.#woken();
  }

  /** @returns the id of a ping that it answers. @throws {StreamError} when it is not for this pair */
  take(stanza: Stanza): string | undefined {
    const { host, peer, tenant } = this.#stream.pair;
    const { from, to } = addressesOf(stanza);
    if (from.domain !== peer) throw new StreamError('invalid-from', `this stream is not for ${from.domain}`);
    if (to.domain !== host) throw new StreamError('host-unknown', `this stream is not for ${to.domain}`);
    this.#pace.spend(peer, stanza.bytes.length);
    const isAnswer = stanza.name === 'iq' && (stanza.type === 'result' || stanza.type === 'error');
    if (isAnswer && stanza.id?.startsWith(pongPrefix) && to.local === '' && to.resource === '') {
      this.#arrivals.skip();
      return stanza.id;
    }
    this.arrivedAtMs = this.#stream.dependencies.clock.monotonic();
    this.#arrivals.push({ host, peer, tenant, isCertified: this.#stream.isProven }, canonicalBytes(stanza, from, to));
    return undefined;
  }

  /** XEP-0198 §3: counting begins. */
  enable(): void {
    this.#before = this.#arrivals.received;
  }

  /** XEP-0198 §4: it is answered when all that came before is taken. */
  request(): void {
    if (this.#asked.at(-1) !== this.#arrivals.received) this.#asked.push(this.#arrivals.received);
    this.#answer();
  }

  /** Says what is taken. Also unasked, before we end the stream: it does not come again on the next one. */
  acknowledge(): void {
    if (this.#before === undefined) return;
    const h = Math.max(0, this.#arrivals.handled - this.#before) % 2 ** 32;
    this.#stream.write(`<a xmlns='${NS_SM}' h='${h}'/>`);
  }

  stop(): void {
    this.#arrivals.stop();
    this.#pace.stop();
    this.#wake();
  }

  get #isFull(): boolean {
    return this.#arrivals.isFull || this.#pace.isWaiting;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #handled(): void {
    this.#answer();
    this.#wake();
  }

  #answer(): void {
    const { handled } = this.#arrivals;
    const left = this.#asked.findIndex((received) => received > handled);
    const answered = this.#asked.splice(0, left < 0 ? this.#asked.length : left);
    if (answered.length > 0) this.acknowledge();
  }

  #fail(error: StreamError): void {
    this.#stream.fail(error);
    this.#wake();
  }
}
