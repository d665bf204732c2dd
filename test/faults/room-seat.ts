/** One client's place in one room: XEP-0045, XEP-0410 to know whether it still has it, XEP-0313 for what it missed without one. */
import type { Got } from './journal.ts';
import { childOf, type XmlNode } from './xml-stream.ts';

const muc = 'http://jabber.org/protocol/muc';
const rsm = 'http://jabber.org/protocol/rsm';
const joinTimeoutMs = 10_000;
const retryMs = 1_500;
const triesMax = 30;

export interface Seated {
  readonly isLive: boolean;
  /** @returns undefined when no answer came in time */
  ask(type: 'get' | 'set', to: string, payload: string): Promise<XmlNode | undefined>;
  presence(to: string, payload: string): void;
  hear(got: Got): void;
  rejoined(room: string, why: string): void;
  /** What waits for the room can be said. */
  seated(): void;
  violation(what: string): void;
}

export class RoomSeat {
  readonly jid: string;
  readonly nick: string;
  isIn = false;
  readonly #seated: Seated;
  #lastId: string | undefined;
  #joined: ((error: string | undefined) => void) | undefined;
  /** Live messages while the archive is read, in order. */
  #held: Got[] | undefined;
  #known = new Set<string>();
  /** Only the last call of `settle` goes on. */
  #turn = 0;

  constructor(jid: string, nick: string, seated: Seated) {
    this.jid = jid;
    this.nick = nick;
    this.#seated = seated;
  }

  /** The first time. */
  async enter(): Promise<void> {
    await this.#enter();
    this.isIn = true;
  }

  /** Makes the room one that stays, with an archive. */
  async configure(): Promise<void> {
    const field = (name: string) => `<field var='muc#roomconfig_${name}'><value>1</value></field>`;
    const form = `<field var='FORM_TYPE'><value>${muc}#roomconfig</value></field>${field('persistentroom')}${field('enablelogging')}`;
    const query = `<query xmlns='${muc}#owner'><x xmlns='jabber:x:data' type='submit'>${form}</x></query>`;
    const answer = await this.#seated.ask('set', this.jid, query);
    if (answer?.attributes.type !== 'result') throw new Error(`${this.jid} cannot be configured`);
  }

  /** After a new session, or when it looks as if we were not in any more; `isNew`: the old session's place is lost with it. */
  async settle(why: string): Promise<void> {
    const turn = ++this.#turn;
    this.isIn = false;
    this.#held ??= [];
    for (let tries = 0; tries < triesMax && turn === this.#turn && this.#seated.isLive; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, retryMs));
      try {
        const answer = await this.ping();
        if (answer === 'unknown') continue;
        if (answer === 'out') {
          await this.#enter();
          this.#seated.rejoined(this.jid, why);
        }
        if (turn === this.#turn) await this.#readMissed();
      } catch {
        continue;
      }
      if (turn !== this.#turn) return;
      this.isIn = true;
      this.#release();
      this.#seated.seated();
      return;
    }
  }

  /** XEP-0410 §3.2. */
  async ping(): Promise<'in' | 'out' | 'unknown'> {
    const answer = await this.#seated.ask('get', `${this.jid}/${this.nick}`, "<ping xmlns='urn:xmpp:ping'/>");
    if (answer === undefined) return 'unknown';
    if (answer.attributes.type === 'result') return 'in';
    const conditions = childOf(answer, 'error')?.children.map(({ name }) => name) ?? [];
    if (conditions.includes('not-acceptable')) return 'out';
    return conditions.some((name) => ['service-unavailable', 'feature-not-implemented', 'item-not-found'].includes(name))
      ? 'in'
      : 'unknown';
  }

  onPresence(node: XmlNode): void {
    if (node.attributes.from !== `${this.jid}/${this.nick}`) return;
    if (node.attributes.type === 'error') {
      this.#joined?.(childOf(node, 'error')?.children[0]?.name ?? 'error');
      return;
    }
    const codes = childOf(node, 'x', `${muc}#user`)?.children.flatMap((child) => child.attributes.code ?? []) ?? [];
    if (!codes.includes('110')) return;
    if (node.attributes.type === undefined) this.#joined?.(undefined);
    else if (this.isIn) void this.settle(`unavailable presence ${codes.join(' ')}`);
  }

  onMessage(got: Got): void {
    if (this.#held === undefined) this.#take(got);
    else this.#held.push(got);
  }

  async #enter(): Promise<void> {
    const payload = `<x xmlns='${muc}'><history maxstanzas='0'/></x>`;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#joined = resolve;
    const timer = setTimeout(resolve, joinTimeoutMs, 'no answer');
    this.#seated.presence(`${this.jid}/${this.nick}`, payload);
    const error = await promise;
    clearTimeout(timer);
    this.#joined = undefined;
    if (error !== undefined) throw new Error(`${this.jid} was not entered: ${error}`);
  }

  /** Page by page, each result a message that comes before the answer. */
  async #readMissed(): Promise<void> {
    for (let pages = 0; pages < 20; pages++) {
      const after = this.#lastId === undefined ? '' : `<after>${this.#lastId}</after>`;
      const query = `<query xmlns='urn:xmpp:mam:2' queryid='missed'><set xmlns='${rsm}'><max>100</max>${after}</set></query>`;
      const answer = await this.#seated.ask('set', this.jid, query);
      if (answer === undefined) throw new Error('no page');
      const fin = childOf(answer, 'fin');
      if (fin === undefined) {
        if (childOf(childOf(answer, 'error'), 'item-not-found'))
          this.#seated.violation(`${this.jid} has no ${this.#lastId} in its archive`);
        throw new Error('no page');
      }
      if (fin.attributes.complete === 'true') return;
    }
  }

  /** An entry of the archive: `#lastId` is where the next page begins. */
  onArchived(got: Got): void {
    if (this.#held === undefined) return;
    if (got.stanzaId !== undefined && this.#known.has(got.stanzaId)) this.#lastId = got.stanzaId;
    else this.#take(got);
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const got of held) if (got.stanzaId === undefined || !this.#known.has(got.stanzaId)) this.#take(got);
  }

  #take(got: Got): void {
    this.#seated.hear(got);
    if (got.stanzaId === undefined) return;
    this.#lastId = got.stanzaId;
    this.#known.add(got.stanzaId);
    if (this.#known.size > 2_000) this.#known.delete(this.#known.values().next().value!);
  }
}
