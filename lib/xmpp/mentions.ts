/** Whether a message of a room names somebody: in its text, by a reference (XEP-0372), or as an answer (XEP-0461). */
import type { Stanza } from './stanza.ts';

export interface Named {
  /** The bare JID, and the address in the room if it is known. */
  readonly addresses: readonly string[];
  readonly nick?: string | undefined;
}

const NS_REFERENCE = 'urn:xmpp:reference:0';
const NS_REPLY = 'urn:xmpp:reply:0';

export function mentions(message: Stanza, { addresses, nick }: Named): boolean {
  const text = message.body?.toLowerCase() ?? '';
  if (nick !== undefined && hasWord(text, nick.toLowerCase())) return true;
  if (addresses.some((address) => hasWord(text, address.toLowerCase()))) return true;
  return message.children.some((child) => {
    if (child.ns === NS_REPLY && child.name === 'reply') return addresses.includes(message.elementOf(child).attrs.to ?? '');
    if (child.ns !== NS_REFERENCE || child.name !== 'reference') return false;
    const { type, uri = '' } = message.elementOf(child).attrs as { type?: string; uri?: string };
    return type === 'mention' && addresses.includes(addressIn(uri));
  });
}

/** The address of an `xmpp:` URI (RFC 5122), without its query. */
function addressIn(uri: string): string {
  const address = /^xmpp:([^?#]*)/i.exec(uri)?.[1] ?? '';
  try {
    return decodeURIComponent(address);
  } catch (error) {
    if (error instanceof URIError) return '';
    throw error;
  }
}

/** Does the text have the word, and not only as a part of a longer one? */
function hasWord(text: string, word: string): boolean {
  if (word === '') return false;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    if (!isLetter(text, at - 1) && !isLetter(text, at + word.length)) return true;
  }
  return false;
}

/** Half of a surrogate pair counts as a letter only if its pair is one, which is rare enough to be ignored. */
function isLetter(text: string, at: number): boolean {
  return /[\p{L}\p{N}_]/u.test(text.charAt(at));
}
