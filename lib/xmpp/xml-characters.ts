/**
 * Bytes and characters of XML 1.0 (fifth edition) and what they may stand for. §2.2, §2.3, §4.1.
 */
import { isUtf8 } from 'node:buffer';

/** May open a name; `:` is left out, the scanner treats it itself (Namespaces in XML §4). */
export const NAME_START = 1;
/** May go on in a name; `:` and bytes over 0x7F left out. */
export const NAME = 2;
export const SPACE = 4;
/** Ends a run of plain text: markup, `>` (of `]]>`), control characters, bytes over 0x7F. */
export const TEXT_STOP = 8;
/** Ends a run of a plain attribute value: as above, quotes, and white space that normalization turns into spaces. */
export const VALUE_STOP = 16;

/** For each byte, the classes above. */
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

const start =
  'A-Z_a-z\\xC0-\\xD6\\xD8-\\xF6\\xF8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C\\u200D\\u2070-\\u218F\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD\\u{10000}-\\u{EFFFF}';
const ncName = new RegExp(`^[${start}][${start}\\-.0-9\\xB7\\u0300-\\u036F\\u203F\\u2040]*$`, 'u');

/** A name without colon, for the rare name that is not ASCII. */
export function isNcName(text: string): boolean {
  return ncName.test(text);
}

/** Strict UTF-8 without U+FFFE and U+FFFF, which XML leaves out; surrogates are not UTF-8 in the first place. */
export function isXmlUtf8(bytes: Uint8Array): boolean {
  if (!isUtf8(bytes)) return false;
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] === 0xbf && (bytes[at + 2] ?? 0) >= 0xbe) return false;
  }
  return true;
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

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * @param name what stands between `&` and `;`
 * @returns the character; 'restricted' for an entity that only a DTD could define (RFC 6120 §11.1); 'malformed'
 */
export function readReference(name: string): string {
  const numeric = /^#(?:x([0-9A-Fa-f]+)|([0-9]+))$/.exec(name);
  if (numeric !== null) {
    const code = numeric[1] === undefined ? Number.parseInt(numeric[2] ?? '', 10) : Number.parseInt(numeric[1], 16);
    return isXmlCharacter(code) ? String.fromCodePoint(code) : 'malformed';
  }
  if (Object.hasOwn(entities, name)) return entities[name] ?? '';
  return isNcName(name) ? 'restricted' : 'malformed';
}

/** Text with references that a scanner has let through. */
function resolveReferences(text: string): string {
  return text.includes('&') ? text.replace(/&([^;]*);/g, (_, name: string) => readReference(name)) : text;
}

/** Character data as a reader sees it: line ends become LF (§2.11), then references are resolved. */
export function decodeText(raw: string): string {
  return resolveReferences(raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw);
}

/** An attribute's value as a reader sees it (§3.3.3): white space that is written plainly becomes spaces. */
export function decodeAttribute(raw: string): string {
  return resolveReferences(/[\t\n\r]/.test(raw) ? raw.replace(/\r\n|[\t\n\r]/g, ' ') : raw);
}
