/** What a room sends: bytes of a stanza without `to`, and the recipients. */

import type { SessionAddress } from '../../../lib/runtime/wire.ts';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';

export interface Recipient {
  readonly jid: Jid;
  /** Where its session is held. Absent for other domains, and for bare JIDs, for which a router decides. */
  readonly address?: SessionAddress | undefined;
}

export interface Sending {
  readonly bytes: Buffer;
  readonly recipients: readonly Recipient[];
  /** Set for a message to all: a node that has given it to a client does not give it to the client again. */
  readonly dedupeKey?: string | undefined;
  /** Sessions that are to get it from the archive, because they have missed an earlier message. */
  readonly later?: readonly Recipient[] | undefined;
  /** It is from the archive, for a session that has missed it. */
  readonly isLate?: true;
}

/** Attributes as XML text with a leading space each; undefined ones are left out. */
export function attributesText(attributes: Readonly<Record<string, string | undefined>>): string {
  let text = '';
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) text += ` ${name}='${escapeAttribute(value)}'`;
  }
  return text;
}

/**
 * Writes attributes into the opening tag of a stanza that a `Stanza` has rendered, and children at its end.
 *
 *     <presence><show>away</show></presence>  →  <presence from='…'><show>away</show><x/></presence>
 */
export function decorate(stanza: string, attributes: Readonly<Record<string, string | undefined>>, append = ''): string {
  const nameEnd = /^<[a-z]+/.exec(stanza)![0].length;
  const name = stanza.slice(1, nameEnd);
  const opening = stanza.slice(0, nameEnd) + attributesText(attributes);
  const rest = stanza.slice(nameEnd);
  if (append === '') return opening + rest;
  // Only an empty element ends like this; others end with their closing tag.
  if (rest.endsWith('/>') && !rest.includes('<')) return `${opening}${rest.slice(0, -2)}>${append}</${name}>`;
  return `${opening}${rest.slice(0, -`</${name}>`.length)}${append}</${name}>`;
}
