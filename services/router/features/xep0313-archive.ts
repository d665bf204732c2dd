/**
 * XEP-0313: Message Archive Management, `urn:xmpp:mam:2` and `#extended`.
 *
 * Rows are those of services/router/archive/archive.ts; preferences (XEP-0441) are one item. Groupchat is in the rooms' archives only (§5.1.1).
 * Left out: the RSM count and index (counting would read the whole archive), and searching (XEP-0431). Only the account itself has
 * routes here; others get `service-unavailable`, whether there is such an account or not.
 *
 * DEVIATION: §3: ids are sortable, so not unpredictable (DESIGN §2); knowing one gives access to nothing.
 */
import { type Element, escapeAttribute, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { readRsm, writeRsm } from '../../../lib/xmpp/rsm.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Direction, isArchived, keepEntry } from '../archive/archive.ts';
import { type ArchiveItem, type ArchiveQuery, archiveEdge, queryArchive } from '../archive/archive-query.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature, Amendment, Drop } from '../core/feature.ts';
import type { Pending } from '../core/stages.ts';
import { answerForm, readForm } from '../form.ts';
import { preferences } from './xep0441-archive-preferences.ts';

const NS = 'urn:xmpp:mam:2';
const features = [NS, `${NS}#extended`, `${NS}#groupchat-field`, 'http://jabber.org/protocol/rsm'];

export const archive: AccountFeature = {
  spec: 'XEP-0313',
  version: '1.1.3',
  title: 'Message Archive Management',
  note: 'Without RSM count and index, which §4.3 leaves to the server: counting would read the whole archive.',
  disco: { account: features },
  iq: [
    { type: 'get', ns: NS, name: 'query', to: 'self', handle: describe },
    { type: 'set', ns: NS, name: 'query', to: 'self', handle: query },
    { type: 'get', ns: NS, name: 'metadata', to: 'self', handle: metadata },
  ],
  outbound: {
    reads: [preferences],
    amend: (_stanza, _account, amendment) => amendment.strip(isResult),
    keep: (stanza, account, id) => keep(stanza, account, id, 'out'),
  },
  inbound: { reads: [preferences], amend: stripForged, keep: (stanza, account, id) => keep(stanza, account, id, 'in') },
};

const isResult: Drop = ({ name, ns }) => ns === NS && name === 'result';

/**
 * §7.2: our own results never pass here, and clients send none. Those of rooms and of archives elsewhere do, to the session that
 * asked.
 */
function stripForged(stanza: Stanza, account: Account, amendment: Amendment): void {
  if (stanza.to!.isBare || stanza.from?.domain === account.domain) amendment.strip(isResult);
}

/** §5.1.1: once only, also what goes to oneself: that is kept when it arrives. */
function keep(stanza: Stanza, account: Account, id: string, direction: Direction): Pending {
  if (direction === 'out' && stanza.to!.bare.equals(account.jid)) return;
  const isIn = isArchived(account, stanza, direction);
  if (typeof isIn !== 'boolean') return isIn.then((answer) => keepEntry(account, id, stanza, direction, answer));
  keepEntry(account, id, stanza, direction, isIn);
}

/** §4.1.5. */
function describe(): Element {
  const field = (type: string, name: string, ...children: Element[]) => xml('field', { type, var: name }, ...children);
  const open = xml('validate', { xmlns: 'http://jabber.org/protocol/xdata-validate', datatype: 'xs:string' }, xml('open'));
  const fields = [
    field('hidden', 'FORM_TYPE', xml('value', {}, NS)),
    field('jid-single', 'with'),
    ...['start', 'end', 'before-id', 'after-id'].map((name) => field('text-single', name)),
    field('list-multi', 'ids', open),
    field('boolean', 'include-groupchat'),
  ];
  return xml('query', { xmlns: NS }, answerForm('form', fields));
}

/** §4. The results go out before the answer, on the same stream. */
async function query(request: Element, account: Account): Promise<Element> {
  const { node, queryid } = request.attrs;
  if (node) throw new StanzaError('item-not-found', 'there is no such archive');
  const wanted = parseQuery(request);
  const rsm = readRsm(request);
  const { items, isComplete } = await queryArchive(account, wanted, rsm);
  // a client that reads all there is, and not one conversation or message, needs no queue (cursor.ts)
  const isAll = !wanted.with && !wanted.ids;
  if (isAll) await account.updateSession((session) => (session.archive ? session : { ...session, archive: true }));
  const isFlipped = request.getChild('flip-page', NS) !== undefined;
  for (const item of isFlipped ? items.toReversed() : items) account.turn.origin?.reply(resultMessage(account, item, queryid));
  return xml('fin', { xmlns: NS, complete: isComplete ? 'true' : undefined }, writeRsm(items[0]?.id, items.at(-1)?.id));
}

/** §4.2. */
function resultMessage(account: Account, { id, xml: archived, stamp }: ArchiveItem, queryid: string | undefined): Buffer {
  const [from, to] = [account.jid, account.fullJid].map((jid) => escapeAttribute(jid.toString()));
  const asked = queryid === undefined ? '' : ` queryid='${escapeAttribute(queryid)}'`;
  return Buffer.concat([
    Buffer.from(`<message from='${from}' to='${to}'><result xmlns='${NS}'${asked} id='${id}'>`),
    Buffer.from(`<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='${stamp}'/>`),
    archived,
    Buffer.from('</forwarded></result></message>'),
  ]);
}

const known = new Set(['with', 'start', 'end', 'before-id', 'after-id', 'ids', 'include-groupchat']);

/** §4.1. `include-groupchat` changes nothing: there is none (§6). */
function parseQuery(request: Element): ArchiveQuery {
  const form = readForm(request, NS);
  for (const name of form.keys()) if (!known.has(name)) throw new StanzaError('feature-not-implemented', `no field '${name}'`);
  const first = (name: string) => form.get(name)?.[0] || undefined;
  const [peer, ids] = [first('with'), form.get('ids')];
  return {
    with: peer === undefined ? undefined : Jid.parse(peer.trim()),
    startMs: moment(first('start')),
    endMs: moment(first('end')),
    afterId: first('after-id'),
    beforeId: first('before-id'),
    ids: ids && ids.length > 0 ? ids : undefined,
  };
}

/** XEP-0082 §3.2. */
function moment(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new StanzaError('bad-request', `'${text.slice(0, 50)}' is no XEP-0082 date and time`);
  return ms;
}

/** §4.4: the first and last entry. */
async function metadata(_request: Element, account: Account): Promise<Element> {
  const [start, end] = await Promise.all([archiveEdge(account, 'first'), archiveEdge(account, 'last')]);
  const edge = (name: string, item: { id: string; stamp: string } | undefined) =>
    item && xml(name, { id: item.id, timestamp: item.stamp });
  return xml('metadata', { xmlns: NS }, edge('start', start), edge('end', end));
}
