/** The ids of a stanza's trace, which follow from the id of the stanza. */
import { createHash } from 'node:crypto';

export interface Trace {
  /** 32 and 16 hexadecimal digits, as in W3C's Trace Context. */
  readonly traceId: string;
  /** The span under which all others are. */
  readonly rootId: string;
  /** From 0 to 1, evenly spread. A stanza is traced when this is less than the share of stanzas that are. */
  readonly lot: number;
}

export function traceOf(id: string): Trace {
  const digest = createHash('sha256').update(`skylark ${id}`).digest();
  const lot = digest.readUInt32BE(24) / 2 ** 32;
  return { traceId: digest.toString('hex', 0, 16), rootId: digest.toString('hex', 16, 24), lot };
}
