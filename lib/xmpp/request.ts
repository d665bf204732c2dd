/** Tells requests from other stanzas (RFC 6120 §8.2.3): the sender of a request waits for an answer. */
import { Stanza } from './stanza.ts';

const iqTag = Buffer.from('<iq');

/** Parses only what begins like an iq. @returns undefined unless it is of type get or set. @param bytes in the canonical form */
export function parseRequest(bytes: Buffer): Stanza | undefined {
  if (!bytes.subarray(0, iqTag.length).equals(iqTag)) return undefined;
  const stanza = Stanza.parse(bytes);
  return stanza.type === 'get' || stanza.type === 'set' ? stanza : undefined;
}
