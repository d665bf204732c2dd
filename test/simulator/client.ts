/** A model client: what it says in its session, what it gets, and what it was promised. */
import { ClientArchive } from './client-archive.ts';
import { ClientBlocks } from './client-blocks.ts';
import { ClientMessages, type Where } from './client-messages.ts';
import { ClientNews } from './client-news.ts';
import type { ClientParts } from './client-parts.ts';
import { ClientPresence } from './client-presence.ts';
import { ClientPush } from './client-push.ts';
import { ClientRooms } from './client-rooms.ts';
import { ClientStream } from './client-stream.ts';
import { say } from './client-text.ts';
import type { SentMessage } from './history.ts';
import { readMessage, readPresence, tagOf } from './stanza-text.ts';

export class SimClient extends ClientStream {
  readonly #rooms: ClientRooms;
  readonly #blocks: ClientBlocks;
  readonly #archive: ClientArchive;
  readonly #push: ClientPush | undefined;
  readonly #news: ClientNews;
  readonly #messages: ClientMessages;
  readonly #presence: ClientPresence;

  constructor(parts: ClientParts) {
    super(parts);
    const { world, random, history, jid, rooms, blockable, isPhone } = parts;
    this.#rooms = new ClientRooms(rooms);
    this.#archive = new ClientArchive(this.name);
    this.#push = isPhone ? new ClientPush(history.push, this.name, random.fork('push')) : undefined;
    this.#news = new ClientNews(history.news, this.name);
    history.accountOf.set(this.name, this.account);
    this.#blocks = new ClientBlocks(history.blocks, this.account, this.name, blockable);
    this.#messages = new ClientMessages(world, history, this.name, jid);
    this.#presence = new ClientPresence(jid, random.fork('presence'));
  }

  get said(): Pick<ClientPresence, 'status' | 'view'> {
    return this.#presence;
  }

  sendMessage(to: string): void {
    if (this.stage === 'online') this.#send(this.#messages.next(to, 'account', this.#where));
  }

