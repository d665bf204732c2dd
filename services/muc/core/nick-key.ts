/** When two nicks are the same: RFC 8266 §2.4, and when they look the same. */
import { latinLook } from '../../../lib/xmpp/look-alike.ts';
import { nicknameKey } from '../../../lib/xmpp/precis.ts';

/** Equal for two nicks that are one. @returns undefined when the text is not a nick */
export function nickKey(text: string): string | undefined {
  const key = nicknameKey(text);
  return key === undefined ? undefined : latinLook(key);
}
