/**
 * One stream to another server, for one pair of domains: opened and encrypted (opening.ts), let in (authentication.ts), then it carries
 * stanzas one way. RFC 6120 §4; XEP-0198 counts what the peer has taken, without resumption: what was not confirmed when a stream breaks
 * is sent again on the next one.
 */
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { escapeAttribute, escapeText } from '../../../lib/xmpp/element.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import { NS_STREAM } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Carrier, CarrierEvents } from '../core/carrier.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Verdict } from '../core/way.ts';
import { federationLimits } from '../limits.ts';
import { type Link, LinkClosed, NS_SERVER, StreamEnded } from './link.ts';
import { dialbackCondition, isStreamError, PeerRefusal, streamRefusal } from './refusal.ts';

export const NS_DIALBACK = 'jabber:server:dialback';
const NS_SM = 'urn:xmpp:sm:3';

interface Asked {
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
}

/** What the peer said when its stream began. */
export interface Opened {
  readonly link: Link;
  readonly streamId: string;
  readonly features: Stanza;
  /** Its certificate proves that it is the domain. */
  readonly isProven: boolean;
}

export class OutgoingStream implements Carrier {
  readonly outlivesOwner = false;
  readonly pair: PairName;
  readonly isProven: boolean;
  readonly link: Link;
  readonly dependencies: Dependencies;
  streamId: string;
  features: Stanza;
  /** By SASL EXTERNAL or dialback; for people. */
  way: 'certificate' | 'dialback' | undefined;
  /** The peer confirms by XEP-0198. */
  hasAcks = false;
  /** Stanzas that were sent, as XEP-0198 counts them. */
  sent = 0;
  #isClosing = false;
  #events: CarrierEvents | undefined;
  readonly #asked = new Map<string, Asked[]>();
  /** Keys that are asked for when the stream has begun anew. */
  #held: string[] | undefined;

  constructor(dependencies: Dependencies, pair: PairName, opened: Opened) {
    this.dependencies = dependencies;
    this.pair = pair;
    this.link = opened.link;
    this.streamId = opened.streamId;
    this.features = opened.features;
    this.isProven = opened.isProven;
  }

  get isCertified(): boolean {
    return this.isProven && this.way === 'certificate';
  }

  get proof(): string {
    return `${this.isProven ? 'certificate' : 'address in DNS'}, ours by ${this.way}`;
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.link.isClosed;
  }

  get isClosed(): boolean {
    return this.link.isClosed;
  }

  destroy(why: string): void {
    this.link.destroy(why);
  }

  leave(why: string): void {
    this.link.destroy(why);
  }

  send(stanza: Buffer): number {
    this.sent++;
    this.link.write(stanza);
    return this.link.bufferedBytes;
  }

  requestAck(): void {
    this.link.write(`<r xmlns='${NS_SM}'/>`);
  }

  ping(id: string): void {
    const { host, peer } = this.pair;
    const addresses = `from='${escapeAttribute(host)}' to='${escapeAttribute(peer)}'`;
    this.link.write(`<iq type='get' id='${id}' ${addresses}><ping xmlns='urn:xmpp:ping'/></iq>`);
  }

  keepAlive(): void {
    this.link.write(' ');
  }

