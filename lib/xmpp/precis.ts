/**
 * PRECIS: which texts may be user names, resources and nicknames, and when two of them are equal.
 *
 * RFC 8264 (string classes), RFC 8265 (UsernameCaseMapped, OpaqueString), RFC 8266 (Nickname), RFC 5892 appendix A (contextual
 * rules), RFC 5893 (Bidi rule). The classes are derived from the properties that the JavaScript engine knows, so they follow its
 * Unicode version, as RFC 8264 §13 intends. Joining types and bidirectional classes, which it lacks, come from tr46.
 */
import regexes from 'tr46/lib/regexes.js';

/** RFC 8264 §9.6, exceptions: valid whatever their properties. */
const exceptionsValid = '\\u00DF\\u03C2\\u06FD\\u06FE\\u0F0B\\u3007';
/** RFC 8264 §9.6, exceptions: never valid. */
const exceptionsInvalid = '\\u0640\\u07FA\\u302E\\u302F\\u3031-\\u3035\\u303B';
/** RFC 8264 §9.9: Hangul_Syllable_Type L, V and T. */
const oldHangulJamo = '\\u1100-\\u11FF\\uA960-\\uA97C\\uD7B0-\\uD7C6\\uD7CB-\\uD7FB';
const joinControls = '\\u200C\\u200D';
/** RFC 5892 §2.6, CONTEXTO. */
const contextual = '\\u00B7\\u0375\\u05F3\\u05F4\\u30FB\\u0660-\\u0669\\u06F0-\\u06F9';
/** RFC 8264 §9.1, LetterDigits; and §9.15 to §9.18, which only the FreeformClass has. */
const letterDigits = '\\p{Ll}\\p{Lu}\\p{Lo}\\p{Nd}\\p{Lm}\\p{Mn}\\p{Mc}';
const freeform = '\\p{Lt}\\p{Nl}\\p{No}\\p{Me}\\p{Zs}\\p{S}\\p{P}';
const disallowed = `${exceptionsInvalid}${oldHangulJamo}\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}\\p{Cc}`;

/**
 * Identifiers also take no character with a compatibility mapping (RFC 8264 §9.17), which a pattern cannot say: see `hasCompat`.
 */
const identifierCharacters = new RegExp(
  `^[[${exceptionsValid}${joinControls}${contextual}!-~][[${letterDigits}]--[${disallowed}]]]+$`,
  'v',
);
const freeformCharacters = new RegExp(
  `^[[${exceptionsValid}${joinControls}${contextual} -~][[${letterDigits}${freeform}]--[${disallowed}]]]+$`,
  'v',
);
const contextualCharacter = new RegExp(`[${joinControls}${contextual}]`, 'u');
const wideOrNarrow = /[\u3000\uFF01-\uFFEE]/g;

/** What is left alone as a whole holds no such character, and that is soon said. */
function hasCompat(text: string): boolean {
  if (text.normalize('NFKC') === text) return false;
  for (const character of text) if (character > '\x7F' && character.normalize('NFKC') !== character) return true;
  return false;
}

/** RFC 5892 appendix A.1: a ZWNJ is allowed between letters that join. The patterns span the text from one ZWNJ to the next. */
function joinsBothSides(characters: readonly string[], index: number): boolean {
  let start = index;
  let end = index + 1;
  while (start > 0 && characters[start - 1] !== '\u200C') start -= 1;
  while (end < characters.length && characters[end] !== '\u200C') end += 1;
  return regexes.validZWNJ.test(characters.slice(start, end).join(''));
}

/** RFC 5892 appendix A.1 to A.6: whether a character has the neighbours that it requires. */
function fitsNeighbours(characters: readonly string[], index: number): boolean {
  const before = characters[index - 1] ?? '';
  const after = characters[index + 1] ?? '';
  switch (characters[index]) {
    case '\u200C':
      return regexes.combiningClassVirama.test(before) || joinsBothSides(characters, index);
    case '\u200D':
      return regexes.combiningClassVirama.test(before);
    case '\u00B7':
      return before === 'l' && after === 'l';
    case '\u0375':
      return /\p{Script=Greek}/u.test(after);
    case '\u05F3':
    case '\u05F4':
      return /\p{Script=Hebrew}/u.test(before);
    default:
      return true;
  }
}

