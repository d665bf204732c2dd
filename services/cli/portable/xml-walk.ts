/**
 * Walks through an XML document of any size: large elements are entered, small ones are read as a whole. The scanner of streams checks every
 * byte, so there are no document types, no entities, and no comments. What was read is forgotten; the cost is linear.
 */
import { type Element, parseElement } from '../../../lib/xmpp/element.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { borrowMachine, returnMachine } from '../../../lib/xmpp/spare-machines.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { classes, SPACE } from '../../../lib/xmpp/xml-characters.ts';
import { declarationLength } from '../../../lib/xmpp/xml-declaration.ts';
import type { ElementBounds, Scope } from '../../../lib/xmpp/xml-element.ts';
import { Refusal } from '../core/report.ts';
import { portableLimits } from './limits.ts';

/** The opening tag of an element that was not read yet. */
export interface Tag {
  readonly name: string;
  readonly ns: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Where it begins, for people: `file.xml, line 3 (byte 120)`. */
  readonly place: string;
}

interface Level {
  /** As written, with its prefix. */
  readonly name: string;
  readonly scope: Scope;
  readonly isEmpty: boolean;
}

const bounds: ElementBounds = { ...portableLimits, stanzaBytesMax: portableLimits.elementBytesMax };
const outside: Scope = { defaultNs: '', contentNs: '', prefixes: new Map() };
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

export class XmlWalk {
  readonly #source: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);
  /** The first byte that was not consumed, and its place in the document. */
  #at = 0;
  #offset = 0;
  #line = 1;
  /** Where the first line ends that was not consumed, in the buffer; -1: unknown, infinite: not in the buffer. */
  #lineEnd = -1;
  #isOver = false;
  readonly #levels: Level[] = [];
  /** The tag that was looked at last: it begins at `#at`, and is entered or read next. */
  #ahead: { readonly level: Level; readonly bytes: number } | undefined;

