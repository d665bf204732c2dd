/**
 * A client's side of BOSH (XEP-0124), which reads and writes like a WebSocket: each request goes to any of the nodes, two are under way at most, and
 * a request whose answer is lost is sent again. What is heard is in the order of the requests.
 */
import type { Random } from './random.ts';
import type { HttpCall, HttpDoor } from './sim-http.ts';
import type { SocketReader } from './sim-socket.ts';
import { attribute } from './stanza-text.ts';
import type { World } from './world.ts';

const NS = `xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'`;
const waitSeconds = 5;
/** A client waits so long for an answer, and tries so often. */
const answerMs = 9_000;
const triesMax = 6;

interface Asked {
  readonly body: string;
  tries: number;
  call: HttpCall | undefined;
}

export interface SimBoshParts {
  readonly world: World;
  readonly random: Random;
  readonly doors: () => readonly HttpDoor[];
}

export class SimBosh {
  readonly #parts: SimBoshParts;
  readonly #reader: SocketReader;
  readonly #underWay = new Map<number, Asked>();
  readonly #answers = new Map<number, string>();
  #waiting: string[] = [];
  #sid = '';
  #rid: number;
  /** The request whose answer is read next. */
  #next: number;
  #to = '';
  #isOver = false;

  constructor(parts: SimBoshParts, reader: SocketReader) {
    this.#parts = parts;
    this.#reader = reader;
    this.#rid = parts.random.below(1_000_000_000);
    this.#next = this.#rid + 1;
  }

  /** An element, as a WebSocket has it. */
  send(text: string): void {
    if (this.#isOver) return;
    this.#waiting.push(text);
    this.#pump();
  }

  cut(noticedMs: number | undefined): void {
    this.#isOver = true;
    for (const { call } of this.#underWay.values()) call?.cut(noticedMs ?? answerMs);
  }

  #pump(): void {
    while (!this.#isOver && (this.#underWay.size === 0 || (this.#underWay.size < 2 && this.#waiting.length > 0))) {
      if (this.#sid === '' && (this.#underWay.size > 0 || this.#waiting.length === 0)) return;
      this.#ask();
    }
  }

  #ask(): void {
    const rid = ++this.#rid;
    const isOpening = this.#waiting[0]?.startsWith('<open ') === true;
    const count = isOpening ? 1 : this.#waiting.findIndex((text) => text.startsWith('<open '));
    const texts = this.#waiting.splice(0, count < 0 ? this.#waiting.length : count);
    const asked: Asked = { body: this.#bodyOf(rid, texts), tries: 0, call: undefined };
    this.#underWay.set(rid, asked);
    this.#try(rid, asked);
  }

  #bodyOf(rid: number, texts: readonly string[]): string {
    const [first = ''] = texts;
    if (first.startsWith('<open ')) {
      this.#to = attribute(first, 'to') ?? '';
      if (this.#sid === '')
        return `<body ${NS} rid='${rid}' to='${this.#to}' ver='1.11' wait='${waitSeconds}' hold='1' xmpp:version='1.0'/>`;
      return `<body ${NS} rid='${rid}' sid='${this.#sid}' to='${this.#to}' xmpp:restart='true'/>`;
    }
    const isLast = texts.at(-1)?.startsWith('<close') === true;
    const payload = texts.filter((text) => !text.startsWith('<close')).join('');
    return `<body ${NS} rid='${rid}' sid='${this.#sid}'${isLast ? ` type='terminate'` : ''}>${payload}</body>`;
  }

  #try(rid: number, asked: Asked): void {
    const { world, random, doors } = this.#parts;
    if (this.#isOver) return;
    if (++asked.tries > triesMax) {
      this.#close();
      return;
    }
    const number = asked.tries;
    const again = () => {
      if (this.#isOver || number !== asked.tries || this.#underWay.get(rid) !== asked) return;
      asked.call?.cut(random.between(0, 2_000));
      world.after(random.between(20, 400), () => number === asked.tries && this.#try(rid, asked));
    };
    asked.call = random.pick(doors()).post(asked.body, {
      answered: (status, body) => void (number === asked.tries && this.#answered(rid, status, body)),
      closed: again,
    });
    if (asked.call === undefined) world.after(0, again);
    else if (random.chance(0.05)) world.after(random.between(1, 60), again);
    world.after(answerMs, again);
  }

  #answered(rid: number, status: number, body: string): void {
    if (this.#isOver || !this.#underWay.delete(rid)) return;
    this.#answers.set(rid, status === 200 ? body : `<body type='terminate'/>`);
    for (let next = this.#answers.get(this.#next); next !== undefined; next = this.#answers.get(this.#next)) {
      this.#answers.delete(this.#next++);
      this.#sid ||= attribute(next, 'sid') ?? '';
      for (const child of childrenOf(next)) if (!this.#isOver) this.#reader.message(child);
      if (attribute(next, 'type') === 'terminate') this.#close();
      if (this.#isOver) return;
    }
    this.#pump();
  }

  #close(): void {
    if (this.#isOver) return;
    this.cut(0);
    this.#reader.closed();
  }
}

/** The text of each child element. */
function childrenOf(body: string): readonly string[] {
  const children: string[] = [];
  let depth = 0;
  let from = 0;
  for (const { 0: tag, 1: slash, 2: empty, index } of body.matchAll(/<(\/?)[a-zA-Z](?:[^>'"]|'[^']*'|"[^"]*")*?(\/?)>/g)) {
    if (slash === '/') depth--;
    else if (depth === 1) from = index;
    const isWhole = depth === 1 && (slash === '/' || empty === '/');
    if (isWhole) children.push(body.slice(from, index + tag.length));
    if (slash !== '/' && empty !== '/') depth++;
  }
  return children;
}
