/**
 * XEP-0308 and what is taken back (XEP-0424, XEP-0425): a text that was corrected stands in several messages, and goes from all of them,
 * whichever the retraction names. They are looked for among so many messages around the one that is named.
 */

import type { Item, Rows } from '../../../lib/runtime/rows.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { roomLimits } from '../limits.ts';
import { NS_CORRECT, NS_OCCUPANT_ID } from './namespaces.ts';
import { type Archived, messages } from './room-rows.ts';

/** The `id` that its sender gave the text first, and whether this message is a correction of it. */
function textOf({ xml }: Archived): { readonly id: string | undefined; readonly isCorrection: boolean } {
  const stanza = Stanza.parse(xml);
  const corrected = stanza.child('replace', NS_CORRECT)?.attrs.id;
  return { id: corrected ?? stanza.id, isCorrection: corrected !== undefined };
}

/** An account: a later one of the same name has another occupant id. */
function writerOf({ jid, xml }: Archived): string {
  return `${Jid.parse(jid).bare} ${Stanza.parse(xml).child('occupant-id', NS_OCCUPANT_ID)?.attrs.id}`;
}

/** The other messages of the same text. @param since archive ids up to this one are of an earlier room */
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
