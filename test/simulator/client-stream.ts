/**
 * The stream of a model client with XEP-0198: it signs in, resumes where it can, and binds anew where it cannot. What it says and hears in its
 * session is in client.ts.
 */
import type { ClientParts, Door } from './client-parts.ts';
import { ClientSettings } from './client-settings.ts';
import { ClientSignIn } from './client-sign-in.ts';
import { Managed, type Outgoing } from './client-stream-management.ts';
import { say } from './client-text.ts';
import type { ClientSession, History, SentMessage } from './history.ts';
import type { Random } from './random.ts';
import type { SimSocket } from './sim-socket.ts';
import { attribute, isStanza, tagOf } from './stanza-text.ts';
import type { World } from './world.ts';

type Stage = 'off' | 'greeting' | 'signing in' | 'restarting' | 'resuming' | 'binding' | 'enabling' | 'online';

const stageMs = 25_000;
const silenceMs = 12_000;
const checkMs = 4_000;

export abstract class ClientStream {
  /** The bare JID. */
  readonly account: string;
  /** The full JID. */
  jid: string;
  readonly name: string;
  /** Wants to be signed in. */
  isWanted = true;
  /** Answers `<r/>`. */
  isDiligent = true;
  protected readonly world: World;
  protected readonly random: Random;
  protected readonly history: History;
  protected readonly settings: ClientSettings;
  protected stage: Stage = 'off';
  protected socket: SimSocket | undefined;
  protected door = '';
  protected sm: Managed | undefined;
  protected session: ClientSession | undefined;
  protected attempt = 0;
  readonly #doors: () => readonly Door[];
  readonly #authentication: ClientSignIn;
  #heardMs = 0;

  constructor({ world, random, history, settings, doors, jid, signIn }: ClientParts) {
    this.world = world;
    this.random = random;
    this.history = history;
    this.#doors = doors;
    this.jid = jid;
    this.account = jid.slice(0, jid.indexOf('/'));
    this.name = `${jid.slice(0, jid.indexOf('@'))}-${jid.slice(jid.indexOf('/') + 1)}`;
    this.#authentication = new ClientSignIn(signIn, jid, this.name, random.fork('sign in'), history.tokens);
    this.settings = new ClientSettings(this.name, settings);
    this.#watch();
  }

  /** A new session. @param isInline bound by XEP-0386 */
  protected abstract begun(isInline: boolean): void;
  /** The session goes on. */
  protected abstract resumed(): void;
  /** A stanza has come. */
  protected abstract counted(text: string): void;
  /** Some time has passed in the session. */
  protected abstract looked(): void;
  /** The session is over. */
  protected abstract forgotten(unacknowledged: readonly SentMessage[]): void;

  get isOnline(): boolean {
    return this.stage === 'online';
  }

  connect(): void {
    if (this.stage !== 'off' || !this.isWanted) return;
    const door = this.random.pick(this.#doors());
    const attempt = ++this.attempt;
    this.door = door.name;
    const isCurrent = () => attempt === this.attempt;
    this.socket = door.connect({
      message: (text) => void (isCurrent() && this.#heard(text)),
      closed: () => void (isCurrent() && this.lost('was disconnected')),
    });
    if (this.socket === undefined) {
      this.world.after(this.random.between(20, 2_500), () => this.connect());
      return;
    }
    this.note('connects to', door.name);
    this.#setStage('greeting');
    this.write(say.open(this.account));
  }

  /** The network goes away without a word. */
  loseConnection(): void {
    this.socket?.cut(this.random.chance(0.6) ? this.random.between(0, 3_000) : undefined);
    this.lost('loses its connection');
  }

  /** Nothing is left of its memory but what its user has seen. */
  crash(): void {
    this.loseConnection();
    this.forgetSession();
  }

  /** In order. */
  signOut(): void {
    this.isWanted = false;
    if (this.stage !== 'online') return;
    this.note('signs out');
    this.write(say.close);
    this.socket = undefined;
    this.stage = 'off';
    this.attempt++;
    this.forgetSession();
  }

  /** Comes back although it is there: as after a change of networks that the old node has not noticed. */
  hop(): void {
    this.socket?.cut(undefined);
    this.lost('hops');
    this.connect();
  }

  stall(isStalled: boolean): void {
    this.socket?.stall(isStalled);
  }

  acknowledge(): void {
    if (this.stage === 'online' && this.sm) this.write(say.acknowledge(this.sm.received));
  }

  #heard(text: string): void {
    this.#heardMs = this.world.nowMs;
    this.world.trace?.push(`${(this.world.nowMs / 1000).toFixed(4).padStart(9)}   ${this.name} < ${text}`);
    if (isStanza(text)) this.#stanzaCame(text);
    else this.#uncounted(text);
  }

  #uncounted(text: string): void {
    const tag = tagOf(text);
    if (tag === 'stream:features') this.#features(text);
    else if (tag === 'challenge') this.write(this.#authentication.respond(text));
    else if (tag === 'success') this.#signedIn(text);
    else if (tag === 'failure') this.#refused(text);
    else if (tag === 'enabled') this.#enabled(attribute(text, 'id') ?? '');
    else if (tag === 'resumed') this.#resumed(Number(attribute(text, 'h')));
    else if (tag === 'failed') this.#resumeFailed(attribute(text, 'h'));
    else if (tag === 'r' && this.isDiligent) this.acknowledge();
    else if (tag === 'a') this.#acked(Number(attribute(text, 'h')));
    else if (tag === 'close' || tag === 'stream:error') this.#streamEnds(text);
  }

  #refused(text: string): void {
    this.#authentication.refused(text);
    this.#abandon('was refused');
  }

