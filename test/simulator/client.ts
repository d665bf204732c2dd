/**
 * A model client with XEP-0198: it signs in, resumes where it can, binds anew where it cannot, sends what was not acknowledged
 * again, and writes down what it was promised and what it got.
 */
import type { ClientSession, History, SentMessage } from './history.ts';
import type { Random } from './random.ts';
import { clientFinal, clientFirst } from './scram-client.ts';
import type { SimSocket, SocketReader } from './sim-socket.ts';
import { attribute, isStanza, readMessage, readPresence, tagOf } from './stanza-text.ts';
import type { World } from './world.ts';

export interface Door {
  readonly name: string;
  /** undefined: nobody listens. */
  connect(reader: SocketReader): SimSocket | undefined;
}

type Stage = 'off' | 'greeting' | 'signing in' | 'restarting' | 'resuming' | 'binding' | 'enabling' | 'online';

interface Outgoing {
  readonly text: string;
  /** Absent: presence and requests, which a new session sends in its own way. */
  readonly message: SentMessage | undefined;
}

/** The server's part of XEP-0198, as the client knows it. */
interface Managed {
  readonly id: string;
  /** Stanzas received; sent and acknowledged; sent and not acknowledged. */
  received: number;
  acked: number;
  readonly unacked: Outgoing[];
}

const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_SM = 'urn:xmpp:sm:3';
const stageMs = 25_000;
const silenceMs = 12_000;
const checkMs = 4_000;

export class SimClient implements SocketReader {
  readonly account: string;
  readonly jid: string;
  readonly name: string;
  readonly #world: World;
  readonly #random: Random;
  readonly #history: History;
  readonly #doors: () => readonly Door[];
  readonly #rooms: readonly string[];
  #stage: Stage = 'off';
  #socket: SimSocket | undefined;
  #door = '';
  #attempt = 0;
  #first = '';
  #sm: Managed | undefined;
  #session: ClientSession | undefined;
  #number = 0;
  #status = 0;
  #heardMs = 0;
  /** Sent in a session that is over, without an acknowledgement: to be sent again. */
  #again: SentMessage[] = [];
  readonly #joined = new Set<string>();
  readonly #joinAskedMs = new Map<string, number>();
  /** What the contacts' presence is said to be: full JID to status. */
  readonly view = new Map<string, string>();
  /** Wants to be signed in. */
  isWanted = true;
  /** Answers `<r/>`. */
  isDiligent = true;

  constructor(parts: {
    readonly world: World;
    readonly random: Random;
    readonly history: History;
    readonly doors: () => readonly Door[];
    readonly jid: string;
    readonly rooms: readonly string[];
  }) {
    const { world, random, history, doors, jid, rooms } = parts;
    this.#world = world;
    this.#random = random;
    this.#history = history;
    this.#doors = doors;
    this.#rooms = rooms;
    this.jid = jid;
    this.account = jid.slice(0, jid.indexOf('/'));
    this.name = `${jid.slice(0, jid.indexOf('@'))}-${jid.slice(jid.indexOf('/') + 1)}`;
    this.#watch();
  }

  get isOnline(): boolean {
    return this.#stage === 'online';
  }

  get status(): string {
    return `s${this.#status}`;
  }

  get canResume(): boolean {
    return this.#sm !== undefined;
  }

  get session(): ClientSession | undefined {
    return this.#session;
  }

  // What the workload asks for.

