/**
 * Errors from one occupant to another. They are answers, so they are passed on whatever the room's rules for messages are.
 * Therefore they carry nothing but the error, although RFC 6120 §8.3.1 lets them repeat the stanza that they answer. Where the
 * room would not let the one write to the other, even the error is reduced to what cannot be a message.
 */

import { xml } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT } from '../core/namespaces.ts';
import { roomLimits } from '../limits.ts';

const NS_STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const types = new Set(['auth', 'cancel', 'continue', 'modify', 'wait']);

/** @param mayWrite the sender of the error could send a message, too. @returns undefined when the error is not one of RFC 6120 */
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
