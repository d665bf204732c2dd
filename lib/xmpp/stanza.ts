/**
 * A first-level element of a stream (RFC 6120 §4.1): its opening tag, the names and offsets of its first-level children, and its
 * bytes. It is forwarded as a new opening tag plus the raw bytes. Trees are built only for single children, on request.
 *
 * The canonical form within the service is what stands in a client's TCP stream whose header declares `jabber:client`: no xmlns
 * on the stanza itself.
 */
import { type Attributes, addressed, present, readAttributes } from './attributes.ts';
import { type Element, escapeAttribute, parseElement } from './element.ts';
import { StreamError } from './errors.ts';
import { Jid } from './jid.ts';
import { xmppLimits } from './limits.ts';
import { borrowMachine, returnMachine } from './spare-machines.ts';
import { classes, SPACE } from './xml-characters.ts';
import type { ChildSpan, ElementBounds, ScannedElement, Scope } from './xml-element.ts';

export type { ChildSpan };

const NS_CLIENT = 'jabber:client';
const clientScope: Scope = { defaultNs: NS_CLIENT, contentNs: NS_CLIENT, prefixes: new Map() };
const noBytes = Buffer.alloc(0);
const noAttributes: readonly number[] = [];
const noChildren: ReadonlySet<ChildSpan> = new Set();

/**
 * Bounds of the canonical form: twice those of a peer, because a stanza gains attributes, children and wrappers (carbons,
 * archive).
 */
const canonicalBounds: ElementBounds = {
  stanzaBytesMax: 2 * xmppLimits.stanzaBytesMax,
  depthMax: 2 * xmppLimits.depthMax,
  attributesMax: 2 * xmppLimits.attributesMax,
  elementsMax: 2 * xmppLimits.elementsMax,
  nameBytesMax: xmppLimits.nameBytesMax,
};

export interface RenderOptions {
  /** First-level children to leave out. */
  readonly drop?: (child: ChildSpan) => boolean;
  /** Complete elements to append after the payload as they are. Their default namespace is the stanza's. */
  readonly append?: Buffer | string | readonly (Buffer | string)[];
  /**
   * The namespace to declare on the opening tag of stanzas in `jabber:client`, for framings without a stream header (RFC 7395).
   */
  readonly xmlns?: string;
}

/** A complete element to append after a payload; it declares `ns`. */
export interface Appended {
  readonly name: string;
  readonly ns: string;
  readonly text: string;
}

export interface ParseOptions {
  /** The namespace of an element without xmlns; default `jabber:client`. */
  readonly defaultNs?: string;
  /** Default: twice what a peer may send. */
  readonly bounds?: ElementBounds;
}

export class Stanza {
  readonly kind = 'stanza';
  /** The name without prefix: `message`, `presence`, `iq`, or another first-level element. */
  readonly name: string;
  readonly ns: string;
  /** The bytes exactly as they came. */
  readonly bytes: Buffer;
  readonly children: readonly ChildSpan[];
  readonly #scanned: ScannedElement;
  readonly #scope: Scope;
  #attributes: Readonly<Record<string, string>> | undefined;
  #trees: Map<ChildSpan, Element> | undefined;
  #inherited: ReadonlyMap<string, string> | undefined;
  #element: Element | undefined;
  #to: Jid | undefined;
  #from: Jid | undefined;

  /** For scanners: wraps bytes that they have checked. */
  constructor(bytes: Buffer, scanned: ScannedElement, scope: Scope) {
    this.name = scanned.name;
    this.ns = scanned.ns;
    this.bytes = bytes;
    this.children = scanned.children;
    this.#scanned = scanned;
    this.#scope = scope;
  }

