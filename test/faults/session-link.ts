/**
 * One client's connection to the service as real clients keep it: XEP-0198 with resumption, backoff to whichever node answers, a new
 * session when the old one is gone, and what was not acknowledged sent again.
 */
import type { Random } from '../simulator/random.ts';
import type { Door } from './door.ts';
import type { Journal, Said } from './journal.ts';
import { Outgoing, type Sent } from './outgoing.ts';
import { bind, type Credentials, type Dialogue, signIn } from './sign-in.ts';
import type { XmlNode, XmlStream } from './xml-stream.ts';

const ns = 'urn:xmpp:sm:3';
const backoffBaseMs = 250;
const backoffMaxMs = 4_000;
/** A server that has answered nothing for so long is gone. */
const silenceMaxMs = 12_000;
const lookMs = 1_000;
/** Asked for an acknowledgement at least this often, so that a dead stream is noticed in silence too. */
const askEveryMs = 4_000;

export interface LinkEvents {
  /** A stanza, already counted. */
  stanza(node: XmlNode): void;
  /** The server has it. */
  acked(said: Said): void;
  /** A new session: what was said and not acknowledged is to be said again. */
  rebound(unacked: readonly Sent[]): void;
  resumed(): void;
}

export interface Place {
  readonly journal: Journal;
  readonly random: Random;
  round(): number;
  /** Where clients may connect. */
  doors(): readonly Door[];
}

export class SessionLink {
  readonly #place: Place;
  readonly #credentials: Credentials;
  readonly #resource: string;
  readonly #events: LinkEvents;
  readonly #outgoing = new Outgoing();
  #stream: XmlStream | undefined;
  #resumeId: string | undefined;
  #inbound = 0;
  #askedMs: number | undefined;
  #heardMs = 0;
  #isStopped = false;
  #done: Promise<void> | undefined;
  /** Counts sessions, not streams. */
  session = 0;

  constructor(place: Place, credentials: Credentials, resource: string, events: LinkEvents) {
    this.#place = place;
    this.#credentials = credentials;
    this.#resource = resource;
    this.#events = events;
  }

  get isLive(): boolean {
    return this.#stream !== undefined;
  }

  /** What was refused is not waited for: the server counts it along with the next that it takes. */
  get hasUnacked(): boolean {
    return this.#outgoing.unacked.some(({ said }) => said !== undefined && said.refused === undefined);
  }

  /** Resolves with the first session. */
  async start(): Promise<void> {
    this.#done = this.#keep(await this.#connect());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stream?.end();
    const stream = this.#stream;
    setTimeout(() => stream?.cut('we are done'), 2_000).unref();
    await this.#done;
  }

  cut(): void {
    this.#stream?.cut('cut by the script');
  }

  send(sent: Sent): void {
    this.#outgoing.add(sent);
    this.#stream?.send(sent.xml);
    this.#ask();
  }

  async #keep(first: XmlStream): Promise<void> {
    const { journal, random } = this.#place;
    let stream = first;
    const timer = setInterval(() => this.#look(), lookMs);
    for (;;) {
      const why = await stream.closed;
      this.#stream = undefined;
      if (this.#isStopped) break;
      const loss = { who: this.#credentials.local, why, round: this.#place.round(), lostMs: performance.now() };
      journal.losses.push(loss);
      for (let tries = 0; ; tries++) {
        const base = Math.min(backoffMaxMs, backoffBaseMs * 2 ** tries);
        await new Promise((resolve) => setTimeout(resolve, base * random.between(0.5, 1)));
        if (this.#isStopped) break;
        const before = this.session;
        try {
          stream = await this.#connect();
          Object.assign(loss, { outcome: this.session === before ? 'resumed' : 'rebound', backMs: performance.now() });
          break;
        } catch {
          // The next node, after a pause.
        }
      }
      if (this.#isStopped && this.#stream === undefined) break;
    }
    clearInterval(timer);
  }

  async #connect(): Promise<XmlStream> {
    const dialogue = await signIn(this.#place.random.pick(this.#place.doors()), this.#credentials);
    const { stream } = dialogue;
    try {
      const isResumed = this.#resumeId !== undefined && (await this.#resume(dialogue, this.#resumeId));
      if (!isResumed) await this.#begin(dialogue);
      this.#stream = stream;
      this.#heardMs = performance.now();
      this.#askedMs = undefined;
      if (isResumed) this.#repeat();
      const unacked = isResumed ? undefined : this.#outgoing.reset();
      if (unacked === undefined) this.#events.resumed();
      else this.#events.rebound(unacked);
      dialogue.release((node) => this.#take(node));
      if (this.#isStopped) stream.end();
      return stream;
    } catch (error) {
      this.#stream = undefined;
      stream.cut('not ready in time');
      throw error;
    }
  }

  async #resume(dialogue: Dialogue, id: string): Promise<boolean> {
    dialogue.stream.send(`<resume xmlns='${ns}' previd='${id}' h='${this.#inbound}'/>`);
    const { name, attributes } = await dialogue.next('resumed', 'failed');
    if (attributes.h !== undefined) this.#onAck(Number(attributes.h));
    if (name === 'failed') this.#resumeId = undefined;
    return name === 'resumed';
  }

  async #begin(dialogue: Dialogue): Promise<void> {
    await bind(dialogue, this.#resource);
    dialogue.stream.send(`<enable xmlns='${ns}' resume='true'/>`);
    const { attributes } = await dialogue.next('enabled');
    this.#resumeId = attributes.id;
    this.#inbound = 0;
    this.session++;
  }

  /** XEP-0198 §5: what the server has not handled. */
  #repeat(): void {
    for (const { xml, said } of this.#outgoing.unacked) {
      if (said !== undefined) said.repeats++;
      this.#stream!.send(xml);
    }
    this.#ask();
  }

  #take(node: XmlNode): void {
    this.#heardMs = performance.now();
    if (node.name === 'r') this.#stream?.send(`<a xmlns='${ns}' h='${this.#inbound >>> 0}'/>`);
    else if (node.name === 'a') {
      this.#askedMs = undefined;
      this.#onAck(Number(node.attributes.h));
      if (this.hasUnacked) this.#ask();
    } else if (node.name === 'message' || node.name === 'presence' || node.name === 'iq') {
      this.#inbound++;
      this.#events.stanza(node);
    }
  }

  #onAck(h: number): void {
    try {
      for (const { said } of this.#outgoing.ack(h)) if (said !== undefined) this.#events.acked(said);
    } catch (error) {
      this.#place.journal.violations.push(`${this.#credentials.local}: ${(error as Error).message}`);
      this.#resumeId = undefined;
      this.#stream?.cut('the server has lost count');
    }
  }

  #ask(): void {
    if (this.#askedMs !== undefined || this.#stream === undefined) return;
    this.#askedMs = performance.now();
    this.#stream.send(`<r xmlns='${ns}'/>`);
  }

  #look(): void {
    const now = performance.now();
    if (this.#stream === undefined) return;
    if (now - this.#heardMs > askEveryMs) this.#ask();
    const isSilent = this.#askedMs !== undefined && now - Math.max(this.#askedMs, this.#heardMs) > silenceMaxMs;
    if (isSilent) this.#stream.cut(`silent for ${silenceMaxMs} ms`);
  }
}