  connect(): void {
    if (this.#stage !== 'off' || !this.isWanted) return;
    const door = this.#random.pick(this.#doors());
    const attempt = ++this.#attempt;
    this.#door = door.name;
    this.#socket = door.connect(this.#readerOf(attempt));
    if (this.#socket === undefined) {
      this.#retry();
      return;
    }
    this.#note('connects to', door.name);
    this.#setStage('greeting');
    this.#write(this.#greeting);
  }

  sendMessage(to: string): void {
    if (this.#stage === 'online') this.#message(to, false, ++this.#number, 0);
  }

  sendToRoom(room: string): void {
    if (this.#stage !== 'online' || !this.#rooms.includes(room)) return;
    if (this.#joined.has(room)) this.#message(room, true, ++this.#number, 0);
    else this.#join(room);
  }

  changePresence(): void {
    if (this.#stage !== 'online') return;
    this.#status++;
    this.#stanza({
      text: `<presence xmlns='jabber:client' id='${this.status}'><status>${this.status}</status></presence>`,
      message: undefined,
    });
  }

  /** The network goes away without a word. */
  loseConnection(): void {
    this.#socket?.cut(this.#random.chance(0.6) ? this.#random.between(0, 3_000) : undefined);
    this.#lost('loses its connection');
  }

  /** Nothing is left of its memory but what its user has seen. */
  crash(): void {
    this.loseConnection();
    this.#forgetSession();
  }

  /** Ends its stream in order. */
  signOut(): void {
    this.isWanted = false;
    if (this.#stage !== 'online') return;
    this.#note('signs out');
    this.#write(`<close xmlns='${NS_FRAMING}'/>`);
    this.#socket = undefined;
    this.#stage = 'off';
    this.#attempt++;
    this.#forgetSession();
  }

  signIn(): void {
    this.isWanted = true;
    this.connect();
  }

  /** Comes back although it is there: as after a change of networks that the old node has not noticed. */
  hop(): void {
    this.#socket?.cut(undefined);
    this.#lost('hops');
    this.connect();
    if (this.#random.chance(0.5)) {
      this.#world.after(this.#random.between(1, 400), () => {
        if (this.#stage === 'off' || this.#stage === 'online') return;
        this.#socket?.cut(this.#random.chance(0.5) ? this.#random.between(0, 500) : undefined);
        this.#lost('hops again');
        this.connect();
      });
    }
  }

  stall(isStalled: boolean): void {
    this.#socket?.stall(isStalled);
  }

  acknowledge(): void {
    if (this.#stage === 'online' && this.#sm) this.#write(`<a xmlns='${NS_SM}' h='${this.#sm.received}'/>`);
  }

  // From the socket.

  message(text: string): void {
    this.#heardMs = this.#world.nowMs;
    this.#world.trace?.push(`${(this.#world.nowMs / 1000).toFixed(4).padStart(9)}   ${this.name} < ${text}`);
    if (isStanza(text)) this.#counted(text);
    else this.#uncounted(text);
  }

  closed(): void {
    this.#lost('was disconnected');
  }

  #readerOf(attempt: number): SocketReader {
    return {
      message: (text) => {
        if (attempt === this.#attempt) this.message(text);
      },
      closed: () => {
        if (attempt === this.#attempt) this.closed();
      },
    };
  }

  #uncounted(text: string): void {
    const tag = tagOf(text);
    if (tag === 'stream:features') this.#features(text);
    else if (tag === 'challenge') this.#answerChallenge(text);
    else if (tag === 'success') {
      this.#setStage('restarting');
      this.#write(this.#greeting);
    } else if (tag === 'failure') this.#abandon('was refused');
    else if (tag === 'enabled') this.#enabled(attribute(text, 'id') ?? '');
    else if (tag === 'resumed') this.#resumed(Number(attribute(text, 'h')));
    else if (tag === 'failed') this.#resumeFailed(attribute(text, 'h'));
    else if (tag === 'r') {
      if (this.isDiligent) this.acknowledge();
    } else if (tag === 'a') this.#acked(Number(attribute(text, 'h')));
    else if (tag === 'close' || tag === 'stream:error') this.#streamEnds(text);
  }

  #streamEnds(text: string): void {
    this.#note('is told', text.slice(0, 120));
    const isFinal = text.includes('conflict') && !text.includes('resumed elsewhere');
    if (isFinal || text.includes('not-authorized')) this.#forgetSession();
    this.#abandon('was closed');
  }

  #features(text: string): void {
    if (text.includes('<mechanism')) {
      this.#setStage('signing in');
      this.#first = clientFirst(this.jid.slice(0, this.jid.indexOf('@')), this.#random.bytes(9).toString('base64'));
      this.#write(`<auth xmlns='${NS_SASL}' mechanism='SCRAM-SHA-256'>${Buffer.from(this.#first).toString('base64')}</auth>`);
    } else if (this.#sm !== undefined) {
      this.#setStage('resuming');
      this.#write(`<resume xmlns='${NS_SM}' previd='${this.#sm.id}' h='${this.#sm.received}'/>`);
    } else this.#bind();
  }

  #answerChallenge(text: string): void {
    const challenge = Buffer.from(/>([^<]*)</.exec(text)?.[1] ?? '', 'base64').toString();
    const final = Buffer.from(clientFinal(this.#first, challenge)).toString('base64');
    this.#write(`<response xmlns='${NS_SASL}'>${final}</response>`);
  }

  #bind(): void {
    this.#setStage('binding');
    const resource = this.jid.slice(this.jid.indexOf('/') + 1);
    const request = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
    this.#write(`<iq xmlns='jabber:client' type='set' id='bind'>${request}</iq>`);
  }

  #bound(text: string): void {
    if (attribute(text, 'type') !== 'result') this.#abandon('could not bind');
    else {
      this.#setStage('enabling');
      this.#write(`<enable xmlns='${NS_SM}' resume='true'/>`);
    }
  }

  #enabled(id: string): void {
    this.#sm = { id, received: 0, acked: 0, unacked: [] };
    this.#session = this.#history.openSession(this.account, this.name);
    this.view.clear();
    this.#joined.clear();
    this.#joinAskedMs.clear();
    this.#setStage('online');
    this.#note('is online in session', this.#session.number, 'at', this.#door);
    this.changePresence();
    for (const { to, isRoom, number, id: before } of this.#again.splice(0)) {
      if (!isRoom) this.#message(to, false, number, Number(before.slice(before.lastIndexOf('.') + 1)) + 1);
    }
    for (const room of this.#rooms) this.#join(room);
  }

  #resumed(h: number): void {
    this.#history.resumed++;
    this.#session!.resumptions++;
    this.#setStage('online');
    this.#note('resumed session', this.#session!.number, 'at', this.#door);
    this.#acked(h);
    const { unacked } = this.#sm!;
    for (const { text } of unacked) this.#write(text);
    if (unacked.length > 0) this.#write(`<r xmlns='${NS_SM}'/>`);
  }