  /** XEP-0220 §2.1.3: asks the peer whether it has said this key on a stream to us. It may be asked before it has let us in. @throws {Error} */
  verify(streamId: string, key: string): Promise<Verdict> {
    const { host, peer } = this.pair;
    const attributes = `from='${escapeAttribute(host)}' to='${escapeAttribute(peer)}' id='${escapeAttribute(streamId)}'`;
    return new Promise((resolve, reject) => {
      const asked = this.#asked.get(streamId) ?? [];
      if (this.#asked.size >= federationLimits.askedKeysMax) throw new Error('too many keys are asked for at once');
      this.#asked.set(streamId, [...asked, { resolve, reject }]);
      const question = `<db:verify ${attributes}>${escapeText(key)}</db:verify>`;
      if (this.#held === undefined) this.link.write(question);
      else this.#held.push(question);
      this.dependencies.clock.after(federationLimits.verifyMs, () => {
        reject(new Error('the authoritative server does not answer'));
        // The next question goes to another stream: this one may be to a machine that is not there any more.
        if (this.#asked.get(streamId)?.some((one) => one.resolve === resolve)) this.link.destroy('it does not answer');
      });
    });
  }

  /** For the negotiation: the next element that is not for somebody else. @throws {PeerRefusal | LinkClosed | StreamError} */
  async next(): Promise<Stanza> {
    for (;;) {
      const element = await this.#read();
      if (element !== undefined) return element;
    }
  }

  /** @returns undefined: it was the answer to a key that was asked for */
  async #read(): Promise<Stanza | undefined> {
    const event = await this.link.read();
    if (event.kind === 'close') throw new StreamEnded('it closes the stream');
    if (event.kind === 'open') throw new LinkClosed('it opens a stream twice');
    if (isStreamError(event)) throw streamRefusal(event);
    if (event.ns !== NS_DIALBACK || event.name !== 'verify') return event;
    this.#verified(event);
    return undefined;
  }

  /** Until the stream has begun anew nothing is asked on it, and what was asked is answered: either would fall between two streams. */
  async beginRestart(): Promise<void> {
    while (this.#asked.size > 0) await this.#read();
    this.#held = [];
  }

  endRestart(): void {
    for (const question of this.#held ?? []) this.link.write(question);
    this.#held = undefined;
  }

  /** XEP-0198 §3, without resumption. */
  async enableAcks(): Promise<void> {
    if (!this.features.hasChild('sm', NS_SM)) return;
    this.link.write(`<enable xmlns='${NS_SM}'/>`);
    const answer = await this.next();
    this.hasAcks = answer.ns === NS_SM && answer.name === 'enabled';
  }

  /** Reads until the stream is over. */
  async run(events: CarrierEvents): Promise<void> {
    this.#events = events;
    try {
      for (;;) this.#take(await this.next());
    } catch (error) {
      this.#over(error as Error);
    }
  }

  /** Keys are still asked for on a stream that has not let us in: they are answered, then it is over. */
  async finishAsking(): Promise<void> {
    try {
      while (this.#asked.size > 0) await this.#read();
      this.fail();
    } catch (error) {
      this.#over(error as Error);
    }
  }

  /** RFC 6120 §4.4: the peer answers when it has read everything before. */
  close(): void {
    if (!this.isOpen) return;
    this.#isClosing = true;
    this.link.write('</stream:stream>');
  }

  /** Ends it with an error of ours, or without. */
  fail(error?: StreamError): void {
    if (this.link.isClosed) return;
    this.#isClosing = true;
    this.link.write(`${error ?? ''}</stream:stream>`);
    this.#end();
  }

  /** A peer that does not read would keep what was not flushed, and the socket, for ever. */
  #end(): void {
    this.link.end();
    this.dependencies.clock.after(federationLimits.endMs, () => this.link.socket.destroy());
  }

  #take(element: Stanza): void {
    const { ns, name, attributes } = element;
    if (ns === NS_SM && name === 'a') this.#events?.acked(countOf(attributes.h));
    else if (ns === NS_SM && name === 'r') this.link.write(`<a xmlns='${NS_SM}' h='0'/>`);
    else if (ns === NS_STREAM || ns === NS_DIALBACK || ns === NS_SM)
      return; // features again, or an answer that comes late
    else throw new LinkClosed(`it sends <${name}/> on a stream that is not for it to send on`);
  }

  #verified(answer: Stanza): void {
    const { id = '', type, from, to } = answer.attributes;
    const asked = this.#asked.get(id);
    // An answer for another pair, or one that nobody asked for.
    if (asked === undefined || from !== this.pair.peer || to !== this.pair.host) return;
    this.#asked.delete(id);
    const verdict = type === 'error' ? { isValid: false, condition: dialbackCondition(answer) } : { isValid: type === 'valid' };
    for (const { resolve } of asked) resolve(verdict);
  }

  #over(error: Error): void {
    const isAnswered = this.#isClosing && error instanceof StreamEnded;
    if (!this.link.isClosed) {
      if (!this.#isClosing && !(error instanceof PeerRefusal)) this.link.write('</stream:stream>');
      this.#end();
    }
    for (const asked of this.#asked.values()) for (const { reject } of asked) reject(error);
    this.#asked.clear();
    this.#events?.closed(error, isAnswered);
  }
}

/** @throws {LinkClosed} */
function countOf(h = ''): number {
  if (!/^[0-9]{1,10}$/.test(h)) throw new LinkClosed(`it acknowledges '${h.slice(0, 20)}'`);
  return Number(h);
}

/** Our header. */
export function header({ host, peer }: PairName): string {
  const namespaces = `xmlns='${NS_SERVER}' xmlns:stream='${NS_STREAM}' xmlns:db='${NS_DIALBACK}'`;
  const addresses = `from='${escapeAttribute(host)}' to='${escapeAttribute(peer)}'`;
  return `<?xml version='1.0'?><stream:stream ${namespaces} ${addresses} version='1.0' xml:lang='en'>`;
}