  /** By XEP-0388 the stream does not open again, and the old session may be back already, or a new one may be bound. */
  #signedIn(text: string): void {
    this.#authentication.succeeded(text);
    const [resumed, failed, bound] = [text.indexOf('<resumed '), text.indexOf('<failed '), text.indexOf('<bound ')];
    this.#setStage(this.#authentication.isInline ? 'resuming' : 'restarting');
    if (!this.#authentication.isInline) this.write(say.open(this.account));
    else if (resumed >= 0) this.#resumed(Number(attribute(text.slice(resumed), 'h')));
    else if (failed >= 0) this.#resumeFailed(attribute(text.slice(failed), 'h'), bound >= 0);
    if (bound >= 0) this.#boundInline(text);
  }

  /** XEP-0386. */
  #boundInline(text: string): void {
    this.jid = />([^<]*)<\/authorization-identifier>/.exec(text)![1]!;
    this.#enabled(attribute(text.slice(text.indexOf('<enabled ')), 'id') ?? '', true);
  }

  #streamEnds(text: string): void {
    this.note('is told', text.slice(0, 120));
    const isFinal = text.includes('conflict') && !text.includes('resumed elsewhere');
    if (isFinal || text.includes('not-authorized')) this.forgetSession();
    this.#abandon('was closed');
  }

  #features(text: string): void {
    if (this.stage === 'online') return;
    if (text.includes('<mechanism')) {
      this.#setStage('signing in');
      this.write(this.#authentication.begin(this.sm && say.resume(this.sm.id, this.sm.received)));
    } else if (this.sm !== undefined) {
      this.#setStage('resuming');
      this.write(say.resume(this.sm.id, this.sm.received));
    } else if (this.stage !== 'binding') this.#bind();
  }

  #bind(): void {
    this.#setStage('binding');
    this.write(say.bind(this.jid.slice(this.jid.indexOf('/') + 1)));
  }

  #bound(text: string): void {
    if (attribute(text, 'type') !== 'result') this.#abandon('could not bind');
    else {
      this.#setStage('enabling');
      this.write(say.enable);
    }
  }

  #enabled(id: string, isInline = false): void {
    this.sm = new Managed(id, this.settings);
    this.session = this.history.openSession(this.account, this.name);
    this.#setStage('online');
    this.note('is online in session', this.session.number, 'at', this.door);
    this.begun(isInline);
  }

  #resumed(h: number): void {
    this.history.resumed++;
    this.session!.resumptions++;
    this.#setStage('online');
    this.note('resumed session', this.session!.number, 'at', this.door);
    this.#acked(h);
    const { unacked } = this.sm!;
    for (const { text } of unacked) this.write(text);
    if (unacked.length > 0) this.write(say.request);
    this.resumed();
  }

  /** @param isBound a new session is there already */
  #resumeFailed(h: string | undefined, isBound = false): void {
    if (this.stage !== 'resuming') {
      this.#abandon('could not enable stream management');
      return;
    }
    this.history.resumeFailed++;
    if (h !== undefined) this.#acked(Number(h));
    this.note('could not resume session', this.session!.number);
    this.forgetSession();
    if (!isBound) this.#bind();
  }

  #acked(h: number): void {
    for (const message of this.sm?.ack(h) ?? []) {
      message.state = 'acknowledged';
      this.world.note(`  ${message.id} is acknowledged`);
    }
  }

  protected stanza(outgoing: Outgoing): void {
    const sm = this.sm!;
    sm.unacked.push(outgoing);
    this.write(outgoing.text);
    if (sm.unacked.length % 4 === 0) this.write(say.request);
  }

  protected write(text: string): void {
    this.world.trace?.push(`${(this.world.nowMs / 1000).toFixed(4).padStart(9)}   ${this.name} > ${text}`);
    this.socket?.send(text);
  }

  #abandon(why: string): void {
    this.socket?.cut(this.random.between(0, 50));
    this.lost(why);
  }

  protected lost(why: string): void {
    if (this.stage === 'off') return;
    this.note(why);
    this.socket = undefined;
    this.stage = 'off';
    this.attempt++;
    this.world.after(this.random.between(20, 2_500), () => this.connect());
  }

  protected forgetSession(): void {
    this.forgotten(this.sm?.unacknowledged ?? []);
    this.sm = undefined;
  }

  #setStage(stage: Stage): void {
    this.stage = stage;
    this.#heardMs = this.world.nowMs;
    const attempt = this.attempt;
    if (stage === 'online') return;
    this.world.after(stageMs, () => {
      if (attempt === this.attempt && this.stage === stage) this.#abandon(`gave up ${stage}`);
    });
  }

  /** Asks for acknowledgements, and notices a node that is gone. */
  #watch(): void {
    this.world.after(checkMs + this.random.between(0, 200), () => {
      this.#watch();
      if (this.stage !== 'online') return;
      if (this.world.nowMs - this.#heardMs > silenceMs) this.#abandon('hears nothing');
      else {
        this.write(say.request);
        this.looked();
      }
    });
  }

  protected note(...parts: readonly (string | number)[]): void {
    this.world.note(this.name, ...parts);
  }

  #stanzaCame(text: string): void {
    if (this.stage === 'binding' && tagOf(text) === 'iq') this.#bound(text);
    if (this.sm === undefined || this.stage !== 'online') return;
    this.sm.received++;
    this.counted(text);
  }
}
