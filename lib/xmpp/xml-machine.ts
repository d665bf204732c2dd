/**
 * Scans one XML element from bytes that come in pieces, and checks it against XML 1.0, Namespaces in XML 1.0, the restrictions of
 * RFC 6120 §11, and the given bounds. It builds no tree; its result is a set of offsets.
 *
 * It is a state machine over bytes, so that a piece may end anywhere, every byte is looked at once, and the verdict does not
 * depend on how the peer cut its writes. UTF-8 is checked when the element is complete.
 */
import { checkCharacters, checkReference, classes, NAME, NAME_START, SPACE, TEXT_STOP, VALUE_STOP } from './xml-characters.ts';
import { ATTRIBUTE_STRIDE, type ElementBounds, OpeningTag, type ScannedElement, type Scope } from './xml-element.ts';
import { intern, NameSpan, Namespaces, refuse, Tag } from './xml-namespaces.ts';

const TEXT = 0;
const LESS_THAN = 1;
const TAG_NAME = 2;
const TAG_GAP = 3;
const TAG_SPACE = 4;
const ATTRIBUTE_NAME = 5;
const EQUALS = 6;
const QUOTE = 7;
const VALUE = 8;
const SLASH = 9;
const CLOSE_NAME = 10;
const CLOSE_SPACE = 11;
const REFERENCE = 12;
const BANG = 13;
const CDATA = 14;

const cdataStart = Buffer.from('[CDATA[');
const none: readonly number[] = [];

interface OpenChild {
  name: string;
  ns: string;
  start: number;
  end: number;
}

export class XmlMachine {
  #bounds: ElementBounds;
  #scope: Scope;

  #state = LESS_THAN;
  #quote = 0;
  #matched = 0;
  /** The state to return to after a reference or CDATA section. */
  #resume = TEXT;
  #referenceStart = 0;
  #textStart = 0;
  #isWide = false;

  /** Number of open elements, and the index into the arrays below. */
  #depth = 0;
  readonly #nameStarts: number[] = [];
  readonly #nameEnds: number[] = [];
  readonly #scopeMarks: number[] = [];
  #elements = 0;

  readonly #name = new NameSpan();
  readonly #tag = new Tag();
  readonly #namespaces: Namespaces;

  readonly #root = new OpeningTag();
  #closeStart = 0;
  #children: OpenChild[] = [];

  constructor(bounds: ElementBounds, scope: Scope) {
    this.#bounds = bounds;
    this.#scope = scope;
    this.#namespaces = new Namespaces(scope);
  }

  set bounds(bounds: ElementBounds) {
    this.#bounds = bounds;
  }

  /** The scope of the next element. */
  set scope(scope: Scope) {
    this.#scope = scope;
  }

  /** Begins a new element. The byte at its offset 0 is `<` and has been seen. */
  start(): void {
    this.#state = LESS_THAN;
    this.#isWide = false;
    this.#depth = 0;
    this.#elements = 0;
    this.#closeStart = 0;
    this.#children = [];
    this.#namespaces.reset(this.#scope);
  }

