/**
 * Scans one XML element out of bytes that come in pieces, and checks it: XML 1.0, Namespaces in XML 1.0, the restrictions of
 * RFC 6120 §11, and the bounds it is given. It builds no tree: what it leaves are offsets.
 *
 * A state machine over bytes, so that a piece may end anywhere, every byte is looked at once, and the verdict does not depend
 * on how the peer cut its writes. UTF-8 is checked when the element is complete.
 */
import { StreamError, type StreamErrorCondition } from './errors.ts';
import {
  classes,
  decodeAttribute,
  isNcName,
  isXmlUtf8,
  NAME,
  NAME_START,
  readReference,
  SPACE,
  TEXT_STOP,
  VALUE_STOP,
} from './xml-characters.ts';

export interface ElementBounds {
  /** The element from `<` to its last `>`, bytes. */
  readonly stanzaBytesMax: number;
  /** Nesting below the element. */
  readonly depthMax: number;
  /** Attributes on one element, namespace declarations included. */
  readonly attributesMax: number;
  /** Elements within the element, itself included. */
  readonly elementsMax: number;
  /** Prefix and local part of a name each, and a reference, bytes. */
  readonly nameBytesMax: number;
}

/** Where one first-level child stands in the element's bytes. */
export interface ChildSpan {
  /** Local name. */
  readonly name: string;
  /** Resolved; '' for none. */
  readonly ns: string;
  readonly start: number;
  readonly end: number;
}

/** What an element inherits: the default namespace, and prefixes which only an element that has one itself may use. */
export interface Scope {
  readonly defaultNs: string;
  /** Reported as `jabber:client` where the element or its children declare it: `jabber:server`, `jabber:component:accept`. */
  readonly contentNs: string;
  readonly prefixes: ReadonlyMap<string, string>;
}

/** Numbers per attribute in {@link ScannedElement.attributes}: start and end of the name, start and end of the value. */
export const ATTRIBUTE_STRIDE = 4;

/** The findings; offsets count from the element's `<`. */
export interface ScannedElement {
  readonly name: string;
  readonly ns: string;
  /** After the name as written, with its prefix. */
  readonly nameEnd: number;
  /** After the opening tag's `>`. */
  readonly openEnd: number;
  /** At the `</` of the closing tag; the same as `openEnd` for an empty-element tag. */
  readonly closeStart: number;
  readonly attributes: readonly number[];
  /** Whether one of them has a reference, or white space to normalize. */
  readonly hasSpecials: boolean;
  /** Whether any byte is over 0x7F. */
  readonly isWide: boolean;
  /** Declared on the opening tag, in its order: prefix ('' for the default one) and namespace. */
  readonly declarations: readonly (readonly [prefix: string, ns: string])[];
  readonly children: readonly ChildSpan[];
}

const NS_XML = 'http://www.w3.org/XML/1998/namespace';
const NS_XMLNS = 'http://www.w3.org/2000/xmlns/';

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

function refuse(condition: StreamErrorCondition, text: string): never {
  throw new StreamError(condition, text);
}

/**
 * Names and namespaces recur, and making a string of bytes costs more than comparing: one slot per hash, overwritten freely, so
 * that nobody can fill it.
 */
const interned: string[] = new Array<string>(1024).fill('');