  /** Scans one complete element; white space around it is allowed. @throws {StreamError} as a stream of these bytes would */
  static parse(input: Uint8Array | string, options: ParseOptions = {}): Stanza {
    const bytes = asBuffer(input);
    let start = 0;
    while (start < bytes.length && (classes[bytes[start]!]! & SPACE) !== 0) start += 1;
    if (bytes[start] !== 0x3c) throw new StreamError('not-well-formed', 'this is not an element');
    const scope = options.defaultNs === undefined ? clientScope : { ...clientScope, defaultNs: options.defaultNs };
    const machine = borrowMachine(options.bounds ?? canonicalBounds, scope);
    const end = machine.scan(bytes, start, start + 1, bytes.length);
    if (end < 0) throw new StreamError('not-well-formed', 'the element does not end');
    for (let at = end; at < bytes.length; at += 1) {
      if ((classes[bytes[at]!]! & SPACE) === 0) throw new StreamError('not-well-formed', 'there is more than one element');
    }
    const scanned = machine.finish();
    returnMachine(machine);
    return new Stanza(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), scanned, scope);
  }

  /**
   * Attribute values by name as written (`xml:lang`), in their order. Namespace declarations are in {@link Stanza.namespaces}.
   */
  get attributes(): Readonly<Record<string, string>> {
    this.#attributes ??= readAttributes(this.bytes, this.#scanned);
    return this.#attributes;
  }

  /** The attributes with these addresses, for {@link Stanza.amended}. */
  addressed(from: string, to: string): Readonly<Record<string, string>> {
    return addressed(this.attributes, from, to);
  }

  /** The declarations of the opening tag itself, by prefix; '' is the default namespace. */
  get namespaces(): ReadonlyMap<string, string> {
    return new Map(this.#scanned.declarations);
  }

  get declaresNothing(): boolean {
    return this.#scanned.declarations.length === 0;
  }

  /** Whether the element's name has a prefix, as in `<stream:error>` and `<db:result>`. */
  get isPrefixed(): boolean {
    const { name, nameEnd } = this.#scanned;
    if (name.length + 1 === nameEnd) return false;
    return this.bytes.subarray(1, nameEnd).includes(0x3a);
  }

  get id(): string | undefined {
    return this.attributes.id;
  }

  get type(): string | undefined {
    return this.attributes.type;
  }

  /** @throws {StanzaError} jid-malformed */
  get to(): Jid | undefined {
    const text = this.attributes.to;
    if (text !== undefined) this.#to ??= Jid.parse(text);
    return this.#to;
  }

  /** @throws {StanzaError} jid-malformed */
  get from(): Jid | undefined {
    const text = this.attributes.from;
    if (text !== undefined) this.#from ??= Jid.parse(text);
    return this.#from;
  }

  hasChild(name: string, ns: string): boolean {
    for (const child of this.children) if (child.name === name && child.ns === ns) return true;
    return false;
  }

  childrenOf(ns: string): readonly ChildSpan[] {
    return this.children.filter((child) => child.ns === ns);
  }

  /** The first such child as a tree of its own. Do not change the tree: it is cached. */
  child(name: string, ns: string): Element | undefined {
    for (const child of this.children) if (child.name === name && child.ns === ns) return this.elementOf(child);
    return undefined;
  }

  /** The tree of one of {@link Stanza.children}. Do not change it: it is cached. */
  elementOf(child: ChildSpan): Element {
    this.#trees ??= new Map();
    let tree = this.#trees.get(child);
    if (tree === undefined) {
      tree = parseElement(this.bytes.subarray(child.start, child.end), this.#inScope());
      this.#trees.set(child, tree);
    }
    return tree;
  }

  /** The namespaces that the children inherit. */
  #inScope(): ReadonlyMap<string, string> {
    const { declarations } = this.#scanned;
    this.#inherited ??= new Map([['', this.#scope.defaultNs], ...(this.isPrefixed ? this.#scope.prefixes : []), ...declarations]);
    return this.#inherited;
  }

  /** The text of a message's first body in the content namespace. */
  get body(): string | undefined {
    return this.child('body', NS_CLIENT)?.getText();
  }

  /** The whole tree, with all its namespaces declared. Do not change it: it is cached. */
  element(): Element {
    if (this.#element === undefined) {
      this.#element = parseElement(this.bytes);
      for (const [prefix, ns] of this.#inScope()) this.#element.attrs[prefix === '' ? 'xmlns' : `xmlns:${prefix}`] = ns;
    }
    return this.#element;
  }

  /** The raw bytes between the tags. */
  payload(): Buffer {
    const { openEnd, closeStart } = this.#scanned;
    return closeStart <= openEnd ? noBytes : this.bytes.subarray(openEnd, closeStart);
  }

  /**
   * The same payload under an opening tag with exactly these attributes, in canonical form. Prefixes that the old opening tag
   * declared are declared on the new one too, because the payload may use them.
   */
  render(attributes: Attributes, options: RenderOptions = {}): Buffer {
    const opening = this.#opening(attributes, options.xmlns);
    const pieces = this.#pieces(options.drop);
    const { append } = options;
    if (append !== undefined) pieces.push(...(Array.isArray(append) ? append : [append]));
    if (pieces.length === 0) return Buffer.from(`${opening}/>`);
    return concatenate([`${opening}>`, ...pieces, `</${this.isPrefixed ? this.#writtenName : this.name}>`]);
  }

  /**
   * Equals `Stanza.parse` of what `render` returns, but scans the bytes again only if it must, and keeps an opening tag as its sender
   * wrote it if that can be.
   * @param dropped those of {@link Stanza.children} to leave out
   */
  amended(attributes: Attributes, dropped: ReadonlySet<ChildSpan> = noChildren, appended: readonly Appended[] = []): Stanza {
    const { name, openEnd, closeStart, declarations } = this.#scanned;
    let payloadBytes = closeStart - openEnd;
    for (const child of dropped) payloadBytes -= child.end - child.start;
    for (const { text } of appended) payloadBytes += Buffer.byteLength(text);
    const isCanonical = declarations.length === 0 && this.#scope === clientScope && !this.isPrefixed;
    if (!isCanonical || payloadBytes <= 0) {
      const append = appended.map(({ text }) => text);
      return Stanza.parse(this.render(attributes, { drop: (child) => dropped.has(child), append }));
    }
    const gained = this.#gainedAttributes(attributes);
    const opening = gained === undefined ? `${this.#opening(attributes, undefined)}>` : undefined;
    const closing = `</${name}>`;
    const newOpenEnd = opening === undefined ? openEnd + Buffer.byteLength(gained!) : Buffer.byteLength(opening);
    const bytes = Buffer.allocUnsafe(newOpenEnd + payloadBytes + Buffer.byteLength(closing));
    if (opening !== undefined) bytes.write(opening);
    else bytes.write(`${gained}>`, this.bytes.copy(bytes, 0, 0, openEnd - 1));
    const isShifted = newOpenEnd !== openEnd || dropped.size > 0;
    const children = new Array<ChildSpan>(this.children.length - dropped.size + appended.length);
    let count = 0;
    let at = newOpenEnd;
    let from = openEnd;
    for (const child of this.children) {
      if (dropped.has(child)) {
        at += this.bytes.copy(bytes, at, from, child.start);
        from = child.end;
      } else children[count++] = isShifted ? moved(child, at - from) : child;
    }
    at += this.bytes.copy(bytes, at, from, closeStart);
    for (const { name: childName, ns, text } of appended) {
      const end = at + bytes.write(text, at);
      children[count++] = { name: childName, ns, start: at, end };
      at = end;
    }
    bytes.write(closing, at);
    if (bytes.length > canonicalBounds.stanzaBytesMax) return Stanza.parse(bytes); // throws and says what is wrong
    const { nameEnd, hasSpecials, isWide, ns } = this.#scanned;
    const scanned: ScannedElement = {
      name,
      ns,
      nameEnd,
      openEnd: newOpenEnd,
      closeStart: at,
      attributes: noAttributes,
      hasSpecials,
      isWide,
      declarations,
      children,
    };
    const stanza = new Stanza(bytes, scanned, clientScope);
    stanza.#attributes = present(attributes);
    return stanza;
  }

  /**
   * Most stanzas gain a `from` and lose nothing. Then their opening tag is taken as it is with what is added, because to write it anew
   * costs 1.5 kB.
   * @returns the XML to add, which may be empty; undefined: the tag must be written anew
   */
  #gainedAttributes(attributes: Attributes): string | undefined {
    if (this.bytes[this.#scanned.openEnd - 2] === 0x2f) return undefined; // an empty-element tag
    const own = this.attributes;
    if (attributes === own) return '';
    for (const name in own) if (attributes[name] !== own[name]) return undefined;
    let gained = '';
    for (const name in attributes) {
      const value = attributes[name];
      if (value === undefined) continue;
      if (own[name] === undefined) gained += ` ${name}='${escapeAttribute(value)}'`;
      else if (gained !== '') return undefined; // the order would be another one
    }
    return gained;
  }

  /** An opening tag up to its `>` or `/>`. */
  #opening(attributes: Attributes, xmlns: string | undefined): string {
    const isPrefixed = this.isPrefixed;
    // Without a prefix, an element inherits nothing but the default namespace: no map is needed.
    const inScope = isPrefixed ? this.#inScope() : this.#scanned.declarations;
    let opening = `<${isPrefixed ? this.#writtenName : this.name}`;
    const ownNs = (isPrefixed ? this.#inScope().get('') : this.#declaredDefault) ?? this.#scope.defaultNs;
    const declared = ownNs === NS_CLIENT ? xmlns : ownNs;
    if (declared !== undefined) opening += ` xmlns='${escapeAttribute(declared)}'`;
    for (const key in attributes) {
      const value = attributes[key];
      if (value !== undefined) opening += ` ${key}='${escapeAttribute(value)}'`;
    }
    for (const [prefix, ns] of inScope) if (prefix !== '') opening += ` xmlns:${prefix}='${escapeAttribute(ns)}'`;
    return opening;
  }

  get #declaredDefault(): string | undefined {
    for (const [prefix, ns] of this.#scanned.declarations) if (prefix === '') return ns;
    return undefined;
  }

  get #writtenName(): string {
    return this.bytes.toString('utf8', 1, this.#scanned.nameEnd);
  }

  /** The payload without the dropped children, in pieces. */
  #pieces(drop: RenderOptions['drop']): (Buffer | string)[] {
    const { openEnd, closeStart } = this.#scanned;
    const pieces: (Buffer | string)[] = [];
    let at = openEnd;
    if (drop !== undefined) {
      for (const child of this.children) {
        if (!drop(child)) continue;
        if (child.start > at) pieces.push(this.bytes.subarray(at, child.start));
        at = child.end;
      }
    }
    if (closeStart > at) pieces.push(this.bytes.subarray(at, closeStart));
    return pieces;
  }
}

function moved({ name, ns, start, end }: ChildSpan, by: number): ChildSpan {
  return { name, ns, start: start + by, end: end + by };
}

function asBuffer(input: Uint8Array | string): Buffer {
  if (typeof input === 'string') return Buffer.from(input);
  return input instanceof Buffer ? input : Buffer.from(input.buffer, input.byteOffset, input.byteLength);
}

function concatenate(pieces: readonly (Buffer | string)[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
  const whole = Buffer.allocUnsafe(length);
  let at = 0;
  for (const piece of pieces) at += typeof piece === 'string' ? whole.write(piece, at) : piece.copy(whole, at);
  return whole;
}

/** Inserts attributes, as XML text with a leading space, after the element's name. The element must not have them yet. */
export function spliceAttributes(bytes: Buffer, text: string): Buffer {
  let at = 1;
  while (at < bytes.length && bytes[at] !== 0x3e && bytes[at] !== 0x2f && (classes[bytes[at]!]! & SPACE) === 0) at += 1;
  const whole = Buffer.allocUnsafe(bytes.length + Buffer.byteLength(text));
  bytes.copy(whole, 0, 0, at);
  const written = whole.write(text, at);
  bytes.copy(whole, at + written, at);
  return whole;
}

/** Sets `to` on a stanza that was rendered without it, because one bus message serves many recipients. */
export function spliceTo(bytes: Buffer, to: string): Buffer {
  return spliceAttributes(bytes, ` to='${escapeAttribute(to)}'`);
}