  /**
   * @param base the offset of the element's `<`
   * @param from the first byte not seen yet
   * @param to the end of the available bytes
   * @param openOnly stop after the opening tag, for a stream header
   * @returns the end of the element, or -1 when more bytes are needed
   * @throws {StreamError}
   */
  scan(buffer: Buffer, base: number, from: number, to: number, openOnly = false): number {
    const limit = base + this.#bounds.stanzaBytesMax;
    const end = this.#run(buffer, base, from, Math.min(to, limit), openOnly);
    if (end < 0 && to >= limit) refuse('policy-violation', `an element may have ${this.#bounds.stanzaBytesMax} bytes`);
    if (end >= 0 && this.#isWide) checkCharacters(buffer.subarray(base, end));
    return end;
  }

  /** What was found. Call it after `scan` has returned an end. */
  finish(): ScannedElement {
    const { name, ns, nameEnd, openEnd, attributes, hasSpecials } = this.#root;
    return {
      name,
      ns,
      nameEnd,
      openEnd,
      closeStart: this.#closeStart,
      attributes,
      hasSpecials,
      isWide: this.#isWide,
      declarations: this.#namespaces.declarations,
      children: this.#children,
    };
  }

  /** Whether the opening tag was an empty-element tag, as `<a/>`; for stream headers. */
  get isEmptyTag(): boolean {
    return this.#depth === 0;
  }

  /** The machine. The states of a typical chat message are handled here, in local variables; rare states have methods. */
  #run(buffer: Buffer, base: number, from: number, to: number, openOnly: boolean): number {
    const tag = this.#tag;
    const name = this.#name;
    const { attributes } = tag;
    const { nameBytesMax } = this.#bounds;
    let at = from;
    let state = this.#state;
    while (at < to) {
      let byte = buffer[at]!;
      switch (state) {
        case TEXT: {
          while ((classes[byte]! & TEXT_STOP) === 0 && ++at < to) byte = buffer[at]!;
          if (at === to) break;
          at += 1;
          if (byte === 0x3c) state = LESS_THAN;
          else if (byte >= 0x80) this.#isWide = true;
          else if (byte === 0x26) {
            this.#startReference(at - base, TEXT);
            state = REFERENCE;
          } else if (byte !== 0x3e) refuse('not-well-formed', 'a control character');
          else if (this.#endsSection(buffer, base, at)) refuse('not-well-formed', '"]]>" in text');
          break;
        }
        case LESS_THAN: {
          if ((classes[byte]! & NAME_START) !== 0 || byte >= 0x80) {
            name.begin(at - base);
            tag.count = 0;
            tag.hasSpecials = false;
            state = TAG_NAME;
          } else {
            state = this.#markup(byte, at - base);
            at += 1;
          }
          break;
        }
        case TAG_NAME: {
          while ((classes[byte]! & NAME) !== 0 && ++at < to) byte = buffer[at]!;
          if (at === to) break;
          if (byte === 0x3a || byte >= 0x80) {
            if (byte !== 0x3a) this.#isWide = true;
            name.add(byte, at - base);
            at += 1;
            break;
          }
          name.check(buffer, base, at, nameBytesMax);
          tag.start = name.start;
          tag.colon = name.colon;
          tag.end = at - base;
          state = TAG_GAP;
          break;
        }
        case TAG_GAP:
        case TAG_SPACE: {
          if ((classes[byte]! & SPACE) !== 0) {
            state = TAG_SPACE;
            at += 1;
          } else if (byte === 0x3e) {
            at += 1;
            this.#open(buffer, base, at);
            if (openOnly) return at;
            this.#textStart = at - base;
            state = TEXT;
          } else if (byte === 0x2f) {
            state = SLASH;
            at += 1;
          } else {
            if (state === TAG_GAP) refuse('not-well-formed', 'there must be white space between attributes');
            name.begin(at - base);
            state = ATTRIBUTE_NAME;
          }
          break;
        }
        case ATTRIBUTE_NAME: {
          while ((classes[byte]! & NAME) !== 0 && ++at < to) byte = buffer[at]!;
          if (at === to) break;
          if (byte === 0x3a || byte >= 0x80) {
            if (byte !== 0x3a) this.#isWide = true;
            name.add(byte, at - base);
            at += 1;
            break;
          }
          name.check(buffer, base, at, nameBytesMax);
          const { count } = tag;
          if (count >= this.#bounds.attributesMax) refuse('policy-violation', 'too many attributes');
          attributes[count * ATTRIBUTE_STRIDE] = name.start;
          attributes[count * ATTRIBUTE_STRIDE + 1] = at - base;
          tag.colons[count] = name.colon;
          state = EQUALS;
          break;
        }
        case EQUALS: {
          if (byte === 0x3d) state = QUOTE;
          else if ((classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'an attribute has no value');
          at += 1;
          break;
        }
        case QUOTE: {
          at += 1;
          if (byte === 0x22 || byte === 0x27) {
            this.#quote = byte;
            attributes[tag.count * ATTRIBUTE_STRIDE + 2] = at - base;
            state = VALUE;
          } else if ((classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'an attribute value has no quotes');
          break;
        }
        case VALUE: {
          while ((classes[byte]! & VALUE_STOP) === 0 && ++at < to) byte = buffer[at]!;
          if (at === to) break;
          at += 1;
          if (byte === this.#quote) {
            attributes[tag.count * ATTRIBUTE_STRIDE + 3] = at - 1 - base;
            tag.count += 1;
            state = TAG_GAP;
          } else if (byte >= 0x80) this.#isWide = true;
          else if (byte !== 0x22 && byte !== 0x27) state = this.#inValue(byte, at - base);
          break;
        }
        case SLASH: {
          if (byte !== 0x3e) refuse('not-well-formed', '"/" inside a tag');
          at += 1;
          this.#open(buffer, base, at);
          this.#closeStart = at - base;
          this.#close(at - base);
          if (this.#depth === 0) return at;
          state = TEXT;
          break;
        }
        case CLOSE_NAME: {
          const opened = this.#nameStarts[this.#depth - 1]! + base;
          const length = this.#nameEnds[this.#depth - 1]! + base - opened;
          let matched = this.#matched;
          while (at < to && matched < length) {
            if (buffer[at] !== buffer[opened + matched]) refuse('not-well-formed', 'a closing tag that matches no opening one');
            matched += 1;
            at += 1;
          }
          this.#matched = matched;
          if (matched === length) state = CLOSE_SPACE;
          break;
        }
        case CLOSE_SPACE: {
          at += 1;
          if (byte === 0x3e) {
            this.#close(at - base);
            if (this.#depth === 0) return at;
            state = TEXT;
          } else if ((classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'a closing tag that matches no opening one');
          break;
        }
        case REFERENCE: {
          at = this.#reference(buffer, base, at, to);
          if (at < 0) {
            at = -at;
            state = this.#resume;
          }
          break;
        }
        case BANG: {
          if (byte !== cdataStart[this.#matched]) refuse('restricted-xml', 'comments and document types are not allowed');
          this.#matched += 1;
          at += 1;
          if (this.#matched === cdataStart.length) {
            this.#textStart = at - base;
            state = CDATA;
          }
          break;
        }
        default: {
          at += 1;
          if (byte >= 0x80) this.#isWide = true;
          else if (byte === 0x3e && this.#endsSection(buffer, base, at)) {
            this.#textStart = at - base;
            state = TEXT;
          } else if (byte < 0x20 && (classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'a control character');
          break;
        }
      }
    }
    this.#state = state;
    return -1;
  }

  /** Handles the byte after `<` where it does not begin a name. @returns the next state */
  #markup(byte: number, offset: number): number {
    if (byte === 0x2f) {
      if (this.#depth === 0) refuse('not-well-formed', 'a closing tag matches no opening one');
      this.#closeStart = offset - 1;
      this.#matched = 0;
      return CLOSE_NAME;
    }
    if (byte === 0x3f) refuse('restricted-xml', 'processing instructions are not allowed');
    if (byte !== 0x21) refuse('not-well-formed', 'not a name');
    if (this.#depth === 0) refuse('restricted-xml', 'comments, sections and document types are not allowed here');
    this.#matched = 0;
    return BANG;
  }

  /** Whether the `>` before `at` ends a `]]>`, in a run of text or a CDATA section. */
  #endsSection(buffer: Buffer, base: number, at: number): boolean {
    return at - 3 >= base + this.#textStart && buffer[at - 2] === 0x5d && buffer[at - 3] === 0x5d;
  }

  /** Handles a byte of an attribute's value that is neither plain nor the closing quote. @returns the next state */
  #inValue(byte: number, offset: number): number {
    this.#tag.hasSpecials = true;
    if (byte === 0x26) {
      this.#startReference(offset, VALUE);
      return REFERENCE;
    }
    if (byte === 0x3c) refuse('not-well-formed', 'an attribute value may not contain "<"');
    if ((classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'a control character');
    return VALUE;
  }

  #startReference(offset: number, resume: number): void {
    this.#referenceStart = offset;
    this.#resume = resume;
  }

  /** @returns the offset after what was read; negative when the reference has ended */
  #reference(buffer: Buffer, base: number, from: number, to: number): number {
    let at = from;
    while (at < to && ((classes[buffer[at]!]! & NAME) !== 0 || buffer[at] === 0x23)) at += 1;
    if (at - base - this.#referenceStart > this.#bounds.nameBytesMax) refuse('policy-violation', 'a reference is too long');
    if (at === to) return at;
    if (buffer[at] !== 0x3b) refuse('not-well-formed', '"&" without ";"');
    const verdict = checkReference(buffer, base + this.#referenceStart, at);
    if (verdict === 'restricted') refuse('restricted-xml', 'only the five predefined entities of XML are allowed');
    if (verdict === 'malformed') refuse('not-well-formed', 'a reference names no character that XML allows');
    this.#textStart = at + 1 - base;
    return -(at + 1);
  }

  #open(buffer: Buffer, base: number, at: number): void {
    const tag = this.#tag;
    const depth = this.#depth;
    this.#elements += 1;
    if (depth > this.#bounds.depthMax) refuse('policy-violation', `elements may be nested ${this.#bounds.depthMax} deep`);
    if (this.#elements > this.#bounds.elementsMax) refuse('policy-violation', 'too many elements');
    this.#scopeMarks[depth] = this.#namespaces.mark;
    this.#nameStarts[depth] = tag.start;
    this.#nameEnds[depth] = tag.end;
    this.#depth = depth + 1;
    const ns = this.#namespaces.enter(buffer, base, tag, depth, this.#bounds);
    if (depth > 1) return;
    const name = intern(buffer, base + (tag.colon < 0 ? tag.start : tag.colon + 1), base + tag.end);
    if (depth === 1) this.#children.push({ name, ns, start: tag.start - 1, end: 0 });
    else {
      const root = this.#root;
      root.name = name;
      root.ns = ns;
      root.nameEnd = tag.end;
      root.openEnd = at - base;
      root.attributes = tag.count === 0 ? none : tag.attributes.slice(0, tag.count * ATTRIBUTE_STRIDE);
      root.hasSpecials = tag.hasSpecials;
    }
  }

  #close(end: number): void {
    this.#depth -= 1;
    this.#namespaces.release(this.#scopeMarks[this.#depth]!);
    this.#textStart = end;
    if (this.#depth === 1) this.#children[this.#children.length - 1]!.end = end;
  }
}
