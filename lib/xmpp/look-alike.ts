/**
 * Tells when two names look the same (Unicode TR 39). Letters that are drawn like Latin ones are treated as Latin, for Cyrillic,
 * Greek, Armenian and small capitals, so that `Јuliet` cannot pass for `Juliet`.
 *
 * Scripts in which only a few letters look like Latin ones are left out on purpose: the name of an account may not mix them with
 * Latin (`mixesScripts`).
 */

/** Pairs of a look-alike and its Latin letter, in lower case. Each is one UTF-16 unit. */
const pairs = [
  'аa вb еe ѕs іi јj кk мm нh оo рp сc тt уy хx ԁd ԛq ԝw һh ӏl гr пn ѵv', // Cyrillic
  'αa βb γy εe ηn ιi κk νv οo ρp τt υu χx ωw', // Greek
  'օo սu հh ոn զq ցg', // Armenian
  'ɑa ɡg ıi ȷj', // Latin itself
  'ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz', // small capitals
];

const alike = new Map(pairs.flatMap((line) => line.split(' ')).map((pair) => [pair[0]!, pair[1]!] as const));

/** @param text in lower case */
export function latinLook(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return [...text].map((letter) => alike.get(letter) ?? letter).join('');
}

/**
 * Two names that look the same in most fonts have the same skeleton: `paypa1` and `paypal`, `rnark` and `mark`.
 * @param text in lower case
 */
export function skeleton(text: string): string {
  return latinLook(text).replaceAll('0', 'o').replaceAll('1', 'l').replaceAll('m', 'rn').replaceAll('w', 'vv');
}

/** Scripts that may be combined, besides any single script (TR 39 §5.2, highly restrictive). */
const together = ['Latin Han Hiragana Katakana', 'Latin Han Bopomofo', 'Latin Han Hangul'].map((names) => names.split(' '));
const scripts = [
  ...[
    'Latin',
    'Cyrillic',
    'Greek',
    'Armenian',
    'Hebrew',
    'Arabic',
    'Syriac',
    'Thaana',
    'Devanagari',
    'Bengali',
    'Gurmukhi',
    'Gujarati',
  ],
  ...['Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Thai', 'Lao', 'Tibetan', 'Myanmar', 'Georgian', 'Hangul'],
  ...[
    'Ethiopic',
    'Cherokee',
    'Canadian_Aboriginal',
    'Khmer',
    'Mongolian',
    'Hiragana',
    'Katakana',
    'Bopomofo',
    'Han',
    'Coptic',
    'Lisu',
  ],
].map((name) => ({ name, letter: new RegExp(`\\p{Script_Extensions=${name}}`, 'u') }));
const belongsToAll = /[\p{Script=Common}\p{Script=Inherited}]/u;

/**
 * Whether a text mixes scripts that nobody combines in one name (TR 39 §5.2). A name in a script that is not listed may use no
 * other.
 */
export function mixesScripts(text: string): boolean {
  const letters = [...text].filter((letter) => !belongsToAll.test(letter));
  const isOf = (names: readonly string[]) =>
    letters.every((letter) => scripts.some(({ name, letter: pattern }) => names.includes(name) && pattern.test(letter)));
  if (letters.length === 0 || scripts.some(({ name }) => isOf([name])) || together.some(isOf)) return false;
  return letters.some((letter) => scripts.some(({ letter: pattern }) => pattern.test(letter)));
}
