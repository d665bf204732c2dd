/**
 * What the scanner is told about an element, and what it finds: offsets into the bytes, not a tree.
 */

export interface ElementBounds {
  /** Bytes of the element, from `<` to its last `>`. */
  readonly stanzaBytesMax: number;
  /** Nesting below the element. */
  readonly depthMax: number;
  /** Attributes on one element, namespace declarations included. */
  readonly attributesMax: number;
  /** Elements within the element, itself included. */
  readonly elementsMax: number;
  /** Bytes of a name's prefix, of its local part, and of a reference. */
  readonly nameBytesMax: number;
}

/** The offsets of one first-level child in the element's bytes. */
export interface ChildSpan {
  /** The local name. */
  readonly name: string;
  /** The resolved namespace; '' if there is none. */
  readonly ns: string;
  readonly start: number;
  readonly end: number;
}

/** What an element inherits: the default namespace, and prefixes that only an element with a prefix itself may use. */
export interface Scope {
  readonly defaultNs: string;
  /** `jabber:server` or `jabber:component:accept`: reported as `jabber:client` where the element or its children declare it. */
  readonly contentNs: string;
  readonly prefixes: ReadonlyMap<string, string>;
}

/**
 * Each attribute takes four numbers in {@link ScannedElement.attributes}: start and end of its name, start and end of its value.
 */
export const ATTRIBUTE_STRIDE = 4;

/** The findings; offsets count from the element's `<`. */
export interface ScannedElement {
  readonly name: string;
  readonly ns: string;
  /** The offset after the name as written, with its prefix. */
  readonly nameEnd: number;
  /** The offset after the opening tag's `>`. */
  readonly openEnd: number;
  /** The offset of the closing tag's `</`; equal to `openEnd` for an empty-element tag. */
  readonly closeStart: number;
  readonly attributes: readonly number[];
  /** Whether any attribute value has a reference, or white space to normalize. */
  readonly hasSpecials: boolean;
  /** Whether any byte is over 0x7F. */
  readonly isWide: boolean;
  /** The declarations of the opening tag, in order: prefix ('' for the default one) and namespace. */
  readonly declarations: readonly (readonly [prefix: string, ns: string])[];
  readonly children: readonly ChildSpan[];
}

/** What a machine has seen of the element's opening tag; it has one of these for all its elements. */
export class OpeningTag {
  name = '';
  ns = '';
  nameEnd = 0;
  openEnd = 0;
  attributes: readonly number[] = [];
  hasSpecials = false;
}
