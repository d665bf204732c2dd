/**
 * One stream to another server, for one pair of domains: opened and encrypted (opening.ts), let in (authentication.ts), then it carries our
 * stanzas, and the peer's where both speak XEP-0288 (returning.ts). RFC 6120 §4; XEP-0198 counts what the peer has taken, without
 * resumption: what was not confirmed when a stream breaks is sent again on the next one.
 */

import type { Allowances } from '../../../lib/runtime/allowance.ts';
import type { PairName } from '../../../lib/runtime/outbox.ts';
import { escapeAttribute, escapeText, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import { NS_STREAM } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Carrier, CarrierEvents } from '../core/carrier.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Verdict } from '../core/way.ts';
import { federationLimits } from '../limits.ts';
import { type Link, LinkClosed, NS_SERVER, StreamEnded } from './link.ts';
import { dialbackCondition, isStreamError, PeerRefusal, streamRefusal } from './refusal.ts';
import { type BothWays, isStanza, NS_SM, Returning } from './returning.ts';
import { returningLimits, takenBytes } from './stream-limits.ts';

export const NS_DIALBACK = 'jabber:server:dialback';
const NS_BIDI = 'urn:xmpp:bidi';

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

export class OutgoingStream implements Carrier, BothWays {
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
  /** XEP-0478: how large a stanza the peer takes. It may say so again when it has let us in. */
  bytesMax: number | undefined;
  #isClosing = false;
  #returning: Returning | undefined;
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

  /** XEP-0288: the peer may send, too, when it has let us in. */
  get isBidirectional(): boolean {
    return this.#returning !== undefined;
  }

  get arrivedAtMs(): number | undefined {
    return this.#returning?.arrivedAtMs;
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.link.isClosed;
  }

  get isClosed(): boolean {
    return this.link.isClosed;
  }

  destroy(why: string): void {
    this.link.destroy(why);
    this.#returning?.stop(); // what no router has taken comes again
  }

  leave(why: string): void {
    this.destroy(why);
  }

  send(stanza: Buffer): number {
    this.sent++;
    this.link.write(stanza);
    return this.link.bufferedBytes;
  }

