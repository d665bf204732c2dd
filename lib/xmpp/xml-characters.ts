/**
 * Bytes and characters of XML 1.0 (fifth edition, §2.2, §2.3, §4.1) and what each may be used for.
 */
import { isUtf8 } from 'node:buffer';
import { StreamError } from './errors.ts';
import { entities } from './xml-text.ts';

/** May begin a name. `:` is left out because the scanner treats it itself (Namespaces in XML §4). */
export const NAME_START = 1;
/** May continue a name. `:` and bytes over 0x7F are left out. */
export const NAME = 2;
export const SPACE = 4;
/** Ends a run of plain text: markup, `>` (of `]]>`), control characters, bytes over 0x7F. */
export const TEXT_STOP = 8;
/** Ends a run of plain attribute value: as above, and quotes, and white space that normalization turns into spaces. */
export const VALUE_STOP = 16;

/** The classes above for each byte. */
export const classes: Uint8Array = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  const character = String.fromCharCode(byte);
  let flags = 0;
  if (/[A-Za-z_]/.test(character)) flags |= NAME_START | NAME;
  if (/[0-9.-]/.test(character)) flags |= NAME;
  if (/[ \t\r\n]/.test(character)) flags |= SPACE;
  if (byte >= 0x80 || (byte < 0x20 && (flags & SPACE) === 0) || /[<>&]/.test(character)) flags |= TEXT_STOP;
  if (byte >= 0x80 || byte < 0x20 || /[<&"']/.test(character)) flags |= VALUE_STOP;
  classes[byte] = flags;
}

/** XML 1.0 §2.3, beyond ASCII: characters that may begin a name, and those that may only continue one. */
const wideNameStarts = [
  [0xc0, 0xd6],
  [0xd8, 0xf6],
  [0xf8, 0x2ff],
  [0x370, 0x37d],
  [0x37f, 0x1fff],
  [0x200c, 0x200d],
  [0x2070, 0x218f],
  [0x2c00, 0x2fef],
  [0x3001, 0xd7ff],
  [0xf900, 0xfdcf],
  [0xfdf0, 0xfffd],
] as const;
const wideNames = [
  [0xb7, 0xb7],
  [0x300, 0x36f],
  [0x203f, 0x2040],
] as const;
/** All characters of planes 1 to 14 may begin a name. */
const nameCodeMax = 0xeffff;

/** {@link NAME_START} and {@link NAME} for each character of plane 0. */
const nameClasses = new Uint8Array(0x10000);
nameClasses.set(classes.subarray(0, 0x80).map((flags) => flags & (NAME_START | NAME)));
for (const [first, last] of wideNameStarts) nameClasses.fill(NAME_START | NAME, first, last + 1);
for (const [first, last] of wideNames) nameClasses.fill(NAME, first, last + 1);

/** The lowest code that a sequence of this many bytes may encode: a lower one would be an overlong form. */
const codeMin = [0, 0, 0x80, 0x800, 0x10000] as const;

/** @returns the character that begins here, or -1 where the bytes are not UTF-8 */
function codeAt(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return first;
  const length = lengthOf(first);
  if (first < 0xc2 || at + length > end) return -1;
  let code = first & (0x7f >> length);
  for (let index = at + 1; index < at + length; index += 1) {
    const byte = bytes[index]!;
    if ((byte & 0xc0) !== 0x80) return -1;
    code = (code << 6) | (byte & 0x3f);
  }
  return code < codeMin[length]! || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? -1 : code;
}

/** The length of the UTF-8 sequence that begins with this byte. */
function lengthOf(first: number): 1 | 2 | 3 | 4 {
  if (first < 0x80) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/**
 * Whether the bytes are a name without colon. It builds no string: an element may hold as many names as elements.
 * @throws {StreamError} unsupported-encoding, when they are not UTF-8
 */
export function isNcName(bytes: Uint8Array, start: number, end: number): boolean {
  let isName = end > start;
  let wanted = NAME_START;
  for (let at = start; at < end; at += lengthOf(bytes[at]!)) {
    const code = codeAt(bytes, at, end);
    if (code < 0) throw new StreamError('unsupported-encoding', 'not UTF-8');
    if (code > 0xffff ? code > nameCodeMax : (nameClasses[code]! & wanted) === 0) isName = false;
    wanted = NAME;
  }
  return isName;
}

/** Whether this UTF-8 holds U+FFFE or U+FFFF, which, apart from controls, are the only characters that XML forbids (§2.2). */
function hasNoncharacter(bytes: Uint8Array): boolean {
  const first = bytes.indexOf(0xef);
  if (first < 0) return false;
  for (let at = first + 2; at < bytes.length; at += 1) {
    if (bytes[at]! >= 0xbe && bytes[at - 1] === 0xbf && bytes[at - 2] === 0xef) return true;
  }
  return false;
}

/**
 * Checks bytes over 0x7F: strict UTF-8 (without surrogates and overlong forms), and only characters that XML allows.
 * @throws {StreamError} unsupported-encoding (RFC 6120 §4.9.3.22), or not-well-formed (§4.9.3.13)
 */
export function checkCharacters(bytes: Uint8Array): void {
  if (!isUtf8(bytes)) throw new StreamError('unsupported-encoding', 'not UTF-8');
  if (hasNoncharacter(bytes)) throw new StreamError('not-well-formed', 'XML does not allow U+FFFE or U+FFFF');
}

/** Whether a text could be sent as XML: it has only characters that XML allows (§2.2), and no half of a surrogate pair alone. */
export function isXmlText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what XML cannot carry
  return !/[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]|\p{Surrogate}/u.test(text);
}

function isXmlCharacter(code: number): boolean {
  return (
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  );
}

/** The code of a hexadecimal or decimal digit, or -1. */
function digitOf(byte: number, base: 10 | 16): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return base === 16 && letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** @returns the character's code, or -1 if the bytes between `&#` and `;` are not the number of an allowed character */
function numericReference(bytes: Uint8Array, start: number, end: number): number {
  const base = bytes[start] === 0x78 ? 16 : 10;
  const first = base === 16 ? start + 1 : start;
  let code = 0;
  for (let at = first; at < end; at += 1) {
    const digit = digitOf(bytes[at]!, base);
    if (digit < 0 || code > 0x10ffff) return -1;
    code = code * base + digit;
  }
  return first < end && isXmlCharacter(code) ? code : -1;
}

/** The result of looking at a reference: 'restricted' is an entity that only a DTD could define (RFC 6120 §11.1). */
export type ReferenceVerdict = 'good' | 'restricted' | 'malformed';

/** Looks at the ASCII text between `&` and `;`. */
export function checkReference(bytes: Uint8Array, start: number, end: number): ReferenceVerdict {
  if (bytes[start] === 0x23) return numericReference(bytes, start + 1, end) < 0 ? 'malformed' : 'good';
  if (end - start <= 4 && isEntity(bytes, start, end)) return 'good';
  return isNcName(bytes, start, end) ? 'restricted' : 'malformed';
}

const entityNames = Object.keys(entities).map((name) => Buffer.from(name));

function isEntity(bytes: Uint8Array, start: number, end: number): boolean {
  for (const name of entityNames) {
    let at = 0;
    while (at < name.length && name[at] === bytes[start + at]) at += 1;
    if (at === name.length && at === end - start) return true;
  }
  return false;
}