  /** @param mentions an account */
  sendToRoom(room: string, mentions?: string): void {
    if (this.stage !== 'online' || !this.#rooms.has(room)) return;
    if (this.#rooms.isIn(room)) this.#send(this.#messages.next(room, 'room', this.#where, mentions));
    else this.#join(room);
  }

  /** A private message (XEP-0045 §7.5). */
  sendToOccupant(room: string, nick: string): void {
    if (this.stage !== 'online' || !this.#rooms.isIn(room)) return;
    this.#send(this.#messages.next(`${room}/${nick}`, 'occupant', this.#where));
  }

  changePresence(): void {
    if (this.stage === 'online') this.stanza({ text: this.#presence.next(), message: undefined });
  }

  /** It takes what waits for it, now and for good. */
  settle(): void {
    this.#presence.settle();
    this.isDiligent = true;
    if (this.stage === 'online') this.write(say.active);
    if (this.#presence.isOverdue) this.changePresence();
    this.stall(false);
    if (!this.isAsleep) this.signIn();
  }

  get isPhone(): boolean {
    return this.#push !== undefined;
  }

  get isAsleep(): boolean {
    return this.#push?.isAsleep === true;
  }

  /** A phone in a pocket: its connection breaks, and it does not come back by itself. @returns false when it cannot be woken yet */
  sleep(): boolean {
    const openMs = this.#presence.openSinceMs;
    if (this.#push?.isOn !== true || this.stage !== 'online' || openMs === undefined) return false;
    this.#push.fallAsleep({ openMs, fromMs: this.world.nowMs, rooms: this.#rooms.joined });
    this.note('falls asleep');
    this.isWanted = false;
    this.loseConnection();
    return true;
  }

  /** @param isPushed by its app server; otherwise its user takes it out of the pocket */
  wake(isPushed: boolean): void {
    if (this.#push?.isAsleep !== true || (isPushed && this.#push.isDeaf)) return;
    this.note(isPushed ? 'is woken' : 'is taken out of the pocket');
    this.#push.wakeUp(this.world.nowMs);
    this.signIn();
  }

  /** Its user looks at it, or no longer (XEP-0352). */
  changeState(): void {
    if (this.stage === 'online') this.write(this.random.chance(0.5) ? say.inactive : say.active);
  }

  changeSetting(): void {
    if (this.stage === 'online') this.stanza({ text: this.settings.next(this.random), message: undefined });
  }

  publishNews(): void {
    if (this.stage === 'online') this.stanza({ text: this.#news.next(this.session!, this.door), message: undefined });
  }

  /** Blocks somebody, or somebody no longer. */
  changeBlocks(): void {
    const request = this.stage === 'online' ? this.#blocks.next(this.random, this.world.nowMs) : undefined;
    if (request !== undefined) this.stanza({ text: request, message: undefined });
  }

  signIn(): void {
    if (this.isAsleep) return;
    this.isWanted = true;
    this.connect();
  }

  #register(): void {
    if (this.#push?.isOn === false) this.stanza({ text: this.#push.request(this.account), message: undefined });
  }

  protected counted(text: string): void {
    const tag = tagOf(text);
    if (tag === 'presence') this.#heardPresence(text);
    else if (tag === 'message') this.#received(text);
    else if (tag === 'iq') {
      this.settings.heard(text);
      this.#push?.heard(text);
      this.#news.answered(text);
      this.#readOn(text);
      this.#blocks.heard(text, this.world.nowMs);
    }
  }

  #readOn(text: string): void {
    const heard = this.#archive.heard(text);
    if (heard === 'more' || heard === 'done') this.history.readArchive(this.account, this.#archive.read);
    if (heard === 'more') this.stanza({ text: this.#archive.next(this.world.nowMs), message: undefined });
    const session = this.session;
    if (heard === 'again')
      this.world.after(1_000, () => {
        if (this.stage === 'online' && session === this.session)
          this.stanza({ text: this.#archive.next(this.world.nowMs), message: undefined });
      });
  }

  #received(text: string): void {
    const session = this.session!;
    if (this.#archive.took(text, session, this.world.nowMs)) {
      this.#news.read(text, session);
      return;
    }
    if (this.#archive.has(readMessage(text).stanzaId) || this.#news.heard(text, session)) return;
    const refused = this.#messages.heard(text, { session, presence: this.#presence });
    if (refused?.isRoom && !refused.isPrivate) this.#rooms.leave(refused.to);
  }

  #heardPresence(text: string): void {
    const { from, type, isSelf, isNew } = readPresence(text);
    const bare = from.split('/')[0]!;
    if (this.#rooms.has(bare)) {
      this.#rooms.presence(bare, type, isSelf);
      if (isSelf && type === undefined) this.history.enter(this.session!, bare, this.world.nowMs);
      if (isSelf && isNew) this.stanza({ text: say.openRoom(bare), message: undefined });
      return;
    }
    const refused = this.#presence.heard(text, this.world.nowMs);
    if (refused !== undefined) this.#presenceRefused(refused);
  }

  #presenceRefused(status: string): void {
    this.world.after(1_000, () => {
      if (status === this.#presence.status) this.stage === 'online' ? this.changePresence() : this.#presenceRefused(status);
    });
  }

  get #where(): Where {
    return { session: this.session!, node: this.door, atMs: this.world.nowMs };
  }

  #send(message: SentMessage): void {
    this.stanza({ text: this.#messages.write(message), message });
  }

  #join(room: string): void {
    if (this.#rooms.ask(room, this.world.nowMs)) this.stanza({ text: say.join(room, this.name), message: undefined });
  }

  protected begun(isInline: boolean): void {
    this.#presence.begin(this.jid);
    this.#rooms.clear();
    this.#blocks.begin();
    this.#archive.begin();
    this.changePresence();
    for (const message of this.#messages.takeAgain(this.#where)) this.#send(message);
    for (const room of this.#rooms.all) this.#join(room);
    this.#push?.begin();
    this.#register();
    if (isInline) this.stanza({ text: this.#archive.next(this.world.nowMs), message: undefined });
  }

  protected resumed(): void {
    if (this.#presence.isOverdue) this.changePresence();
  }

  protected looked(): void {
    this.#register();
    for (const room of this.#rooms.all) if (!this.#rooms.isIn(room)) this.#join(room);
  }

  protected forgotten(unacknowledged: readonly SentMessage[]): void {
    this.#messages.keep(unacknowledged);
  }
}
