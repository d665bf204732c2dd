/**
 * Names of elements and attributes and their namespaces: Namespaces in XML 1.0, over the offsets of one tag.
 */
import { StreamError, type StreamErrorCondition } from './errors.ts';
import { xmppLimits } from './limits.ts';
import { classes, isNcName, NAME_START } from './xml-characters.ts';
import { ATTRIBUTE_STRIDE, type ElementBounds, type Scope } from './xml-element.ts';
import { decodeAttribute } from './xml-text.ts';

const NS_XML = 'http://www.w3.org/XML/1998/namespace';
const NS_XMLNS = 'http://www.w3.org/2000/xmlns/';

export function refuse(condition: StreamErrorCondition, text: string): never {
  throw new StreamError(condition, text);
}

/**
 * Names and namespaces recur, and building a string from bytes costs more than comparing them. There is one slot for each hash,
 * and it is overwritten freely, so that nobody can fill the cache.
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

/** A name as it is read; offsets count from the element's `<`. */
export class NameSpan {
  start = 0;
  /** The offset of the colon, or -1. */
  colon = -1;
  /** Whether it has bytes over 0x7F. */
  isWide = false;

  begin(offset: number): void {
    this.start = offset;
    this.colon = -1;
    this.isWide = false;
  }

  /** @param odd a colon, or a byte over 0x7F */
  add(odd: number, offset: number): void {
    if (odd !== 0x3a) this.isWide = true;
    else if (this.colon >= 0) refuse('not-well-formed', 'a name has two colons');
    else this.colon = offset;
  }

  /** Checks the finished name (Namespaces in XML §4). @param end absolute, as `base` is */
  check(buffer: Buffer, base: number, end: number, bytesMax: number): void {
    const start = this.start + base;
    const local = this.colon < 0 ? start : this.colon + 1 + base;
    if (end - local > bytesMax || local - 1 - start > bytesMax) refuse('policy-violation', `a name may have ${bytesMax} bytes`);
    if (this.isWide) {
      const isGood = isNcName(buffer, local, end) && (local === start || isNcName(buffer, start, local - 1));
      if (!isGood) refuse('not-well-formed', 'a name is malformed');
    } else if (
      start === end ||
      local === end ||
      (classes[buffer[start]!]! & NAME_START) === 0 ||
      (classes[buffer[local]!]! & NAME_START) === 0
    ) {
      refuse('not-well-formed', 'a name is malformed');
    }
  }
}

/** An opening tag as it is read; offsets count from the element's `<`. */
export class Tag {
  start = 0;
  colon = -1;
  end = 0;
  /** {@link ATTRIBUTE_STRIDE} numbers for each attribute; what stands after `count` belongs to earlier tags. */
  readonly attributes: number[] = [];
  /** The colon of each attribute, or -1. */
  readonly colons: number[] = [];
  count = 0;
  /** Whether any value has a reference, or white space to normalize. */
  hasSpecials = false;
}

/**
 * The declarations in scope at one place of an element.
 *
 * No step looks through all declarations or through all attributes of a tag: a peer chooses both numbers, and the cost would be
 * their product. Namespaces, which may be long, are compared once, when they are declared; from then on they are numbers.
 */
