/** One person of the load: says numbered messages to a partner and in rooms, and writes down what arrives. */
import type { Door } from './door.ts';
import type { Got, Journal, Said } from './journal.ts';
import type { Sent } from './outgoing.ts';
import { RoomSeat, type Seated } from './room-seat.ts';
import { type Place, SessionLink } from './session-link.ts';
import type { Credentials } from './sign-in.ts';
import { childOf, escapeXml, type XmlNode } from './xml-stream.ts';

const askTimeoutMs = 10_000;
/** While away, people write a few lines and then wait. */
const waitingMax = 20;

export class Person implements Seated {
  readonly name: string;
  readonly jid: string;
  readonly credentials: Credentials;
  readonly link: SessionLink;
  readonly seats = new Map<string, RoomSeat>();
  /** The friend at another server, if there is one. */
  partnerAbroad: Person | undefined;
  /** The status of contacts as they were shown last; undefined: gone. */
  readonly shown = new Map<string, string | undefined>();
  readonly #journal: Journal;
  readonly #place: Place;
  readonly #waiting: Said[] = [];
  readonly #asks = new Map<string, (answer: XmlNode | undefined) => void>();
  readonly #counts = new Map<string, number>();
  #asked = 0;
  #status = '';
  /** What was sent last. */
  #shownStatus = '';

  constructor(place: Place, credentials: Credentials) {
    this.#place = place;
    this.#journal = place.journal;
    this.credentials = credentials;
    this.name = credentials.local;
    this.jid = `${credentials.local}@${credentials.domain}`;
    this.link = new SessionLink(place, credentials, 'phone', {
      stanza: (node) => this.#take(node),
      acked: (said) => {
        said.ackedMs ??= performance.now();
      },
      resumed: () => this.resumed(),
      rebound: (unacked) => this.#rebound(unacked),
    });
  }

  get isLive(): boolean {
    return this.link.isLive;
  }

  /** Nothing is under way. */
  get isQuiet(): boolean {
    const areSeated = [...this.seats.values()].every(({ isIn }) => isIn);
    return this.isLive && areSeated && !this.link.hasUnacked && this.#waiting.length === 0;
  }

  seat(room: string): RoomSeat {
    const seat = new RoomSeat(room, this.name, this);
    this.seats.set(room, seat);
    return seat;
  }

  get status(): string {
    return this.#status;
  }

  /** Where one signs in. */
  get doors(): readonly Door[] {
    return this.#place.doors();
  }

  /** Asks a contact to be shown its presence. It is allowed at once, and asks back. */
  subscribe(to: string): void {
    this.presence(to, '', 'subscribe');
  }

  /** To all contacts. While one is away it is said when one is back. */
  show(status: string): void {
    this.#status = status;
    if (this.isLive) this.#sendPresence();
  }

