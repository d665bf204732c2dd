/**
 * A model client with XEP-0198: it signs in, resumes where it can, binds anew where it cannot, sends what was not acknowledged
 * again, and writes down what it was promised and what it got.
 */
import { ClientBlocks } from './client-blocks.ts';
import { ClientMessages, type Where } from './client-messages.ts';
import type { ClientParts, Door } from './client-parts.ts';
import { ClientPresence } from './client-presence.ts';
import { ClientRooms } from './client-rooms.ts';
import { ClientSettings } from './client-settings.ts';
import { Managed, type Outgoing } from './client-stream-management.ts';
import { say } from './client-text.ts';
import type { ClientSession, History, SentMessage } from './history.ts';
import type { Random } from './random.ts';
import { clientFinal, clientFirst } from './scram-client.ts';
import type { SimSocket } from './sim-socket.ts';
import { attribute, isStanza, readPresence, tagOf } from './stanza-text.ts';
import type { World } from './world.ts';

type Stage = 'off' | 'greeting' | 'signing in' | 'restarting' | 'resuming' | 'binding' | 'enabling' | 'online';

const stageMs = 25_000;
const silenceMs = 12_000;
const checkMs = 4_000;

export class SimClient {
  readonly account: string;
  readonly jid: string;
  readonly name: string;
  readonly #world: World;
  readonly #random: Random;
  readonly #history: History;
  readonly #doors: () => readonly Door[];
  readonly #rooms: ClientRooms;
  readonly #settings: ClientSettings;
  readonly #blocks: ClientBlocks;
  #stage: Stage = 'off';
  #socket: SimSocket | undefined;
  #door = '';
  #attempt = 0;
  #first = '';
  readonly #isModern: boolean;
  #sm: Managed | undefined;
  #session: ClientSession | undefined;
  readonly #messages: ClientMessages;
  #heardMs = 0;
  readonly #presence: ClientPresence;
  /** Wants to be signed in. */
  isWanted = true;
  /** Answers `<r/>`. */
  isDiligent = true;

  constructor({ world, random, history, settings, doors, jid, rooms, blockable, isModern }: ClientParts) {
    this.#world = world;
    this.#random = random;
    this.#history = history;
    this.#doors = doors;
    this.#rooms = new ClientRooms(rooms);
    this.jid = jid;
    this.account = jid.slice(0, jid.indexOf('/'));
    this.name = `${jid.slice(0, jid.indexOf('@'))}-${jid.slice(jid.indexOf('/') + 1)}`;
    this.#isModern = isModern;
    this.#settings = new ClientSettings(this.name, settings);
    this.#blocks = new ClientBlocks(history.blocks, this.account, this.name, blockable);
    this.#messages = new ClientMessages(world, history, this.name, jid);
    this.#presence = new ClientPresence(jid, random.fork('presence'));
    this.#watch();
  }

  get isOnline(): boolean {
    return this.#stage === 'online';
  }

  get said(): Pick<ClientPresence, 'status' | 'view'> {
    return this.#presence;
  }