  /** @param source what people call the document */
  constructor(source: string, chunks: AsyncIterable<Uint8Array>) {
    this.#source = source;
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The opening tag of the document's only element. @throws {Refusal} */
  async root(): Promise<Tag> {
    await this.#need(byteOrderMark.length);
    if (this.#buffer.subarray(0, byteOrderMark.length).equals(byteOrderMark)) this.#consume(byteOrderMark.length);
    let length = this.#declarationLength();
    while (length < 0 && (await this.#more())) length = this.#declarationLength();
    this.#consume(Math.max(0, length));
    await this.#skipSpace();
    if (this.#at === this.#buffer.length) throw this.refusal('there is nothing in it');
    return this.#look();
  }

  /** The next element within the one that was entered last; undefined when that has ended. @throws {Refusal} */
  async next(): Promise<Tag | undefined> {
    const level = this.#levels.at(-1)!;
    if (level.isEmpty) {
      this.#levels.pop();
      return undefined;
    }
    await this.#skipSpace();
    await this.#need(2);
    if (this.#at === this.#buffer.length) throw this.refusal(`the file ends within <${level.name}>`);
    if (this.#buffer[this.#at + 1] !== 0x2f) return this.#look();
    await this.#close(level);
    return undefined;
  }

  /** Enters the element whose tag was seen last. */
  enter(): void {
    const { level, bytes } = this.#take();
    this.#consume(bytes);
    this.#levels.push(level);
  }

  /** Reads the whole element whose tag was seen last. @throws {Refusal} */
  async whole(): Promise<Element> {
    const bytes = await this.#scanWhole();
    const { defaultNs, prefixes } = this.#scope;
    return parseElement(bytes, new Map([...prefixes, ['', defaultNs]]));
  }

  /** Passes over the element whose tag was seen last. @throws {Refusal} */
  async skip(): Promise<void> {
    await this.#scanWhole();
  }

  /** Call it when the root has ended. @throws {Refusal} when something follows */
  async finish(): Promise<void> {
    await this.#skipSpace();
    if (this.#at < this.#buffer.length) throw this.refusal('there is something behind the end of the document');
  }

  refusal(why: string): Refusal {
    return new Refusal(`${this.place}: ${why}`);
  }

  get place(): string {
    return `${this.#source}, line ${this.#line} (byte ${this.#offset + this.#at})`;
  }

  get #scope(): Scope {
    return this.#levels.at(-1)?.scope ?? outside;
  }

  #take() {
    const ahead = this.#ahead;
    if (ahead === undefined) throw new Error('no tag was looked at');
    this.#ahead = undefined;
    return ahead;
  }

  async #look(): Promise<Tag> {
    if (this.#buffer[this.#at] !== 0x3c) throw this.refusal('there is text between elements');
    const scope = this.#scope;
    const { place } = this;
    const { length, scanned, isEmpty } = await this.#scan(scope, true);
    const bytes = this.#buffer.subarray(this.#at, this.#at + length);
    const opening = new Stanza(bytes, scanned, scope);
    const declared = opening.namespaces;
    const level: Level = {
      name: bytes.toString('utf8', 1, scanned.nameEnd),
      isEmpty,
      scope: {
        ...scope,
        defaultNs: declared.get('') ?? scope.defaultNs,
        prefixes: new Map([...scope.prefixes, ...[...declared].filter(([prefix]) => prefix !== '')]),
      },
    };
    this.#ahead = { level, bytes: length };
    return { name: scanned.name, ns: scanned.ns, attributes: { ...opening.attributes }, place };
  }

  async #scanWhole(): Promise<Buffer> {
    this.#take();
    const { length } = await this.#scan(this.#scope, false);
    const bytes = Buffer.from(this.#buffer.subarray(this.#at, this.#at + length));
    this.#consume(length);
    return bytes;
  }

  /** Scans the element that begins here, or its opening tag alone. */
  async #scan(scope: Scope, isOpenOnly: boolean) {
    const machine = borrowMachine(bounds, scope);
    try {
      for (let seen = 1; ; ) {
        const to = this.#buffer.length;
        const end = machine.scan(this.#buffer, this.#at, this.#at + seen, to, isOpenOnly);
        if (end >= 0) {
          const { isEmptyTag } = machine;
          const scanned = machine.finish();
          returnMachine(machine);
          return { length: end - this.#at, scanned, isEmpty: isEmptyTag };
        }
        seen = to - this.#at;
        if (!(await this.#more())) throw this.refusal('the file ends within an element that begins here');
      }
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #fail(error: unknown): unknown {
    return error instanceof StreamError ? this.refusal(`${error.condition}: ${error.text ?? 'this is not XML'}`) : error;
  }

  async #close(level: Level): Promise<void> {
    const tag = `</${level.name}`;
    const length = Buffer.byteLength(tag);
    let end = length;
    do {
      while ((classes[this.#buffer[this.#at + end]!]! & SPACE) !== 0) end += 1;
    } while (this.#at + end >= this.#buffer.length && end < length + portableLimits.nameBytesMax && (await this.#more()));
    const isSame = this.#buffer.toString('utf8', this.#at, this.#at + length) === tag && this.#buffer[this.#at + end] === 0x3e;
    if (!isSame) throw this.refusal(`a closing tag matches no opening one: <${level.name}> is open`);
    this.#consume(end + 1);
    this.#levels.pop();
  }

  async #skipSpace(): Promise<void> {
    do {
      let at = this.#at;
      while (at < this.#buffer.length && (classes[this.#buffer[at]!]! & SPACE) !== 0) at += 1;
      this.#consume(at - this.#at);
    } while (this.#at === this.#buffer.length && (await this.#more()));
  }

  async #need(bytes: number): Promise<void> {
    while (this.#buffer.length - this.#at < bytes && (await this.#more())) {
      // until there are enough, or the end has come
    }
  }

  #declarationLength(): number {
    try {
      return declarationLength(this.#buffer, this.#at, this.#buffer.length);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #consume(bytes: number): void {
    if (bytes === 0) return;
    this.#at += bytes;
    while (this.#lineEnd < this.#at) {
      if (this.#lineEnd >= 0) this.#line += 1;
      const next = this.#buffer.indexOf(0x0a, this.#lineEnd < 0 ? this.#at - bytes : this.#lineEnd + 1);
      this.#lineEnd = next < 0 ? Number.POSITIVE_INFINITY : next;
    }
  }

  /** Adds a chunk behind what was not consumed, which is less than an element. @returns false at the end */
  async #more(): Promise<boolean> {
    if (this.#isOver) return false;
    const { value, done } = await this.#chunks.next();
    if (done === true) {
      this.#isOver = true;
      return false;
    }
    this.#buffer = Buffer.concat([this.#buffer.subarray(this.#at), value]);
    this.#offset += this.#at;
    this.#at = 0;
    this.#lineEnd = -1;
    return true;
  }
}