export function intern(buffer: Buffer, start: number, end: number): string {
  const length = end - start;
  if (length === 0) return '';
  const quarter = length >> 2;
  const hash =
    length * 31 +
    buffer[start]! * 7 +
    buffer[end - 1]! * 131 +
    buffer[start + (length >> 1)]! * 1031 +
    buffer[end - 1 - quarter]! * 523;
  const slot = hash & 1023;
  const known = interned[slot]!;
  if (known.length === length) {
    let index = 0;
    while (index < length && known.charCodeAt(index) === buffer[start + index]) index += 1;
    if (index === length) return known;
  }
  const text = buffer.toString('utf8', start, end);
  if (length <= 64 && text.length === length) interned[slot] = text;
  return text;
}

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
  /** Where a name, value, reference or closing tag began, from the element's `<`. */
  #mark = 0;
  #colon = -1;
  #isNameWide = false;
  #quote = 0;
  #matched = 0;
  /** The state that a reference or CDATA section stands in. */
  #resume = TEXT;
  #referenceStart = 0;
  #textStart = 0;
  #isWide = false;

  /** Elements open now; the arrays below are indexed by it. */
  #depth = 0;
  readonly #nameStarts: number[] = [];
  readonly #nameEnds: number[] = [];
  readonly #scopeMarks: number[] = [];
  #elements = 0;

  #tagStart = 0;
  #tagColon = -1;
  #tagEnd = 0;
  /** Attributes of the tag under way, {@link ATTRIBUTE_STRIDE} numbers each. */
  readonly #attributes: number[] = [];
  /** The colon of each, or -1. */
  readonly #colons: number[] = [];
  #count = 0;
  /** Whether a value of the tag has a reference, or white space to normalize. */
  #hasSpecials = false;

  readonly #prefixes: string[] = [];
  readonly #namespaces: string[] = [];
  #declared = 0;
  #mayUseScope = false;

  #name = '';
  #ns = '';
  #nameEnd = 0;
  #openEnd = 0;
  #closeStart = 0;
  #rootAttributes: readonly number[] = none;
  #rootHasSpecials = false;
  #declarations: (readonly [string, string])[] = [];
  #children: OpenChild[] = [];

  constructor(bounds: ElementBounds, scope: Scope) {
    this.#bounds = bounds;
    this.#scope = scope;
  }

  set bounds(bounds: ElementBounds) {
    this.#bounds = bounds;
  }

  /** For the next element. */
  set scope(scope: Scope) {
    this.#scope = scope;
  }

  /** Begins a new element; the byte at its offset 0 is `<` and has been seen. */
  start(): void {
    this.#state = LESS_THAN;
    this.#isWide = false;
    this.#depth = 0;
    this.#elements = 0;
    this.#declared = 0;
    this.#mayUseScope = false;
    this.#closeStart = 0;
    this.#declarations = [];
    this.#children = [];
  }

  /**
   * @param base where the element's `<` stands
   * @param from the first byte not seen yet
   * @param to the end of what is there
   * @param openOnly stops behind the opening tag, for a stream header
   * @returns the end of the element, or -1: more is needed
   * @throws {StreamError}
   */
  scan(buffer: Buffer, base: number, from: number, to: number, openOnly = false): number {
    const limit = base + this.#bounds.stanzaBytesMax;
    const end = this.#run(buffer, base, from, Math.min(to, limit), openOnly);
    if (end < 0 && to >= limit) refuse('policy-violation', `an element may have ${this.#bounds.stanzaBytesMax} bytes`);
    if (end >= 0 && this.#isWide && !isXmlUtf8(buffer.subarray(base, end))) refuse('unsupported-encoding', 'not UTF-8');
    return end;
  }

  /** What was found, when `scan` has returned an end. */
  finish(): ScannedElement {
    return {
      name: this.#name,
      ns: this.#ns,
      nameEnd: this.#nameEnd,
      openEnd: this.#openEnd,
      closeStart: this.#closeStart,
      attributes: this.#rootAttributes,
      hasSpecials: this.#rootHasSpecials,
      isWide: this.#isWide,
      declarations: this.#declarations,
      children: this.#children,
    };
  }

  /** Whether the opening tag came with nothing inside, as `<a/>`; for stream headers. */
  get isEmptyTag(): boolean {
    return this.#depth === 0;
  }

  /** The machine. States that a chat message is made of are handled here, in locals; the rare ones in methods. */
  #run(buffer: Buffer, base: number, from: number, to: number, openOnly: boolean): number {
    const attributes = this.#attributes;
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
            this.#startName(at - base);
            this.#count = 0;
            this.#hasSpecials = false;
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
            this.#oddInName(byte, at - base);
            at += 1;
            break;
          }
          this.#endName(buffer, base, at);
          this.#tagStart = this.#mark;
          this.#tagColon = this.#colon;
          this.#tagEnd = at - base;
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
            if (state === TAG_GAP) refuse('not-well-formed', 'white space must stand between attributes');
            this.#startName(at - base);
            state = ATTRIBUTE_NAME;
          }
          break;
        }
        case ATTRIBUTE_NAME: {
          while ((classes[byte]! & NAME) !== 0 && ++at < to) byte = buffer[at]!;
          if (at === to) break;
          if (byte === 0x3a || byte >= 0x80) {
            this.#oddInName(byte, at - base);
            at += 1;
            break;
          }
          this.#endName(buffer, base, at);
          const count = this.#count;
          if (count >= this.#bounds.attributesMax) refuse('policy-violation', 'too many attributes');
          attributes[count * ATTRIBUTE_STRIDE] = this.#mark;
          attributes[count * ATTRIBUTE_STRIDE + 1] = at - base;
          this.#colons[count] = this.#colon;
          state = EQUALS;
          break;
        }
        case EQUALS: {
          if (byte === 0x3d) state = QUOTE;
          else if ((classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'an attribute without a value');
          at += 1;
          break;
        }
        case QUOTE: {
          at += 1;
          if (byte === 0x22 || byte === 0x27) {
            this.#quote = byte;
            attributes[this.#count * ATTRIBUTE_STRIDE + 2] = at - base;
            state = VALUE;
          } else if ((classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'an attribute value without quotes');
          break;
        }
        case VALUE: {
          while ((classes[byte]! & VALUE_STOP) === 0 && ++at < to) byte = buffer[at]!;
          if (at === to) break;
          at += 1;
          if (byte === this.#quote) {
            attributes[this.#count * ATTRIBUTE_STRIDE + 3] = at - 1 - base;
            this.#count += 1;
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
          const name = this.#nameStarts[this.#depth - 1]! + base;
          const length = this.#nameEnds[this.#depth - 1]! + base - name;
          let matched = this.#matched;
          while (at < to && matched < length) {
            if (buffer[at] !== buffer[name + matched]) refuse('not-well-formed', 'a closing tag that matches no opening one');
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
          if (byte !== cdataStart[this.#matched]) refuse('restricted-xml', 'no comments, no document types');
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

  /** Behind `<`, where no name stands. @returns the next state */
  #markup(byte: number, offset: number): number {
    if (byte === 0x2f) {
      if (this.#depth === 0) refuse('not-well-formed', 'a closing tag without an opening one');
      this.#closeStart = offset - 1;
      this.#matched = 0;
      return CLOSE_NAME;
    }
    if (byte === 0x3f) refuse('restricted-xml', 'no processing instructions');
    if (byte !== 0x21) refuse('not-well-formed', 'not a name');
    if (this.#depth === 0) refuse('restricted-xml', 'no comments, sections or document types here');
    this.#matched = 0;
    return BANG;
  }

  /** Whether the `>` before `at` is that of `]]>`, in a run of text or a CDATA section. */
  #endsSection(buffer: Buffer, base: number, at: number): boolean {
    return at - 3 >= base + this.#textStart && buffer[at - 2] === 0x5d && buffer[at - 3] === 0x5d;
  }

  /** A byte of an attribute's value that is neither plain, nor its quote. @returns the next state */
  #inValue(byte: number, offset: number): number {
    this.#hasSpecials = true;
    if (byte === 0x26) {
      this.#startReference(offset, VALUE);
      return REFERENCE;
    }
    if (byte === 0x3c) refuse('not-well-formed', '"<" in an attribute value');
    if ((classes[byte]! & SPACE) === 0) refuse('not-well-formed', 'a control character');
    return VALUE;
  }

  #startReference(offset: number, resume: number): void {
    this.#referenceStart = offset;
    this.#resume = resume;
  }

  /** @returns the place behind what was read; negative when the reference has ended */
  #reference(buffer: Buffer, base: number, from: number, to: number): number {
    let at = from;
    while (at < to && ((classes[buffer[at]!]! & NAME) !== 0 || buffer[at] === 0x23)) at += 1;
    if (at - base - this.#referenceStart > this.#bounds.nameBytesMax) refuse('policy-violation', 'a reference that is too long');
    if (at === to) return at;
    if (buffer[at] !== 0x3b) refuse('not-well-formed', '"&" without ";"');
    const verdict = readReference(buffer.toString('latin1', base + this.#referenceStart, at));
    if (verdict === 'restricted') refuse('restricted-xml', 'an entity beyond the five of XML');
    if (verdict === 'malformed') refuse('not-well-formed', 'a reference to what is no character');
    this.#textStart = at + 1 - base;
    return -(at + 1);
  }

  #startName(offset: number): void {
    this.#mark = offset;
    this.#colon = -1;
    this.#isNameWide = false;
  }

  /** A colon, or a byte over 0x7F, in a name. */
  #oddInName(byte: number, offset: number): void {
    if (byte === 0x3a) {
      if (this.#colon >= 0) refuse('not-well-formed', 'a name with two colons');
      this.#colon = offset;
    } else {
      this.#isNameWide = true;
      this.#isWide = true;
    }
  }

  #endName(buffer: Buffer, base: number, end: number): void {
    const start = this.#mark + base;
    const local = this.#colon < 0 ? start : this.#colon + 1 + base;
    const max = this.#bounds.nameBytesMax;
    if (end - local > max || local - 1 - start > max) refuse('policy-violation', `a name may have ${max} bytes`);
    if (this.#isNameWide) {
      const name = buffer.subarray(start, end);
      if (!isXmlUtf8(name)) refuse('unsupported-encoding', 'not UTF-8');
      for (const part of name.toString().split(':')) if (!isNcName(part)) refuse('not-well-formed', 'not a name');
    } else if (
      start === end ||
      local === end ||
      (classes[buffer[start]!]! & NAME_START) === 0 ||
      (classes[buffer[local]!]! & NAME_START) === 0
    ) {
      refuse('not-well-formed', 'not a name');
    }
  }

  #open(buffer: Buffer, base: number, at: number): void {
    const depth = this.#depth;
    this.#elements += 1;
    if (depth > this.#bounds.depthMax) refuse('policy-violation', `elements may be nested ${this.#bounds.depthMax} deep`);
    if (this.#elements > this.#bounds.elementsMax) refuse('policy-violation', 'too many elements');
    this.#scopeMarks[depth] = this.#declared;
    this.#nameStarts[depth] = this.#tagStart;
    this.#nameEnds[depth] = this.#tagEnd;
    this.#depth = depth + 1;
    if (this.#count > 0) this.#declareNamespaces(buffer, base, depth);
    if (depth === 0) this.#mayUseScope = this.#tagColon >= 0;
    if (this.#count > 1) this.#refuseDoubles(buffer, base);
    for (let index = 0; index < this.#count; index += 1) {
      if (this.#colons[index]! >= 0) this.#attributeNs(buffer, base, index);
    }
    if (depth > 1 && this.#tagColon < 0) return;
    const ns = this.#tagNs(buffer, base);
    if (depth > 1) return;
    const name = intern(buffer, base + (this.#tagColon < 0 ? this.#tagStart : this.#tagColon + 1), base + this.#tagEnd);
    if (depth === 1) {
      this.#children.push({ name, ns, start: this.#tagStart - 1, end: 0 });
      return;
    }
    this.#name = name;
    this.#ns = ns;
    this.#nameEnd = this.#tagEnd;
    this.#openEnd = at - base;
    this.#rootHasSpecials = this.#hasSpecials;
    this.#rootAttributes = this.#count === 0 ? none : this.#attributes.slice(0, this.#count * ATTRIBUTE_STRIDE);
  }

  #close(end: number): void {
    this.#depth -= 1;
    this.#declared = this.#scopeMarks[this.#depth]!;
    this.#textStart = end;
    if (this.#depth === 1) this.#children[this.#children.length - 1]!.end = end;
  }

  #tagNs(buffer: Buffer, base: number): string {
    if (this.#tagColon < 0) return this.#lookUp('') ?? this.#scope.defaultNs;
    return this.#resolve(intern(buffer, base + this.#tagStart, base + this.#tagColon));
  }

  /** The innermost declaration within the element. */
  #lookUp(prefix: string): string | undefined {
    for (let index = this.#declared - 1; index >= 0; index -= 1) {
      if (this.#prefixes[index] === prefix) return this.#namespaces[index];
    }
    return undefined;
  }

  /** Of a prefix that is not ''. */
  #resolve(prefix: string): string {
    const ns =
      this.#lookUp(prefix) ?? (prefix === 'xml' ? NS_XML : this.#mayUseScope ? this.#scope.prefixes.get(prefix) : undefined);
    if (ns === undefined)
      refuse('bad-namespace-prefix', `the prefix ${JSON.stringify(prefix)} is not declared within the stanza`);
    return ns;
  }

  #attributeNs(buffer: Buffer, base: number, index: number): string {
    const prefix = intern(buffer, base + this.#attributes[index * ATTRIBUTE_STRIDE]!, base + this.#colons[index]!);
    return prefix === 'xmlns' ? NS_XMLNS : this.#resolve(prefix);
  }

  #declareNamespaces(buffer: Buffer, base: number, depth: number): void {
    const attributes = this.#attributes;
    for (let index = 0; index < this.#count; index += 1) {
      const nameAt = base + attributes[index * ATTRIBUTE_STRIDE]!;
      const nameEnd = base + attributes[index * ATTRIBUTE_STRIDE + 1]!;
      if (buffer[nameAt] !== 0x78 || buffer[nameAt + 1] !== 0x6d || nameEnd - nameAt < 5) continue;
      const colon = this.#colons[index]!;
      if (intern(buffer, nameAt, colon < 0 ? nameEnd : base + colon) !== 'xmlns') continue;
      const prefix = colon < 0 ? '' : intern(buffer, base + colon + 1, nameEnd);
      const valueAt = base + attributes[index * ATTRIBUTE_STRIDE + 2]!;
      let ns = intern(buffer, valueAt, base + attributes[index * ATTRIBUTE_STRIDE + 3]!);
      if (this.#hasSpecials) ns = decodeAttribute(ns);
      checkDeclaration(prefix, ns);
      if (depth <= 1 && ns === this.#scope.contentNs && ns !== '') ns = 'jabber:client';
      if (depth === 0) this.#declarations.push([prefix, ns]);
      this.#prefixes[this.#declared] = prefix;
      this.#namespaces[this.#declared] = ns;
      this.#declared += 1;
    }
  }

  /** XML 1.0 §3.1 and Namespaces in XML 1.0 §6.3. */
  #refuseDoubles(buffer: Buffer, base: number): void {
    const attributes = this.#attributes;
    const colons = this.#colons;
    for (let left = 1; left < this.#count; left += 1) {
      for (let right = 0; right < left; right += 1) {
        const leftColon = colons[left]!;
        const rightColon = colons[right]!;
        if (leftColon < 0 !== rightColon < 0) continue;
        const leftAt = leftColon < 0 ? attributes[left * ATTRIBUTE_STRIDE]! : leftColon + 1;
        const rightAt = rightColon < 0 ? attributes[right * ATTRIBUTE_STRIDE]! : rightColon + 1;
        const leftEnd = attributes[left * ATTRIBUTE_STRIDE + 1]!;
        const rightEnd = attributes[right * ATTRIBUTE_STRIDE + 1]!;
        if (leftEnd - leftAt !== rightEnd - rightAt || buffer[base + leftAt] !== buffer[base + rightAt]) continue;
        if (buffer.compare(buffer, base + rightAt, base + rightEnd, base + leftAt, base + leftEnd) !== 0) continue;
        if (leftColon >= 0 && this.#attributeNs(buffer, base, left) !== this.#attributeNs(buffer, base, right)) continue;
        refuse('not-well-formed', 'an attribute given twice');
      }
    }
  }
}

/** Namespaces in XML 1.0 §3 (reserved names) and §5 (no undeclaring of prefixes). */
function checkDeclaration(prefix: string, ns: string): void {
  if (prefix === 'xmlns' || ns === NS_XMLNS) refuse('not-well-formed', 'xmlns cannot be declared');
  if ((prefix === 'xml') !== (ns === NS_XML)) refuse('not-well-formed', 'xml cannot be declared anew');
  if (prefix !== '' && ns === '') refuse('not-well-formed', 'a prefix without a namespace');
}
