/**
 * XML trees: ltx's Element, corrected in the three places where it departs from XML and Namespaces in XML 1.0.
 *
 * - `xmlns=''` takes an element out of the default namespace; ltx lets it inherit the parent's.
 * - Tabs and line ends in an attribute, and CR in text, are written as character references. Otherwise the receiver's parser
 *   turns them into spaces and LF (XML 1.0 §2.11, §3.3.3).
 * - A character that XML cannot carry becomes U+FFFD. Otherwise one NUL in a roster name would end the reader's stream.
 */
import { Element as LtxElement } from 'ltx';
import { decodeAttribute, decodeText } from './xml-text.ts';

export type Attributes = Record<string, string | number | undefined>;

const references: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** Most texts and values consist of these characters and need no escaping. */
const plain = /^[ !#-%(-;=?-~]*$/;

const escaped = (found: string): string => references[found] ?? '\uFFFD';

/** Escapes character data. The result is also right inside an attribute with either quote, except for white space. */
export function escapeText(text: string): string {
  if (plain.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what XML cannot carry (XML 1.0 §2.2)
  return text.replace(/[&<>\r]|[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]|\p{Surrogate}/gu, escaped);
}

/** Escapes an attribute's value for quotes of either kind. */
export function escapeAttribute(text: string): string {
  if (plain.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what XML cannot carry (XML 1.0 §2.2)
  return text.replace(/[&<>"'\t\n\r]|[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]|\p{Surrogate}/gu, escaped);
}

export class Element extends LtxElement {
  /** The namespace bound to a prefix at this element ('' or no prefix: the default namespace); undefined if there is none. */
  override findNS(prefix?: string): string | undefined {
    if (prefix === 'xml') return 'http://www.w3.org/XML/1998/namespace';
    const name = prefix ? `xmlns:${prefix}` : 'xmlns';
    for (let element: LtxElement | null = this; element !== null; element = element.parent) {
      const declared = element.attrs[name];
      if (declared !== undefined) return declared === '' ? undefined : declared;
    }
    return undefined;
  }

  override c(name: string, attrs?: string | Attributes): this {
    return this.cnode(new Element(name, attrs)) as this;
  }

  override write(writer: (text: string) => void): void {
    writer(`<${this.name}`);
    for (const name of Object.keys(this.attrs)) {
      const value: unknown = this.attrs[name];
      if (value !== undefined && value !== null) writer(` ${name}='${escapeAttribute(String(value))}'`);
    }
    if (this.children.length === 0) {
      writer('/>');
      return;
    }
    writer('>');
    for (const child of this.children) {
      if (typeof child === 'object' && child !== null) child.write(writer);
      else if (child !== undefined && child !== null) writer(escapeText(String(child)));
    }
    writer(`</${this.name}>`);
  }
}

export type Child = Element | string | undefined | readonly Child[];

function adopt(element: Element, child: Child): void {
  if (child === undefined || child === '') return;
  if (typeof child === 'string' || child instanceof LtxElement) element.cnode(child);
  else for (const one of child) adopt(element, one);
}

/**
 * Builds an element: `xml('iq', { type: 'result', id }, xml('ping', { xmlns: NS }))`. Undefined attributes and children are left
 * out.
 */
export function xml(name: string, attrs?: Attributes, ...children: Child[]): Element {
  const element = new Element(name);
  for (const [key, value] of Object.entries(attrs ?? {})) {
    if (value !== undefined) element.attrs[key] = String(value);
  }
  for (const child of children) adopt(element, child);
  return element;
}

class Verbatim extends Element {
  readonly #text: string;

  constructor(text: string) {
    super('verbatim');
    this.#text = text;
  }

  override write(writer: (text: string) => void): void {
    writer(this.#text);
  }
}

/**
 * An element that is only to be written, inside of others: no tree is made of it.
 * @param text of one element, with all namespaces declared
 */
export function verbatim(text: string): Element {
  return new Verbatim(text);
}

/** White space as XML defines it: names may hold characters that JavaScript counts as white space (U+1680, U+FEFF). */
const attributePattern = /[ \t\r\n]*([^ \t\r\n=/>]+)[ \t\r\n]*=[ \t\r\n]*(?:"([^"]*)"|'([^']*)')/y;
const spacePattern = /[ \t\r\n]*/y;

function unexpected(text: string, at: number): never {
  throw new SyntaxError(`not one element: ${JSON.stringify(text.slice(at, at + 40))}`);
}

function isNameEnd(code: number): boolean {
  return code === 0x3e || code === 0x2f || code === 0x20 || (code <= 0x0d && code >= 0x09);
}

/** Records the name if it has a prefix. */
function notePrefix(name: string, prefixes: Set<string>): void {
  const colon = name.indexOf(':');
  if (colon > 0) prefixes.add(name.slice(0, colon));
}

/** Reads an opening tag. @returns the offset after its `>`, and whether it was an empty-element tag */
function readTag(text: string, at: number, prefixes: Set<string>): { element: Element; end: number; isEmpty: boolean } {
  let end = at + 1;
  while (end < text.length && !isNameEnd(text.charCodeAt(end))) end += 1;
  if (end === at + 1) unexpected(text, at);
  const name = text.slice(at + 1, end);
  const element = new Element(name);
  notePrefix(name, prefixes);
  if (text.charCodeAt(end) === 0x3e) return { element, end: end + 1, isEmpty: false };
  attributePattern.lastIndex = end;
  const mayHaveAttributes = text.charCodeAt(end) !== 0x2f;
  for (let found = mayHaveAttributes ? attributePattern.exec(text) : null; found !== null; found = attributePattern.exec(text)) {
    end = attributePattern.lastIndex;
    // XMPP defines no such attribute, and plain objects cannot hold it.
    if (found[1] !== '__proto__') element.attrs[found[1]!] = decodeAttribute(found[2] ?? found[3] ?? '');
    notePrefix(found[1]!, prefixes);
  }
  spacePattern.lastIndex = end;
  spacePattern.exec(text);
  end = spacePattern.lastIndex;
  const isEmpty = text[end] === '/';
  if (text[end + (isEmpty ? 1 : 0)] !== '>') unexpected(text, end);
  return { element, end: end + (isEmpty ? 2 : 1), isEmpty };
}

function addText(element: Element, text: string): void {
  const last = element.children.length - 1;
  const before = element.children[last];
  if (typeof before === 'string') element.children[last] = before + text;
  else element.children.push(text);
}

/**
 * Builds the tree of ONE element that a scanner has accepted; the scanner's checks are not repeated here.
 * @param inherited namespaces by prefix ('' for the default one) from outside. Only those that are used are declared on the
 *   element: all of them on each of many children would cost the product of two numbers that a peer chooses.
 * @throws {SyntaxError} when the text is not one element
 */
export function parseElement(input: string | Uint8Array, inherited: ReadonlyMap<string, string> = new Map()): Element {
  const prefixes = new Set(['']);
  const element = parseTree(input, prefixes);
  for (const prefix of prefixes) {
    const ns = inherited.get(prefix);
    const name = prefix === '' ? 'xmlns' : `xmlns:${prefix}`;
    if (ns !== undefined && element.attrs[name] === undefined) element.attrs[name] = ns;
  }
  return element;
}

function parseTree(input: string | Uint8Array, prefixes: Set<string>): Element {
  const text = typeof input === 'string' ? input : Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString();
  const first = readTag(text, text.indexOf('<'), prefixes);
  let open: Element | null = first.isEmpty ? null : first.element;
  let at = first.end;
  while (open !== null) {
    const next = text.indexOf('<', at);
    if (next < 0) unexpected(text, at);
    if (next > at) addText(open, decodeText(text.slice(at, next)));
    if (text[next + 1] === '/') {
      at = text.indexOf('>', next) + 1;
      if (at === 0) unexpected(text, next);
      open = open.parent as Element | null;
    } else if (text.startsWith('<![CDATA[', next)) {
      const end = text.indexOf(']]>', next);
      if (end < 0) unexpected(text, next);
      if (end > next + 9) addText(open, text.slice(next + 9, end).replace(/\r\n?/g, '\n'));
      at = end + 3;
    } else {
      const tag = readTag(text, next, prefixes);
      open.cnode(tag.element);
      if (!tag.isEmpty) open = tag.element;
      at = tag.end;
    }
  }
  return first.element;
}
