/**
 * XEP-0424: Message Retraction between people. A retraction is archived and delivered as any other message. In the archives of both sides, what
 * it takes back becomes a tombstone (archive/retraction.ts), as soon as the retraction itself is kept: then also what came in the same batch is
 * there to be found. Of rooms, only private messages are meant: the rooms' worker does the rest.
 */
import { messageType } from '../../../lib/xmpp/message-type.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Direction, isArchived } from '../archive/archive.ts';
import { preferences } from '../archive/preferences.ts';
import { bury, NS_RETRACT } from '../archive/retraction.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';

export const retraction: AccountFeature = {
  spec: 'XEP-0424',
  version: '0.4.2',
  title: 'Message Retraction, with tombstones',
  note: 'A message is found by its `id` among the last ones with the peer: at most 1,000 messages of all are looked at.',
  disco: { host: [NS_RETRACT], account: [NS_RETRACT, `${NS_RETRACT}#tombstone`] },
  outbound: { reads: [preferences], keep: (stanza, account) => retract(stanza, account, 'out') },
  inbound: { reads: [preferences], keep: (stanza, account) => retract(stanza, account, 'in') },
};

function retract(stanza: Stanza, account: Account, direction: Direction): void {
  if (!stanza.hasChild('retract', NS_RETRACT)) return;
  const type = messageType(stanza);
  if (type !== 'chat' && type !== 'normal') return;
  if (direction === 'out' && stanza.to!.bare.equals(account.jid)) return; // it is kept when it arrives
  // §5: the retraction is in the archive, or nothing says what became of the message.
  account.turn.afterCommit(async () => {
    if (await isArchived(account, stanza, direction)) await bury(account, stanza, direction);
  });
}
