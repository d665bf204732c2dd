/** Requests among stanzas (RFC 6120 §8.2.3): who sends one waits for an answer. */
import { Stanza } from './stanza.ts';

const iqTag = Buffer.from('<iq');

/** undefined: no iq of type get or set. Only what begins like one is parsed. @param bytes in the canonical form */
export function parseRequest(bytes: Buffer): Stanza | undefined {
  if (!bytes.subarray(0, iqTag.length).equals(iqTag)) return undefined;
  const stanza = Stanza.parse(bytes);
  return stanza.type === 'get' || stanza.type === 'set' ? stanza : undefined;
}