  #resumeFailed(h: string | undefined): void {
    if (this.#stage !== 'resuming') {
      this.#abandon('could not enable stream management');
      return;
    }
    this.#history.resumeFailed++;
    if (h !== undefined) this.#acked(Number(h));
    this.#note('could not resume session', this.#session!.number);
    this.#forgetSession();
    this.#bind();
  }

  #acked(h: number): void {
    const sm = this.#sm;
    if (sm === undefined) return;
    const count = (h - sm.acked) >>> 0;
    if (count > sm.unacked.length)
      throw new Error(`${this.name} has sent ${sm.acked + sm.unacked.length}, acknowledged are ${h}`);
    for (const { message } of sm.unacked.splice(0, count)) {
      if (message?.state !== 'sent') continue; // or it was refused: the ack says only that it was handled
      message.state = 'acknowledged';
      this.#world.note(`  ${message.id} is acknowledged`);
    }
    sm.acked = h;
  }

  #counted(text: string): void {
    if (this.#stage === 'binding' && tagOf(text) === 'iq') this.#bound(text);
    if (this.#sm === undefined || this.#stage !== 'online') return;
    this.#sm.received++;
    const tag = tagOf(text);
    if (tag === 'presence') this.#presence(text);
    else if (tag === 'message') this.#received(text);
  }

  #received(text: string): void {
    const message = readMessage(text);
    const { id, type } = message;
    if (type === 'error') {
      const sent = this.#history.sent.get(id);
      if (sent !== undefined) sent.state = 'refused';
      if (sent?.isRoom) this.#joined.delete(sent.to);
      return;
    }
    if (message.body === undefined) return;
    const { isDelayed, stanzaId } = message;
    this.#world.note(`  ${this.name} received ${id}${isDelayed ? ' from the archive' : ''} ${stanzaId ?? ''}`);
    this.#session!.received.push({ id, isDelayed, stanzaId, atMs: this.#world.nowMs });
  }

  #presence(text: string): void {
    const { from, type, status, isSelf, isNew } = readPresence(text);
    const bare = from.split('/')[0]!;
    if (this.#rooms.includes(bare)) {
      if (type === 'unavailable' ? isSelf : type === 'error') this.#joined.delete(bare);
      else if (isSelf && type === undefined) this.#joined.add(bare);
      if (isSelf && isNew) this.#openRoom(bare);
      return;
    }
    if (from === '' && type === 'error') this.#presenceRefused(attribute(text, 'id') ?? '');
    else if (type === undefined) this.view.set(from, status);
    else if (type === 'unavailable') {
      for (const jid of this.view.keys()) if (jid === from || jid.startsWith(`${from}/`)) this.view.delete(jid);
    }
  }

  /** "Try again later." */
  #presenceRefused(status: string): void {
    this.#world.after(1_000, () => {
      if (status !== this.status) return;
      if (this.#stage === 'online') this.changePresence();
      else this.#presenceRefused(status);
    });
  }

  // Towards the server.

  get #greeting(): string {
    const domain = this.account.slice(this.account.indexOf('@') + 1);
    return `<open xmlns='${NS_FRAMING}' to='${domain}' version='1.0'/>`;
  }

  #message(to: string, isRoom: boolean, number: number, attempt: number): void {
    const id = `${this.name}.${number}.${attempt}`;
    const message: SentMessage = {
      id,
      number,
      from: this.jid,
      to,
      isRoom,
      session: this.#session!.number,
      node: this.#door,
      atMs: this.#world.nowMs,
      state: 'sent',
    };
    this.#history.sent.set(id, message);
    this.#world.note(`  ${id} to ${to}`);
    const type = isRoom ? 'groupchat' : 'chat';
    this.#stanza({
      text: `<message xmlns='jabber:client' type='${type}' to='${to}' id='${id}'><body>${id}</body></message>`,
      message,
    });
  }

  #join(room: string): void {
    if ((this.#joinAskedMs.get(room) ?? -silenceMs) > this.#world.nowMs - 5_000) return;
    this.#joinAskedMs.set(room, this.#world.nowMs);
    const x = "<x xmlns='http://jabber.org/protocol/muc'/>";
    this.#stanza({ text: `<presence xmlns='jabber:client' to='${room}/${this.name}'>${x}</presence>`, message: undefined });
  }

  /** XEP-0045 §10.1.2: takes the configuration as it is. */
  #openRoom(room: string): void {
    const form = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>";
    this.#stanza({ text: `<iq xmlns='jabber:client' type='set' to='${room}' id='open'>${form}</iq>`, message: undefined });
  }

  #stanza(outgoing: Outgoing): void {
    const sm = this.#sm!;
    sm.unacked.push(outgoing);
    this.#write(outgoing.text);
    if (sm.unacked.length % 4 === 0) this.#write(`<r xmlns='${NS_SM}'/>`);
  }

  #write(text: string): void {
    this.#world.trace?.push(`${(this.#world.nowMs / 1000).toFixed(4).padStart(9)}   ${this.name} > ${text}`);
    this.#socket?.send(text);
  }

  // Losing it all.

  #abandon(why: string): void {
    this.#socket?.cut(this.#random.between(0, 50));
    this.#lost(why);
  }

  #lost(why: string): void {
    if (this.#stage === 'off') return;
    this.#note(why);
    this.#socket = undefined;
    this.#stage = 'off';
    this.#attempt++;
    this.#retry();
  }

  #retry(): void {
    this.#world.after(this.#random.between(20, 2_500), () => this.connect());
  }

  #forgetSession(): void {
    const unacked = this.#sm?.unacked.flatMap(({ message }) => (message?.state === 'sent' ? [message] : [])) ?? [];
    this.#again.push(...unacked);
    this.#sm = undefined;
  }

  #setStage(stage: Stage): void {
    this.#stage = stage;
    this.#heardMs = this.#world.nowMs;
    const attempt = this.#attempt;
    if (stage === 'online') return;
    this.#world.after(stageMs, () => {
      if (attempt === this.#attempt && this.#stage === stage) this.#abandon(`gave up ${stage}`);
    });
  }

  /** Asks for acknowledgements, and notices a node that is gone. */
  #watch(): void {
    this.#world.after(checkMs + this.#random.between(0, 200), () => {
      this.#watch();
      if (this.#stage !== 'online') return;
      if (this.#world.nowMs - this.#heardMs > silenceMs) this.#abandon('hears nothing');
      else {
        this.#write(`<r xmlns='${NS_SM}'/>`);
        for (const room of this.#rooms) if (!this.#joined.has(room)) this.#join(room);
      }
    });
  }

  #note(...parts: readonly (string | number)[]): void {
    this.#world.note(this.name, ...parts);
  }
}
