/**
 * Internationalized domain names: the processing of UTS 46 §4, nontransitional, with UseSTD3ASCIIRules, CheckHyphens and CheckBidi, and
 * of the result only what IDNA2008 allows (RFC 5892). The rules for joiners (CheckJoiners) are among those.
 *
 * The tables are tr46's. Its functions are too slow for what anybody may send, 100 µs a name; a test compares both.
 */
import punycode from 'punycode/punycode.js';
import mappingTable from 'tr46/lib/mappingTable.json' with { type: 'json' };
import regexes from 'tr46/lib/regexes.js';
import { xmppLimits } from './limits.ts';
import { fitsBidiLabel, isUnicodeLabel } from './precis.ts';

/** What becomes of a character. */
const refused = 0;
const mapped = 1;
const valid = 2;
/** It stays, but is not valid: with a mark behind it, it may be composed to a character that is. */
const left = 3;
/** What the numbers in tr46's table stand for; the one that is left out is 3, disallowed. */
const statusOfTable = new Map([
  [1, mapped],
  [2, valid],
  [6, valid], // those that only the transitional processing maps
  [7, mapped], // to nothing
]);

/** What becomes of each code point. Most are refused, and the system keeps no memory for pages of zeros. */
const statuses = new Uint8Array(0x110000);
/** What each code point is mapped to; those that are mapped to nothing are left out. */
const mappings = new Map<number, string>();
for (const [range, status, mapping] of mappingTable) {
  const [first, last] = typeof range === 'number' ? [range, range] : range;
  const meaning = statusOfTable.get(status);
  if (meaning === undefined) continue;
  statuses.fill(meaning, first, last + 1);
  if (mapping === undefined || meaning !== mapped) continue;
  for (let code = first; code <= last; code += 1) mappings.set(code, mapping);
}
// UseSTD3ASCIIRules.
for (let code = 0; code < 0x80; code += 1) {
  if (statuses[code] === valid && !/[a-z0-9-]/.test(String.fromCharCode(code))) statuses[code] = left;
}

/** UTS 46 §4, step 1. @returns undefined where a character is never valid, whatever stands beside it */
function map(text: string): string | undefined {
  let done = '';
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at)!;
    const status = statuses[code];
    const next = at + (code > 0xffff ? 2 : 1);
    if (status === refused) return undefined;
    if (status === mapped) {
      done += text.slice(from, at) + (mappings.get(code) ?? '');
      from = next;
    }
    at = next;
  }
  return from === 0 ? text : done + text.slice(from);
}

/** The U-label of one that begins with `xn--`. */
function decode(label: string): string | undefined {
  try {
    const decoded = punycode.decode(label.slice(4));
    // A name has one spelling: nothing in Punycode that needs none or is not composed.
    const isCanonical = /[^\0-\x7F]/.test(decoded) && decoded.normalize('NFC') === decoded;
    return isCanonical ? decoded : undefined;
  } catch {
    return undefined;
  }
}

/** UTS 46 §4.1. */
function isValid(label: string): boolean {
  if (label === '' || label.length > 2 * xmppLimits.domainLabelOctetsMax || /^-|-$|^..--/su.test(label)) return false;
  for (let at = 0; at < label.length; at += 1) {
    const code = label.codePointAt(at)!;
    if (statuses[code] !== valid) return false;
    if (code > 0xffff) at += 1;
  }
  return !regexes.combiningMarks.test(String.fromCodePoint(label.codePointAt(0)!)) && isUnicodeLabel(label);
}

function octetsOf(label: string): number {
  return /[^\0-\x7F]/.test(label) ? 4 + punycode.encode(label).length : label.length;
}

/** @param text without hostile lengths. @returns the name in U-labels, without a dot at its end; undefined when it is not such a name */
export function unicodeDomain(text: string): string | undefined {
  const labels: string[] = [];
  for (const label of map(text)?.normalize('NFC').replace(/\.$/, '').split('.') ?? ['']) {
    const isEncoded = label.startsWith('xn--');
    const decoded = isEncoded ? decode(label) : label;
    if (decoded === undefined || !isValid(decoded)) return undefined;
    // Punycode has one spelling of each label (RFC 3492 §6.2), so what was decoded would be encoded to the same.
    if ((isEncoded ? label.length : octetsOf(decoded)) > xmppLimits.domainLabelOctetsMax) return undefined;
    labels.push(decoded);
  }
  const name = labels.join('.');
  // RFC 5893 §2: one label that is written from right to left makes demands on all.
  return !regexes.bidiDomain.test(name) || labels.every(fitsBidiLabel) ? name : undefined;
}

/** The name as DNS and certificates have it, in A-labels. @returns undefined when it is not such a name, or too long for DNS */
export function asciiDomain(text: string): string | undefined {
  const labels = unicodeDomain(text)?.split('.');
  const name = labels?.map((label) => (/[^\0-\x7F]/.test(label) ? `xn--${punycode.encode(label)}` : label)).join('.');
  return name !== undefined && name.length <= xmppLimits.domainCharactersMax ? name : undefined;
}