export class Namespaces {
  #scope: Scope;
  /** One for each declaration in force, the innermost last. */
  readonly #prefixes: string[] = [];
  readonly #namespaces: string[] = [];
  readonly #declaredNumbers: number[] = [];
  /** The index of the declaration that this one hides, or -1. */
  readonly #hidden: number[] = [];
  #count = 0;
  /**
   * The innermost declaration of each prefix, or -1. The default namespace has a field of its own, because nearly every one is
   * that.
   */
  readonly #innermost = new Map<string, number>();
  #innermostDefault = -1;
  #mayUseScope = false;
  #declarations: (readonly [string, string])[] = [];
  /** A number for each namespace in the element. */
  readonly #numbers = new Map<string, number>();
  /** The same for the prefixes of the stream's header. */
  readonly #scopeNumbers = new Map<string, number>();
  /** For each attribute of the tag: the number of its namespace; -1 if it has no prefix or declares a namespace. */
  readonly #ofAttributes: number[] = [];
  readonly #seen = new Set<string>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  reset(scope: Scope): void {
    this.#scope = scope;
    this.release(0);
    this.#declarations = [];
    if (this.#innermost.size > 0) this.#innermost.clear();
    if (this.#numbers.size > 0) this.#numbers.clear();
    if (this.#scopeNumbers.size > 0) this.#scopeNumbers.clear();
  }

  /** The declarations of the element's own opening tag. */
  get declarations(): readonly (readonly [string, string])[] {
    return this.#declarations;
  }

  /** The number of declarations in scope. Pass it to `release` when the element that is opened now closes. */
  get mark(): number {
    return this.#count;
  }

  release(mark: number): void {
    while (this.#count > mark) {
      this.#count -= 1;
      const prefix = this.#prefixes[this.#count]!;
      const hidden = this.#hidden[this.#count]!;
      if (prefix === '') this.#innermostDefault = hidden;
      else this.#innermost.set(prefix, hidden);
    }
  }

  /**
   * Adds a tag's declarations and checks its attributes.
   * @returns the namespace of the tag; '' where nobody asks for it: below the first-level children, for names without prefix
   */
  enter(buffer: Buffer, base: number, tag: Tag, depth: number, bounds: ElementBounds): string {
    if (depth === 0) this.#mayUseScope = tag.colon >= 0;
    if (tag.count > 0) {
      this.#declare(buffer, base, tag, depth);
      if (this.#count > bounds.depthMax + bounds.attributesMax) refuse('policy-violation', 'too many namespaces');
      for (let index = 0; index < tag.count; index += 1) {
        this.#ofAttributes[index] = tag.colons[index]! < 0 ? -1 : this.#ofAttribute(buffer, base, tag, index);
      }
      if (tag.count > xmppLimits.attributesComparedMax) this.#refuseDoubles(buffer, base, tag);
      else if (tag.count > 1) this.#compareAll(buffer, base, tag);
    }
    if (tag.colon >= 0) return this.#resolve(intern(buffer, base + tag.start, base + tag.colon));
    if (depth > 1) return '';
    return this.#innermostDefault < 0 ? this.#scope.defaultNs : this.#namespaces[this.#innermostDefault]!;
  }

  /** The namespace bound to a prefix other than ''. */
  #resolve(prefix: string): string {
    const declared = this.#innermost.get(prefix) ?? -1;
    return declared < 0 ? this.#fromOutside(prefix) : this.#namespaces[declared]!;
  }

  /** The namespace bound to a prefix that the element does not declare itself. */
  #fromOutside(prefix: string): string {
    const ns = prefix === 'xml' ? NS_XML : this.#mayUseScope ? this.#scope.prefixes.get(prefix) : undefined;
    if (ns === undefined) {
      refuse('bad-namespace-prefix', `the prefix ${JSON.stringify(prefix)} is not declared within the stanza`);
    }
    return ns;
  }

  #numberOf(ns: string): number {
    let number = this.#numbers.get(ns);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(ns, number);
    }
    return number;
  }

  /** The number of the namespace of an attribute with a prefix. */
  #ofAttribute(buffer: Buffer, base: number, tag: Tag, index: number): number {
    const prefix = intern(buffer, base + tag.attributes[index * ATTRIBUTE_STRIDE]!, base + tag.colons[index]!);
    const declared = this.#innermost.get(prefix) ?? -1;
    if (declared >= 0) return this.#declaredNumbers[declared]!;
    if (prefix === 'xmlns') return -1;
    let number = this.#scopeNumbers.get(prefix);
    if (number === undefined) {
      number = this.#numberOf(this.#fromOutside(prefix));
      this.#scopeNumbers.set(prefix, number);
    }
    return number;
  }

  #declare(buffer: Buffer, base: number, tag: Tag, depth: number): void {
    const { attributes } = tag;
    for (let index = 0; index < tag.count; index += 1) {
      const nameAt = base + attributes[index * ATTRIBUTE_STRIDE]!;
      const nameEnd = base + attributes[index * ATTRIBUTE_STRIDE + 1]!;
      if (buffer[nameAt] !== 0x78 || buffer[nameAt + 1] !== 0x6d || nameEnd - nameAt < 5) continue;
      const colon = tag.colons[index]!;
      if (intern(buffer, nameAt, colon < 0 ? nameEnd : base + colon) !== 'xmlns') continue;
      const prefix = colon < 0 ? '' : intern(buffer, base + colon + 1, nameEnd);
      const valueAt = base + attributes[index * ATTRIBUTE_STRIDE + 2]!;
      let ns = intern(buffer, valueAt, base + attributes[index * ATTRIBUTE_STRIDE + 3]!);
      if (tag.hasSpecials) ns = decodeAttribute(ns);
      checkDeclaration(prefix, ns);
      if (depth <= 1 && ns === this.#scope.contentNs && ns !== '') ns = 'jabber:client';
      if (depth === 0) this.#declarations.push([prefix, ns]);
      this.#bind(prefix, ns);
    }
  }

  #bind(prefix: string, ns: string): void {
    const index = this.#count;
    this.#count += 1;
    this.#prefixes[index] = prefix;
    this.#namespaces[index] = ns;
    if (prefix === '') {
      this.#hidden[index] = this.#innermostDefault;
      this.#declaredNumbers[index] = -1; // no attribute is in the default namespace
      this.#innermostDefault = index;
    } else {
      this.#hidden[index] = this.#innermost.get(prefix) ?? -1;
      this.#declaredNumbers[index] = this.#numberOf(ns);
      this.#innermost.set(prefix, index);
    }
  }

  /** Finds double attributes (XML 1.0 §3.1, Namespaces in XML 1.0 §6.3) in a tag with few attributes. */
  #compareAll(buffer: Buffer, base: number, tag: Tag): void {
    const { attributes, colons } = tag;
    for (let left = 1; left < tag.count; left += 1) {
      for (let right = 0; right < left; right += 1) {
        const leftColon = colons[left]!;
        const rightColon = colons[right]!;
        if (leftColon < 0 !== rightColon < 0 || this.#ofAttributes[left] !== this.#ofAttributes[right]) continue;
        const leftAt = leftColon < 0 ? attributes[left * ATTRIBUTE_STRIDE]! : leftColon + 1;
        const rightAt = rightColon < 0 ? attributes[right * ATTRIBUTE_STRIDE]! : rightColon + 1;
        const leftEnd = attributes[left * ATTRIBUTE_STRIDE + 1]!;
        const length = attributes[right * ATTRIBUTE_STRIDE + 1]! - rightAt;
        if (leftEnd - leftAt === length && isSame(buffer, base + leftAt, base + rightAt, length)) refuseDouble();
      }
    }
  }

  /**
   * The same for many attributes, with a set of names: as written where that is enough, else with the number of the namespace.
   */
  #refuseDoubles(buffer: Buffer, base: number, tag: Tag): void {
    const { attributes, colons } = tag;
    const seen = this.#seen;
    for (let index = 0; index < tag.count; index += 1) {
      const number = this.#ofAttributes[index]!;
      const at = number < 0 ? attributes[index * ATTRIBUTE_STRIDE]! : colons[index]! + 1;
      const name = intern(buffer, base + at, base + attributes[index * ATTRIBUTE_STRIDE + 1]!);
      seen.add(number < 0 ? name : `${number}:${name}`);
    }
    const isDouble = seen.size < tag.count;
    seen.clear();
    if (isDouble) refuseDouble();
  }
}

function refuseDouble(): never {
  refuse('not-well-formed', 'an attribute appears twice');
}

/** Checks reserved names (Namespaces in XML 1.0 §3) and refuses to undeclare a prefix (§5). */
function checkDeclaration(prefix: string, ns: string): void {
  if (prefix === 'xmlns' || ns === NS_XMLNS) refuse('not-well-formed', 'the prefix xmlns and its namespace cannot be declared');
  if ((prefix === 'xml') !== (ns === NS_XML))
    refuse('not-well-formed', 'the prefix xml and its namespace can be bound only to each other');
  if (prefix !== '' && ns === '') refuse('not-well-formed', 'a prefix is declared without a namespace');
}

function isSame(buffer: Buffer, left: number, right: number, length: number): boolean {
  for (let index = length - 1; index >= 0; index -= 1) if (buffer[left + index] !== buffer[right + index]) return false;
  return true;
}