  connect(): void {
    if (this.#stage !== 'off' || !this.isWanted) return;
    const door = this.#random.pick(this.#doors());
    const attempt = ++this.#attempt;
    this.#door = door.name;
    const isCurrent = () => attempt === this.#attempt;
    this.#socket = door.connect({
      message: (text) => void (isCurrent() && this.#heard(text)),
      closed: () => void (isCurrent() && this.#lost('was disconnected')),
    });
    if (this.#socket === undefined) {
      this.#world.after(this.#random.between(20, 2_500), () => this.connect());
      return;
    }
    this.#note('connects to', door.name);
    this.#setStage('greeting');
    this.#write(say.open(this.account));
  }

  sendMessage(to: string): void {
    if (this.#stage === 'online') this.#send(this.#messages.next(to, 'account', this.#where));
  }

  sendToRoom(room: string): void {
    if (this.#stage !== 'online' || !this.#rooms.has(room)) return;
    if (this.#rooms.isIn(room)) this.#send(this.#messages.next(room, 'room', this.#where));
    else this.#join(room);
  }

  /** A private message (XEP-0045 §7.5). */
  sendToOccupant(room: string, nick: string): void {
    if (this.#stage !== 'online' || !this.#rooms.isIn(room)) return;
    this.#send(this.#messages.next(`${room}/${nick}`, 'occupant', this.#where));
  }

  changePresence(): void {
    if (this.#stage === 'online') this.#stanza({ text: this.#presence.next(), message: undefined });
  }

  /** It takes what waits for it, now and for good. */
  settle(): void {
    this.#presence.settle();
    this.isDiligent = true;
    if (this.#stage === 'online') this.#write(say.active);
    if (this.#presence.isOverdue) this.changePresence();
    this.stall(false);
    this.signIn();
  }

  /** Its user looks at it, or no longer (XEP-0352). */
  changeState(): void {
    if (this.#stage === 'online') this.#write(this.#random.chance(0.5) ? say.inactive : say.active);
  }

  changeSetting(): void {
    if (this.#stage === 'online') this.#stanza({ text: this.#settings.next(this.#random), message: undefined });
  }

  /** Blocks somebody, or somebody no longer. */
  changeBlocks(): void {
    const request = this.#stage === 'online' ? this.#blocks.next(this.#random, this.#world.nowMs) : undefined;
    if (request !== undefined) this.#stanza({ text: request, message: undefined });
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

  /** In order. */
  signOut(): void {
    this.isWanted = false;
    if (this.#stage !== 'online') return;
    this.#note('signs out');
    this.#write(say.close);
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
  }

  stall(isStalled: boolean): void {
    this.#socket?.stall(isStalled);
  }

  acknowledge(): void {
    if (this.#stage === 'online' && this.#sm) this.#write(say.acknowledge(this.#sm.received));
  }

  #heard(text: string): void {
    this.#heardMs = this.#world.nowMs;
    this.#world.trace?.push(`${(this.#world.nowMs / 1000).toFixed(4).padStart(9)}   ${this.name} < ${text}`);
    if (isStanza(text)) this.#counted(text);
    else this.#uncounted(text);
  }

  #uncounted(text: string): void {
    const tag = tagOf(text);
    if (tag === 'stream:features') this.#features(text);
    else if (tag === 'challenge') this.#write(say.response(clientFinal(this.#first, text), this.#isModern));
    else if (tag === 'success') this.#signedIn(text);
    else if (tag === 'failure') this.#abandon('was refused');
    else if (tag === 'enabled') this.#enabled(attribute(text, 'id') ?? '');
    else if (tag === 'resumed') this.#resumed(Number(attribute(text, 'h')));
    else if (tag === 'failed') this.#resumeFailed(attribute(text, 'h'));
    else if (tag === 'r' && this.isDiligent) this.acknowledge();
    else if (tag === 'a') this.#acked(Number(attribute(text, 'h')));
    else if (tag === 'close' || tag === 'stream:error') this.#streamEnds(text);
  }

  /** By XEP-0388 the stream does not open again, and the old session may be back already. */
  #signedIn(text: string): void {
    const [resumed, failed] = [text.indexOf('<resumed '), text.indexOf('<failed ')];
    this.#setStage(this.#isModern ? 'resuming' : 'restarting');
    if (!this.#isModern) this.#write(say.open(this.account));
    else if (resumed >= 0) this.#resumed(Number(attribute(text.slice(resumed), 'h')));
    else if (failed >= 0) this.#resumeFailed(attribute(text.slice(failed), 'h'));
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
      const resume = this.#sm && say.resume(this.#sm.id, this.#sm.received);
      this.#write(this.#isModern ? say.authenticate(this.#first, resume) : say.auth(this.#first));
    } else if (this.#sm !== undefined) {
      this.#setStage('resuming');
      this.#write(say.resume(this.#sm.id, this.#sm.received));
    } else if (this.#stage !== 'binding') this.#bind();
  }

  #bind(): void {
    this.#setStage('binding');
    this.#write(say.bind(this.jid.slice(this.jid.indexOf('/') + 1)));
  }

  #bound(text: string): void {
    if (attribute(text, 'type') !== 'result') this.#abandon('could not bind');
    else {
      this.#setStage('enabling');
      this.#write(say.enable);
    }
  }

  #enabled(id: string): void {
    this.#sm = new Managed(id, this.#settings);
    this.#session = this.#history.openSession(this.account, this.name);
    this.#presence.begin();
    this.#rooms.clear();
    this.#blocks.begin();
    this.#setStage('online');
    this.#note('is online in session', this.#session.number, 'at', this.#door);
    this.changePresence();
    for (const message of this.#messages.takeAgain(this.#where)) this.#send(message);
    for (const room of this.#rooms.all) this.#join(room);
  }

  #resumed(h: number): void {
    this.#history.resumed++;
    this.#session!.resumptions++;
    this.#setStage('online');
    this.#note('resumed session', this.#session!.number, 'at', this.#door);
    this.#acked(h);
    const { unacked } = this.#sm!;
    for (const { text } of unacked) this.#write(text);
    if (unacked.length > 0) this.#write(say.request);
    if (this.#presence.isOverdue) this.changePresence();
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
    for (const message of this.#sm?.ack(h) ?? []) {
      message.state = 'acknowledged';
      this.#world.note(`  ${message.id} is acknowledged`);
    }
  }

  #counted(text: string): void {
    if (this.#stage === 'binding' && tagOf(text) === 'iq') this.#bound(text);
    if (this.#sm === undefined || this.#stage !== 'online') return;
    this.#sm.received++;
    const tag = tagOf(text);
    if (tag === 'presence') this.#heardPresence(text);
    else if (tag === 'message') this.#received(text);
    else if (tag === 'iq') {
      this.#settings.heard(text);
      this.#blocks.heard(text, this.#world.nowMs);
    }
  }

  #received(text: string): void {
    const refused = this.#messages.heard(text, { session: this.#session!, presence: this.#presence });
    if (refused?.isRoom && !refused.isPrivate) this.#rooms.leave(refused.to);
  }

  #heardPresence(text: string): void {
    const { from, type, isSelf, isNew } = readPresence(text);
    const bare = from.split('/')[0]!;
    if (this.#rooms.has(bare)) {
      this.#rooms.presence(bare, type, isSelf);
      if (isSelf && type === undefined) this.#history.enter(this.#session!, bare, this.#world.nowMs);
      if (isSelf && isNew) this.#stanza({ text: say.openRoom(bare), message: undefined });
      return;
    }
    const refused = this.#presence.heard(text, this.#world.nowMs);
    if (refused !== undefined) this.#presenceRefused(refused);
  }

  #presenceRefused(status: string): void {
    this.#world.after(1_000, () => {
      if (status === this.#presence.status) this.#stage === 'online' ? this.changePresence() : this.#presenceRefused(status);
    });
  }

  get #where(): Where {
    return { session: this.#session!, node: this.#door, atMs: this.#world.nowMs };
  }

  #send(message: SentMessage): void {
    this.#stanza({ text: this.#messages.write(message), message });
  }

  #join(room: string): void {
    if (this.#rooms.ask(room, this.#world.nowMs)) this.#stanza({ text: say.join(room, this.name), message: undefined });
  }

  #stanza(outgoing: Outgoing): void {
    const sm = this.#sm!;
    sm.unacked.push(outgoing);
    this.#write(outgoing.text);
    if (sm.unacked.length % 4 === 0) this.#write(say.request);
  }

  #write(text: string): void {
    this.#world.trace?.push(`${(this.#world.nowMs / 1000).toFixed(4).padStart(9)}   ${this.name} > ${text}`);
    this.#socket?.send(text);
  }

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
    this.#world.after(this.#random.between(20, 2_500), () => this.connect());
  }

  #forgetSession(): void {
    this.#messages.keep(this.#sm?.unacknowledged ?? []);
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
        this.#write(say.request);
        for (const room of this.#rooms.all) if (!this.#rooms.isIn(room)) this.#join(room);
      }
    });
  }

  #note(...parts: readonly (string | number)[]): void {
    this.#world.note(this.name, ...parts);
  }
}
