/**
 * Errors from one occupant to another. They are answers, so they pass whatever the room's rules for messages are; therefore they carry
 * the error and nothing else (RFC 6120 §8.3.1 lets them repeat what they answer), and of the error only what cannot be a message where
 * the room would not let the one write to the other.
 */

import { xml } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT } from '../core/namespaces.ts';
import { roomLimits } from '../limits.ts';

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const types = new Set(['auth', 'cancel', 'continue', 'modify', 'wait']);

/** @param mayWrite whoever sends the error could send a message, too. @returns undefined: it is not an error that RFC 6120 knows */
export function errorOnly(
  stanza: Stanza,
  attributes: Readonly<Record<string, string | undefined>>,
  mayWrite: boolean,
): Buffer | undefined {
  const error = stanza.child('error', NS_CLIENT);
  const condition = error?.getChildElements().find((child) => child.getNS() === NS_STANZAS && child.getName() !== 'text');
  if (error === undefined || condition === undefined) return undefined;
  if (mayWrite && Buffer.byteLength(error.toString()) <= roomLimits.errorBytesMax) {
    return stanza.render({ ...attributes, type: 'error' }, { drop: (child) => stanza.elementOf(child) !== error });
  }
  const { type = '' } = error.attrs;
  const bare = xml('error', { type: types.has(type) ? type : 'cancel' }, xml(condition.getName(), { xmlns: NS_STANZAS }));
  return Buffer.from(xml(stanza.name, { ...attributes, type: 'error' }, bare).toString());
}