  /** The session goes on: what was to be said and shown meanwhile is. */
  resumed(): void {
    if (this.#shownStatus !== this.#status) this.#sendPresence();
    this.#flush();
  }

  #sendPresence(): void {
    this.#shownStatus = this.#status;
    this.link.send({ xml: this.#presenceXml });
  }

  get #presenceXml(): string {
    return this.#status === '' ? '<presence/>' : `<presence><status>${this.#status}</status></presence>`;
  }

  /** @param isProbe is said although much waits to be said already @returns undefined: too much waits */
  say(to: string, isProbe = false): Said | undefined {
    if (this.#waiting.length >= waitingMax && !isProbe) return undefined;
    const number = (this.#counts.get(to) ?? 0) + 1;
    this.#counts.set(to, number);
    const id = `${this.name}.${to.slice(0, to.indexOf('@'))}.${number}`;
    const isGroup = this.seats.has(to);
    const isAbroad = to === this.partnerAbroad?.jid;
    const common = { id, from: this.jid, to, isGroup, isAbroad, number, round: this.#place.round(), saidMs: performance.now() };
    const said: Said = { ...common, copies: 0, repeats: 0 };
    this.#journal.said.set(id, said);
    this.#waiting.push(said);
    this.#flush();
    return said;
  }

  // What a seat needs.

  ask(type: 'get' | 'set', to: string, payload: string): Promise<XmlNode | undefined> {
    const id = `${this.name}-ask-${++this.#asked}`;
    const { promise, resolve } = Promise.withResolvers<XmlNode | undefined>();
    const timer = setTimeout(resolve, askTimeoutMs, undefined);
    this.#asks.set(id, resolve);
    this.link.send({ xml: `<iq type='${type}' id='${id}' to='${escapeXml(to)}'>${payload}</iq>` });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#asks.delete(id);
    });
  }

  presence(to: string, payload: string, type?: string): void {
    const typed = type === undefined ? '' : ` type='${type}'`;
    this.link.send({ xml: `<presence to='${escapeXml(to)}'${typed}>${payload}</presence>` });
  }

  hear(got: Got): void {
    this.#journal.hear(this.jid, got);
  }

  rejoined(room: string, why: string): void {
    this.#journal.rejoins.push({ who: this.name, room, why, round: this.#place.round() });
  }

  seated(): void {
    this.#flush();
  }

  violation(what: string): void {
    this.#journal.violations.push(`${this.name}: ${what}`);
  }

  // The rest.

  /** In order within each conversation; what goes to a room waits until we are in it. */
  #flush(): void {
    if (!this.isLive) return;
    for (const said of this.#waiting.splice(0)) {
      if (said.isGroup && this.seats.get(said.to)?.isIn !== true) {
        this.#waiting.push(said);
        continue;
      }
      said.copies++;
      const { id, to, isGroup } = said;
      const type = isGroup ? 'groupchat' : 'chat';
      this.link.send({ xml: `<message type='${type}' to='${to}' id='${id}'><body>${id}</body></message>`, said });
    }
  }

  #rebound(unacked: readonly Sent[]): void {
    this.#waiting.unshift(...unacked.flatMap(({ said }) => said ?? []));
    for (const resolve of [...this.#asks.values()]) resolve(undefined);
    this.#sendPresence();
    if (this.link.session > 1) for (const seat of this.seats.values()) void seat.settle(newSession);
    this.#flush();
  }

  #take(node: XmlNode): void {
    const { from = '', id = '', type } = node.attributes;
    if (node.name === 'iq') {
      if (type === 'result' || type === 'error') this.#asks.get(id)?.(node);
      else this.link.send({ xml: `<iq type='result' id='${escapeXml(id)}'${from === '' ? '' : ` to='${escapeXml(from)}'`}/>` });
      return;
    }
    const bare = from.replace(/\/.*$/s, '');
    if (node.name === 'presence') this.#onPresence(bare, node);
    else if (type === 'error') this.#onRefusal(node);
    else if (childOf(node, 'result', 'urn:xmpp:mam:2')) this.#onArchived(bare, node);
    else if (childOf(node, 'body')) this.#onMessage(bare, node);
  }

  #onPresence(bare: string, node: XmlNode): void {
    const seat = this.seats.get(bare);
    const { type } = node.attributes;
    if (seat !== undefined) seat.onPresence(node);
    else if (type === 'subscribe') this.presence(bare, '', 'subscribed');
    else if (type === undefined) this.shown.set(bare, childOf(node, 'status')?.text ?? '');
    else if (type === 'unavailable') this.shown.set(bare, undefined);
  }

  #onRefusal(node: XmlNode): void {
    const said = this.#journal.said.get(node.attributes.id ?? '');
    const condition = childOf(node, 'error')?.children[0]?.name ?? 'error';
    if (said === undefined) return;
    said.refused = condition;
    const seat = this.seats.get(said.to);
    if (condition === 'not-acceptable' && seat?.isIn === true) void seat.settle('a message was not acceptable');
  }

  #onMessage(bare: string, node: XmlNode): void {
    const seat = this.seats.get(bare);
    const archive = seat === undefined ? this.jid : bare;
    // A message that waited for a server says so, too; only the own server reads it later for its recipient.
    const isLate = node.children.some(({ name, attributes }) => name === 'delay' && attributes.from === this.credentials.domain);
    const way = isLate ? 'delayed' : 'live';
    const got: Got = { ...this.#read(bare, node), stanzaId: stanzaIdBy(node, archive), isGroup: seat !== undefined, way };
    if (seat === undefined) this.hear(got);
    else seat.onMessage(got);
  }

  #onArchived(bare: string, node: XmlNode): void {
    const result = childOf(node, 'result');
    const message = childOf(childOf(result, 'forwarded'), 'message');
    if (message === undefined || childOf(message, 'body') === undefined) return;
    const got: Got = { ...this.#read(bare, message), stanzaId: result?.attributes.id, isGroup: true, way: 'archive' };
    this.seats.get(bare)?.onArchived(got);
  }

  #read(from: string, node: XmlNode) {
    return { id: childOf(node, 'body')!.text, from, session: this.link.session, atMs: performance.now() };
  }
}

/** Why a seat is taken again after the client itself had to begin anew. */
export const newSession = 'new session';

function stanzaIdBy(node: XmlNode, by: string): string | undefined {
  return node.children.find(({ name, attributes }) => name === 'stanza-id' && attributes.by === by)?.attributes.id;
}
