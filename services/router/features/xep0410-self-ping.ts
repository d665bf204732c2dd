/**
 * XEP-0410: after an interruption, the owner of the pair of domains (services/federation) asks rooms on the other server whether our sessions
 * are still inside, in their names. This file takes the answers: a session that is out is told by `unavailable` presence (XEP-0045 §16.1.2),
 * and the room is taken from the addresses that have its presence.
 */
import { selfPingPrefix } from '../../../lib/runtime/pair-wire.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';

export const roomSelfPing: AccountFeature = {
  spec: 'XEP-0410',
  version: '1.1.0',
  title: 'MUC Self-Ping: of sessions in rooms on other servers, after an interruption',
  note: 'A process that has just taken over the streams to a server does not know who was in its rooms before.',
  answersForSessions: { idPrefix: selfPingPrefix, take: takeAnswer },
};

/** §2. The first two say that the client is there and cannot be pinged; the others, that its server could not be asked. */
const undecided = ['service-unavailable', 'feature-not-implemented', 'remote-server-not-found', 'remote-server-timeout'];

/** A nick that is not found is out: the room, or all of its occupants, are forgotten there. Changes of the nick are known here. */
function takeAnswer(account: Account, iq: Stanza): void {
  if (iq.type !== 'error' || undecided.includes(conditionOf(iq))) return;
  const { from, to } = iq as { readonly from: Jid; readonly to: Jid };
  const isInside = ({ resource, directed = [] }: SessionEntry) =>
    resource === to.resource && directed.some((address) => Jid.parse(address).bare.equals(from.bare));
  account.withSessions((sessions) => {
    const gone = sessions.filter(isInside);
    if (gone.length === 0) return; // it has left meanwhile
    account.deliverTo(gone, Buffer.from(removal(from, to).toString()), false);
    account.turn.afterHandOver(() => forget(account, to.resource, from.bare));
  });
}

async function forget(account: Account, resource: string, room: Jid): Promise<void> {
  await account.updateSessions((sessions) =>
    sessions.map((entry) =>
      entry.resource === resource
        ? { ...entry, directed: entry.directed?.filter((address) => !Jid.parse(address).bare.equals(room)) }
        : entry,
    ),
  );
}

function removal(from: Jid, to: Jid): Element {
  const item = xml('item', { affiliation: 'none', role: 'none' });
  const statuses = ['110', '333'].map((code) => xml('status', { code }));
  const occupant = xml('x', { xmlns: 'http://jabber.org/protocol/muc#user' }, item, ...statuses);
  return xml('presence', { from: from.toString(), to: to.toString(), type: 'unavailable' }, occupant);
}

function conditionOf(iq: Stanza): string {
  const error = iq.children.find(({ name }) => name === 'error');
  const conditions = error === undefined ? [] : iq.elementOf(error).getChildElements();
  return conditions.find(({ attrs }) => attrs.xmlns === 'urn:ietf:params:xml:ns:xmpp-stanzas')?.getName() ?? '';
}
