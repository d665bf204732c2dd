/**
 * Elements of any size that cost more for each byte than plain text, as a hostile peer would send. They stay within the scanner's
 * bounds, so that it reads them to the end.
 */
import { xmppLimits } from '../../lib/xmpp/limits.ts';

/** @returns the content of one first-level element of about this many bytes, or fewer if a bound on elements comes first */
type Shape = (bytes: number) => string;

/** Repeats numbered pieces until there are this many bytes. */
function fill(bytes: number, piece: (index: number) => string, most = Number.POSITIVE_INFINITY): string {
  const pieces: string[] = [];
  for (let index = 0, length = 0; length < bytes && index < most; index += 1) {
    const next = piece(index);
    pieces.push(next);
    length += next.length;
  }
  return pieces.join('');
}

function list(count: number, piece: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => piece(index)).join('');
}

/** A distinct name for each number, as short as possible: a, b … z, aa, ba … */
function shortName(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26));
  return index < 26 ? letter : shortName(Math.floor(index / 26) - 1) + letter;
}

const most = xmppLimits.attributesMax - 1;
/** As many attributes with the longest names as there is room for. */
const long = (bytes: number): number => Math.max(2, Math.min(most, Math.floor(bytes / (xmppLimits.nameBytesMax + 6))));
const elements = xmppLimits.elementsMax - 8;
const prefixes = (from: number, ns: (index: number) => string): string =>
  list(most, (index) => ` xmlns:${shortName(26 + from + index)}='${ns(index)}'`);
const sameLocal = (from: number): string => list(most, (index) => ` ${shortName(26 + from + index)}:x=''`);

/** Elements nested `depth` deep, repeated. */
function nests(bytes: number, depth: number, open: (level: number) => string, inside = ''): string {
  const one = list(depth, (level) => `<a${open(level)}>`) + inside + '</a>'.repeat(depth);
  return fill(bytes, () => one, Math.floor(elements / depth));
}

/** What all shapes are compared with. */
export const plainText: Shape = (bytes) =>
  `<body>${'Wherefore art thou Romeo? '.repeat(Math.ceil(bytes / 26)).slice(0, bytes)}</body>`;

export const shapes: Readonly<Record<string, Shape>> = {
  'one local name under many prefixes, two levels of declarations': (bytes) =>
    `<x${prefixes(0, (index) => `u:${index}`)}><y${prefixes(most, (index) => `v:${index}`)}>${fill(bytes, () => `<a${sameLocal(0)}/>`)}</y></x>`,
  'many attributes, as short as can be': (bytes) => fill(bytes, () => `<a${list(most, (index) => ` ${shortName(index)}=''`)}/>`),
  'attributes that differ in their first byte only': (bytes) =>
    fill(bytes, () => `<a${list(long(bytes), (index) => ` ${shortName(index)}${'x'.repeat(xmppLimits.nameBytesMax - 2)}=''`)}/>`),
  'attributes that differ in their last byte only': (bytes) =>
    fill(bytes, () => `<a${list(long(bytes), (index) => ` ${'x'.repeat(xmppLimits.nameBytesMax - 2)}${shortName(index)}=''`)}/>`),
  'many attributes with a prefix of a long namespace': (bytes) =>
    `<x xmlns:p='${'u'.repeat(Math.floor(bytes / 4))}'>${fill(bytes * 0.75, () => `<a${list(most, (index) => ` p:${shortName(index)}=''`)}/>`)}</x>`,
  'many prefixes of one long namespace': (bytes) =>
    fill(
      bytes,
      () =>
        `<a${list(30, (index) => ` xmlns:${shortName(26 + index)}='${'u'.repeat(Math.floor(bytes / 60))}' ${shortName(26 + index)}:${shortName(index)}=''`)}/>`,
    ),
  'siblings that each declare a prefix anew': (bytes) => fill(bytes, () => "<p:a xmlns:p='u'/>", elements),
  'siblings that each declare many prefixes': (bytes) => fill(bytes, () => `<a${prefixes(0, () => 'u')}/>`, elements),
  'a prefix declared anew at each level': (bytes) => nests(bytes, 60, () => " xmlns:p='u'"),
  'a default namespace declared anew at each level': (bytes) => nests(bytes, 60, () => " xmlns='u'"),
  'children with a prefix that is declared far out': (bytes) =>
    `<x${prefixes(0, () => 'u')}>${fill(bytes, () => '<aa:b/>', elements)}</x>`,
  'children below many declarations': (bytes) => `<x${prefixes(0, () => 'u')}>${fill(bytes, () => '<b/>', elements)}</x>`,
  'empty elements in one': (bytes) => `<x>${fill(bytes, () => '<a/>', elements)}</x>`,
  'empty elements, first level': (bytes) => fill(bytes, () => '<a/>', elements),
  'elements with an opening and a closing tag': (bytes) => fill(bytes, () => '<a></a>', elements),
  'deep nesting': (bytes) => nests(bytes, 60, () => ''),
  'names of all kinds': (bytes) => fill(bytes, (index) => `<${shortName(index * 31)}/>`, elements),
  'long names': (bytes) => fill(bytes, () => `<${'n'.repeat(250)}></${'n'.repeat(250)}>`),
  'names that are not ASCII': (bytes) => fill(bytes / 2, () => '<é/>', elements),
  'long names that are not ASCII': (bytes) => fill(bytes / 2, () => `<${'é'.repeat(120)}/>`),
  'attributes that are not ASCII': (bytes) => fill(bytes / 1.4, () => `<a${list(most, (index) => ` é${shortName(index)}=''`)}/>`),
  'references by name': (bytes) => fill(bytes, () => '&lt;'),
  'references by number': (bytes) => fill(bytes, () => '&#9;'),
  'references with many zeros': (bytes) => fill(bytes, () => `&#${'0'.repeat(240)}65;`),
  'references in a value': (bytes) => `<a b='${fill(bytes, () => '&gt;')}'/>`,
  'line ends in a value': (bytes) => `<a b='${fill(bytes, () => '\n')}'/>`,
  'line ends in text': (bytes) => fill(bytes, () => '\r\n'),
  'quotes in a value': (bytes) => `<a b='${fill(bytes, () => '"')}'/>`,
  'a long value': (bytes) => `<a b='${'v'.repeat(bytes)}'/>`,
  sections: (bytes) => fill(bytes, () => '<![CDATA[]]>'),
  'a section of brackets': (bytes) => `<![CDATA[${']'.repeat(bytes)}]]>`,
  'greater-than signs': (bytes) => '>'.repeat(bytes),
  'brackets in text': (bytes) => fill(bytes, () => ']]x>'),
  'white space in tags': (bytes) => `<a${' '.repeat(bytes)}/>`,
  'two bytes a character': (bytes) => 'é'.repeat(bytes / 2),
  'three bytes a character, near the end of the plane': (bytes) => '\uFF0C'.repeat(bytes / 3),
  'four bytes a character': (bytes) => '\u{1F600}'.repeat(bytes / 4),
};
