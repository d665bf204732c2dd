/**
 * When two nicks are the same: RFC 8266 §2.4, and when they look the same. Letters of other scripts that are drawn like Latin ones
 * (Unicode TR 39, as far as Cyrillic, Greek and Armenian go) count as those, so that `Јuliet` cannot pass for `Juliet`.
 */
import { nicknameKey } from '../../../lib/xmpp/precis.ts';

/** A look-alike and its Latin letter, in lower case. All are of one UTF-16 unit. */
const pairs = [
  'аa вb еe ѕs іi јj кk мm нh оo рp сc тt уy хx ԁd ԛq ԝw һh ӏl гr пn ѵv', // Cyrillic
  'αa βb γy εe ηn ιi κk νv οo ρp τt υu χx ωw', // Greek
  'օo սu հh ոn զq ցg', // Armenian
  'ɑa ɡg ıi ȷj', // Latin itself
];

const alike = new Map(pairs.flatMap((line) => line.split(' ')).map((pair) => [pair[0]!, pair[1]!] as const));

/** Equal for two nicks that are one. @returns undefined when the text is no nick */
export function nickKey(text: string): string | undefined {
  const key = nicknameKey(text);
  if (key === undefined || /^[ -~]*$/.test(key)) return key;
  return [...key].map((letter) => alike.get(letter) ?? letter).join('');
}
