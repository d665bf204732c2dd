/**
 * What the scanner is told about an element, and what it finds: offsets into the bytes instead of a tree.
 */

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
