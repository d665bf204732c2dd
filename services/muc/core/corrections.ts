/**
 * Corrections (XEP-0308) of a message that is retracted (XEP-0424, XEP-0425). The text is in the first message and in each
 * correction, and all of them are retracted together, whichever of them the retraction names. They are looked for among a bounded
 * number of messages around the one that is named.
 */

import type { Item, Rows } from '../../../lib/runtime/rows.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { roomLimits } from '../limits.ts';
import { NS_CORRECT, NS_OCCUPANT_ID } from './namespaces.ts';
import { type Archived, messages } from './room-rows.ts';

/** The `id` that the sender gave to the first message of this text, and whether this message is a correction of it. */
function textOf({ xml }: Archived): { readonly id: string | undefined; readonly isCorrection: boolean } {
  const stanza = Stanza.parse(xml);
  const corrected = stanza.child('replace', NS_CORRECT)?.attrs.id;
  return { id: corrected ?? stanza.id, isCorrection: corrected !== undefined };
}

/** Names the account that wrote the entry. A later account of the same name has another occupant id. */
function writerOf({ jid, xml }: Archived): string {
  return `${Jid.parse(jid).bare} ${Stanza.parse(xml).child('occupant-id', NS_OCCUPANT_ID)?.attrs.id}`;
}

/** The other messages with the same text. @param since archive ids up to this one belong to an earlier room */
export async function versionsOf(rows: Rows, since: string, named: Item<Archived>): Promise<Item<Archived>[]> {
  const { id, isCorrection } = textOf(named.value);
  if (id === undefined || named.value.retracted) return [];
  const writer = writerOf(named.value);
  const limit = roomLimits.correctionsScanMax;
  const isOfText = (wantsCorrection: boolean, { value }: Item<Archived>) => {
    if (value.retracted || writerOf(value) !== writer) return false;
    const text = textOf(value);
    return text.id === id && text.isCorrection === wantsCorrection;
  };
  const before = isCorrection ? await rows.list(messages, { after: since, before: named.key, backward: true, limit }) : [];
  const original = before.find((item) => isOfText(false, item)) ?? named;
  const after = await rows.list(messages, { after: original.key, limit });
  const found = [original, ...after.filter((item) => isOfText(true, item))];
  return found.filter(({ key }) => key !== named.key);
}
