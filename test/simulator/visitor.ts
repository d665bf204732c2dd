/** A model client that comes for a moment: as a guest, or with a password. It resumes nothing. */
import { say } from './client-text.ts';
import type { Random } from './random.ts';
import { clientFinal, clientFirst } from './scram-client.ts';
import type { SimSocket, SocketReader } from './sim-socket.ts';
import { attribute, tagOf } from './stanza-text.ts';
import type { World } from './world.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
/** A visitor that hears nothing for so long in a step gives up. */
const stepMs = 20_000;

type Connection = Pick<SimSocket, 'send' | 'cut'>;

export interface VisitorDoor {
  connect(reader: SocketReader): Connection | undefined;
}

interface VisitorParts {
  readonly world: World;
  readonly random: Random;
  readonly doors: () => readonly VisitorDoor[];
  readonly domain: string;
  /** For the trace. */
  readonly name: string;
  /** Absent: a guest. */
  readonly local?: string;
}

export class Visitor {
  onOnline: () => void = () => {};
  onGone: () => void = () => {};
  /** Requests that were answered, in all sessions. */
  answers = 0;
  onFault: (fault: string) => void = () => {};
  readonly #parts: VisitorParts;
  #socket: Connection | undefined;
  #attempt = 0;
  #first = '';
  #isOnline = false;
  #messages = 0;
  /** Requests that were sent in this session, and the last one that was answered. */
  #pings = 0;
  #answered = 0;

  constructor(parts: VisitorParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.name;
  }

  get local(): string | undefined {
    return this.#parts.local;
  }

  come(): void {
    if (this.#socket !== undefined) return;
    const { world, random, doors, domain } = this.#parts;
    const attempt = ++this.#attempt;
    const isCurrent = () => attempt === this.#attempt;
    this.#socket = random.pick(doors()).connect({
      message: (text) => void (isCurrent() && this.#heard(text)),
      closed: () => void (isCurrent() && this.#gone('is disconnected')),
    });
    if (this.#socket === undefined) {
      world.after(0, () => void (isCurrent() && this.#gone('finds nobody')));
      return;
    }
    this.#write(say.open(`@${domain}`));
    const watch = () => {
      if (!isCurrent() || this.#isOnline) return;
      this.#socket?.cut(random.between(0, 50));
      this.#gone('gives up');
    };
    world.after(stepMs, watch);
  }

  /** In order, or without a word. */
  leave(): void {
    const { random } = this.#parts;
    if (this.#socket === undefined) return;
    if (random.chance(0.4)) this.#write(say.close);
    else this.#socket.cut(random.between(0, 8_000)); // at last TCP finds out
    this.#gone('leaves');
  }

  message(to: string): void {
    if (this.#isOnline) this.#write(say.message('chat', to, `${this.#parts.name}.visit${++this.#messages}`));
  }

  subscribe(to: string, token: string): void {
    if (!this.#isOnline) return;
    const preauth = `<preauth xmlns='urn:xmpp:pars:0' token='${token}'/>`;
    this.#write(`<presence xmlns='jabber:client' type='subscribe' to='${to}'>${preauth}</presence>`);
  }

  /** Asks the server for something. What is answered comes in order, and without a gap. */
  ping(): void {
    if (this.#isOnline)
      this.#write(`<iq xmlns='jabber:client' type='get' id='ping${++this.#pings}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  }

  #ponged(number: number): void {
    const expected = this.#answered + 1;
    if (number !== expected) this.onFault(`${this.name} heard the answer ${number} in place of ${expected}`);
    this.#answered = number;
    this.answers++;
  }

  #heard(text: string): void {
    const { world, name } = this.#parts;
    world.trace?.push(`${(world.nowMs / 1000).toFixed(4).padStart(9)}   ${name} < ${text}`);
    const tag = tagOf(text);
    if (tag === 'stream:features') this.#features(text);
    else if (tag === 'challenge') this.#write(say.response(clientFinal(this.#first, text), false));
    else if (tag === 'success') this.#write(say.open(`@${this.#parts.domain}`));
    else if (tag === 'iq' && attribute(text, 'id')?.startsWith('ping')) this.#ponged(Number(attribute(text, 'id')!.slice(4)));
    else if (tag === 'iq' && attribute(text, 'id') === 'bind') this.#bound(text);
    else if (tag === 'failure' || tag === 'close' || tag === 'stream:error') {
      this.#socket?.cut(0);
      this.#gone(`is told ${text.slice(0, 120)}`);
    }
  }

  #features(text: string): void {
    const { local, random } = this.#parts;
    if (!text.includes('<mechanism')) this.#write(say.bind(local === undefined ? 'visit' : `visit${this.#attempt}`));
    else if (local === undefined) this.#write(`<auth xmlns='${NS_SASL}' mechanism='ANONYMOUS'>=</auth>`);
    else {
      this.#first = clientFirst(local, random.bytes(9).toString('base64'));
      this.#write(say.auth(this.#first));
    }
  }

  #bound(text: string): void {
    if (attribute(text, 'type') !== 'result') {
      this.#socket?.cut(0);
      this.#gone('could not bind');
      return;
    }
    this.#isOnline = true;
    this.#pings = 0;
    this.#answered = 0;
    this.#parts.world.note(this.#parts.name, 'is online');
    this.#write(say.presence('here', 0));
    this.onOnline();
  }

  #write(text: string): void {
    const { world, name } = this.#parts;
    world.trace?.push(`${(world.nowMs / 1000).toFixed(4).padStart(9)}   ${name} > ${text}`);
    this.#socket?.send(text);
  }

  #gone(why: string): void {
    this.#parts.world.note(this.#parts.name, why);
    this.#attempt++;
    this.#socket = undefined;
    this.#isOnline = false;
    this.onGone();
  }
}