/** RFC 5892 appendix A.1 to A.9. */
function fitsContexts(text: string): boolean {
  if (!contextualCharacter.test(text)) return true;
  if (/\u30FB/.test(text) && !/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text)) return false;
  if (/[\u0660-\u0669]/.test(text) && /[\u06F0-\u06F9]/.test(text)) return false;
  const characters = [...text];
  return characters.every((_, index) => fitsNeighbours(characters, index));
}

/** RFC 8264 §4.2. */
function isIdentifier(text: string): boolean {
  return identifierCharacters.test(text) && !hasCompat(text) && fitsContexts(text);
}

/** RFC 8264 §4.3. */
function isFreeform(text: string): boolean {
  return freeformCharacters.test(text) && fitsContexts(text);
}

/** RFC 5893 §2, for texts with a right-to-left character; others pass. */
function fitsBidiRule(text: string): boolean {
  return !regexes.bidiDomain.test(text) || fitsBidiLabel(text);
}

/** RFC 5893 §2, the six conditions. */
export function fitsBidiLabel(text: string): boolean {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  if (regexes.bidiS1RTL.test(first)) {
    return (
      regexes.bidiS2.test(text) && regexes.bidiS3.test(text) && !(regexes.bidiS4EN.test(text) && regexes.bidiS4AN.test(text))
    );
  }
  return regexes.bidiS1LTR.test(first) && regexes.bidiS5.test(text) && regexes.bidiS6.test(text);
}

/** RFC 8265 §3.3. @returns undefined when the text is not a valid user name */
export function usernameCaseMapped(text: string): string | undefined {
  if (/^[!-~]+$/.test(text)) return text.toLowerCase();
  // NFKC of one such character is its width mapping, or (Hangul jamo, macron) leads to something that is refused either way.
  const mapped = text.replace(wideOrNarrow, (character) => character.normalize('NFKC'));
  if (!isIdentifier(mapped)) return undefined;
  const name = mapped.toLowerCase().normalize('NFC');
  return (name === mapped || isIdentifier(name)) && fitsBidiRule(name) ? name : undefined;
}

/** RFC 8265 §4.2. @returns undefined when the text is not a valid OpaqueString */
export function opaqueString(text: string): string | undefined {
  if (/^[ -~]+$/.test(text)) return text;
  if (!isFreeform(text)) return undefined;
  const prepared = text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
  // Composing may produce a character with a contextual rule: U+0387 becomes the middle dot.
  return prepared === text || isFreeform(prepared) ? prepared : undefined;
}

/** RFC 8266 §2: applied until it changes nothing, at most as often as RFC 8264 §7 allows. NFKC may produce invalid characters. */
function applyNickname(text: string, fold: (text: string) => string): string | undefined {
  let before = text;
  for (let round = 0; round < 4; round += 1) {
    if (!isFreeform(before)) return undefined;
    const after = fold(before.replace(/\p{Zs}+/gu, ' ').replace(/^ | $/g, '')).normalize('NFKC');
    if (after === before) return after;
    before = after;
  }
  return undefined;
}

/** RFC 8266 §2.3: the form to show. @returns undefined when the text is not a valid nickname */
export function nickname(text: string): string | undefined {
  return applyNickname(text, (nick) => nick);
}

/** RFC 8266 §2.4: two nicknames are equal when their keys are. @returns undefined when the text is not a valid nickname */
export function nicknameKey(text: string): string | undefined {
  return applyNickname(text, (nick) => nick.toLowerCase());
}

/**
 * Whether an internationalized label holds only what IDNA2008 allows; UTS 46 alone would also accept symbols. (The rules of RFC
 * 5892 for letters and digits are those of the IdentifierClass.)
 */
export function isUnicodeLabel(label: string): boolean {
  return isIdentifier(label);
}
