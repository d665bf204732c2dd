/** Two nicks count as the same when RFC 8266 §2.4 says so, or when they look the same. */
import { latinLook } from '../../../lib/xmpp/look-alike.ts';
import { nicknameKey } from '../../../lib/xmpp/precis.ts';

/** The same text for nicks that count as the same. @returns undefined when the text cannot be a nick */
export function nickKey(text: string): string | undefined {
  const key = nicknameKey(text);
  return key === undefined ? undefined : latinLook(key);
}