  /** Anything but a stanza. Nothing comes behind our closing tag. */
  write(text: string): void {
    if (this.#isClosing) return;
    this.link.write(text);
    if (this.link.socket.writableLength > federationLimits.unreadBytesMax) this.destroy('it sends and does not read');
  }

  requestAck(): void {
    this.link.write(`<r xmlns='${NS_SM}'/>`);
  }

  ping(id: string): void {
    const { host, peer } = this.pair;
    const addresses = `from='${escapeAttribute(host)}' to='${escapeAttribute(peer)}'`;
    this.link.write(`<iq type='get' id='${id}' ${addresses}><ping xmlns='urn:xmpp:ping'/></iq>`);
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

  /** @returns undefined: it was the answer to a key that was asked for, or features again */
  async #read(): Promise<Stanza | undefined> {
    const event = await this.link.read();
    if (event.kind === 'close') throw new StreamEnded('it closes the stream');
    if (event.kind === 'open') throw new LinkClosed('it opens a stream twice');
    if (isStreamError(event)) throw streamRefusal(event);
    if (this.way === undefined && isStanza(event))
      throw new StreamError('not-authorized', 'it sends stanzas before it lets us in');
    if (event.ns === NS_STREAM && event.name === 'features' && this.way !== undefined) {
      this.bytesMax = takenBytes(event);
      return undefined;
    }
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

  /**
   * XEP-0288 §2.2: before we prove ourselves. A peer that announces it by the namespace of the request, as ejabberd once did, offers nothing
   * that we know of.
   */
  askBidirectional(allowances: Allowances): void {
    if (!this.features.hasChild('bidi', 'urn:xmpp:features:bidi')) return;
    this.link.write(`<bidi xmlns='${NS_BIDI}'>${returningLimits}</bidi>`);
    this.#returning = new Returning(this, allowances);
  }

  /** XEP-0198 §3, without resumption. The peer may send stanzas before it answers. */
  async enableAcks(): Promise<void> {
    if (this.#returning !== undefined) this.link.takesStanzas();
    if (!this.features.hasChild('sm', NS_SM)) return;
    this.link.write(`<enable xmlns='${NS_SM}'/>`);
    let answer = await this.next();
    for (; this.#returning !== undefined && isStanza(answer); answer = await this.next())
      await this.#arrive(this.#returning, answer);
    this.hasAcks = answer.ns === NS_SM && answer.name === 'enabled';
    if (this.hasAcks) this.#returning?.enable();
  }

  /** Reads until the stream is over. */
  async run(events: CarrierEvents): Promise<void> {
    this.#events = events;
    try {
      for (;;) await this.#take(await this.next());
    } catch (error) {
      // Our closing tag says that all of it was taken (RFC 6120 §4.4).
      if (error instanceof StreamEnded) await this.#returning?.settled();
      this.#over(error as Error);
    }
  }

  /** Keys are still asked for on a stream that has not let us in: they are answered, then it is over. @param said why, to the peer */
  async finishAsking(said?: StreamError): Promise<void> {
    try {
      while (this.#asked.size > 0) await this.#read();
      this.fail(said);
    } catch (error) {
      this.#over(error as Error);
    }
  }

  /** RFC 6120 §4.4: the peer answers when it has read everything before. */
  close(): void {
    if (!this.isOpen) return;
    this.#returning?.acknowledge();
    this.#isClosing = true;
    this.link.write('</stream:stream>');
  }

  /** Ends it with an error of ours, or without. */
  fail(error?: StreamError): void {
    if (this.link.isClosed) return;
    this.#returning?.acknowledge();
    this.#isClosing = true;
    this.link.write(`${error ?? ''}</stream:stream>`);
    this.#end();
  }

  /** A peer that does not read would keep what was not flushed, and the socket, for ever. */
  #end(): void {
    this.link.end();
    this.dependencies.clock.after(federationLimits.endMs, () => this.link.socket.destroy());
  }

  async #take(element: Stanza): Promise<void> {
    const { ns, name, attributes } = element;
    if (ns === NS_SM && name === 'a') this.#events?.acked(countOf(attributes.h));
    else if (this.#returning !== undefined && isStanza(element)) await this.#arrive(this.#returning, element);
    else if (ns === NS_SM && name === 'r' && this.hasAcks && this.#returning !== undefined) this.#returning.request();
    else if (ns === NS_SM && name === 'r') this.write(`<a xmlns='${NS_SM}' h='0'/>`);
    else if (ns === NS_DIALBACK && name === 'result' && attributes.type === undefined) this.#refusePair(element);
    else if (ns === NS_STREAM || ns === NS_DIALBACK || ns === NS_SM)
      return; // an answer that comes late
    else throw new LinkClosed(`it sends <${name}/> on a stream that is not for it to send on`);
  }

  async #arrive(returning: Returning, stanza: Stanza): Promise<void> {
    const pong = returning.take(stanza);
    if (pong !== undefined) this.#events?.ponged(pong);
    await returning.room();
  }

  /** XEP-0288 §2.2: the peer would send from another domain of its own, too. It has a stream of its own for that. */
  #refusePair({ attributes: { from = '', to = '' } }: Stanza): void {
    const answer = xml('db:result', { from: to, to: from, type: 'error' }, new StanzaError('not-allowed').toElement());
    this.link.write(answer.toString());
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
      const said = error instanceof StreamError ? error : '';
      this.#returning?.acknowledge();
      if (!this.#isClosing && !(error instanceof PeerRefusal)) this.link.write(`${said}</stream:stream>`);
      this.#end();
    }
    this.#returning?.stop();
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
