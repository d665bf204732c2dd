/**
 * XEP-0313: Message Archive Management, `urn:xmpp:mam:2` and `#extended`.
 *
 * The rows are described in archive/archive.ts, and the preferences (XEP-0441) are one row. Groupchat messages are only in the
 * archives of rooms (§5.1.1). Left out: count and index of RSM, because counting would read the whole archive. All routes are for the account itself. Everybody else gets `service-unavailable`, whether the account exists or
 * not.
 *
 * DEVIATION: §3 requires ids that cannot be predicted. Ours can be sorted, because they are keys of the archive. Knowing an id
 * gives access to nothing.
 */
import { archiveForm, finElement, NS_MAM as NS, readArchiveRequest } from '../../../lib/runtime/archive-page.ts';
import { searchFields } from '../../../lib/runtime/archive-search.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import type { Field } from '../../../lib/xmpp/data-form.ts';
import { type Element, escapeAttribute } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type ArchiveEntry, type Direction, isArchived, keepEntry } from '../archive/archive.ts';
import { archiveMetadata, queryArchive, stampOf } from '../archive/archive-query.ts';
import { readsArchive } from '../archive/cursor.ts';
import { preferences } from '../archive/preferences.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { isGuest } from '../core/guests.ts';
import type { Pending } from '../core/stages.ts';

const features = [NS, `${NS}#extended`, `${NS}#groupchat-field`, 'http://jabber.org/protocol/rsm'];

export const archive: AccountFeature = {
  spec: 'XEP-0313',
  version: '1.1.3',
  title: 'Message Archive Management',
  note: 'Without RSM count and index, which §4.3 leaves to the server: counting would read the whole archive.',
  disco: { account: features },
  iq: [
    { type: 'get', ns: NS, name: 'query', to: 'self', handle: (_request, account) => archiveForm(furtherFields(account)) },
    { type: 'set', ns: NS, name: 'query', to: 'self', handle: query },
    { type: 'get', ns: NS, name: 'metadata', to: 'self', handle: (_request, account) => archiveMetadata(account) },
  ],
  outbound: {
    reads: [preferences],
    keep: (stanza, account, id) => keep(stanza, account, id, 'out'),
  },
  inbound: { reads: [preferences], keep: (stanza, account, id) => keep(stanza, account, id, 'in') },
};

/** Keeps each message once (§5.1.1). A message to oneself is kept when it arrives. */
function keep(stanza: Stanza, account: Account, id: string, direction: Direction): Pending {
  if (isGuest(account) || (direction === 'out' && stanza.to!.bare.equals(account.jid))) return;
  const isIn = isArchived(account, stanza, direction);
  if (typeof isIn !== 'boolean') return isIn.then((answer) => keepEntry(account, id, stanza, direction, answer));
  keepEntry(account, id, stanza, direction, isIn);
}

/** §4.1.4: this field changes nothing, because the archive has no groupchat messages (§6). */
const groupchatField = { var: 'include-groupchat', type: 'boolean' } as const;

function furtherFields({ tenant, turn }: Account): readonly Field[] {
  return [groupchatField, ...searchFields(tenant, turn.dependencies.store)];
}

/** Answers a query (§4). The results are sent before the answer, on the same stream. */
async function query(request: Element, account: Account): Promise<Element> {
  const { query: wanted, page: asked, isFlipped, queryid } = readArchiveRequest(request, furtherFields(account));
  const { archiveQueries, archiveSearches } = account.turn.dependencies.shares;
  const who = account.jid.toString();
  if (!archiveQueries.take(who) || (wanted.text !== undefined && !archiveSearches.take(who))) {
    throw new StanzaError('resource-constraint', 'too many queries of the archive; try again in a moment');
  }
  const page = await queryArchive(account, wanted, asked);
  // A client that reads the whole archive, and not one conversation or message, does not need the queue (archive/cursor.ts).
  const isAll = !wanted.with && !wanted.ids && !wanted.text;
  if (isAll) await account.updateSession((session) => readsArchive.with(session, true));
  const head = resultHead(account, queryid);
  for (const item of isFlipped ? page.items.toReversed() : page.items) account.turn.origin?.reply(resultMessage(head, item));
  return finElement(page);
}

/** The beginning that all results of a page have in common (§4.2). */
function resultHead(account: Account, queryid: string | undefined): string {
  const [from, to] = [account.jid, account.fullJid].map((jid) => escapeAttribute(jid.toString()));
  const asked = queryid === undefined ? '' : ` queryid='${escapeAttribute(queryid)}'`;
  return `<message from='${from}' to='${to}'><result xmlns='${NS}'${asked}`;
}

function resultMessage(head: string, { key: id, value }: Item<ArchiveEntry>): Buffer {
  const stanza = Stanza.parse(value.xml);
  const delay = `<delay xmlns='urn:xmpp:delay' stamp='${stampOf(id, value)}'/>`;
  return Buffer.concat([
    Buffer.from(`${head} id='${id}'><forwarded xmlns='urn:xmpp:forward:0'>${delay}`),
    stanza.render(stanza.attributes, { xmlns: 'jabber:client' }),
    resultEnd,
  ]);
}

const resultEnd = Buffer.from('</forwarded></result></message>');
