/**
 * XEP-0313: Message Archive Management, `urn:xmpp:mam:2` and `#extended`.
 *
 * Rows are those of services/router/archive.ts; preferences (XEP-0441) are one item. Left out: the RSM count and index (counting
 * would read the whole archive), and searching (XEP-0431).
 */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../account.ts';
import { keepEntry, storageOf } from '../archive.ts';
import { type ArchiveQuery, archiveEdge, queryArchive } from '../archive-query.ts';
import type { AccountFeature } from '../feature.ts';
import { answerForm, readForm } from '../form.ts';
import { readRsm, writeRsm } from '../rsm.ts';
import { mayArchive } from './xep0441-archive-preferences.ts';

const NS = 'urn:xmpp:mam:2';
const EXTENDED = 'urn:xmpp:mam:2#extended';

export const archive: AccountFeature = {
  spec: 'XEP-0313',
  version: '1.1',
  title: 'Message Archive Management',
  note: 'Without RSM count and index.',
  disco: { account: [NS, EXTENDED, 'http://jabber.org/protocol/rsm'] },
  iq: [
    { type: 'get', ns: NS, name: 'query', to: 'self', handle: describe },
    { type: 'set', ns: NS, name: 'query', to: 'self', handle: query },
    { type: 'get', ns: NS, name: 'metadata', to: 'self', handle: metadata },
  ],
  outbound: { keep: (stanza, account, id) => keep(stanza, account, id, 'out') },
  inbound: { keep: (stanza, account, id) => keep(stanza, account, id, 'in') },
};

async function keep(stanza: Stanza, account: Account, id: string, direction: 'in' | 'out'): Promise<void> {
  const storage = storageOf(stanza);
  const queue = direction === 'in' && storage.queue;
  const peer = (direction === 'in' ? stanza.from : stanza.to)!;
  const archive = storage.archive && (await mayArchive(account, peer));
  if (!archive && !queue) return;
  keepEntry(
    account,
    id,
    { xml: stanza.bytes.toString(), peer: peer.toString(), direction, queue, archive },
    peer.bare.toString(),
  );
}

/** §4.1.2. */
function describe(): Element {
  const fields = [
    xml('field', { type: 'hidden', var: 'FORM_TYPE' }, xml('value', {}, NS)),
    ...['with', 'before-id', 'after-id'].map((name) =>
      xml('field', { type: name === 'with' ? 'jid-single' : 'text-single', var: name }),
    ),
    ...['start', 'end'].map((name) => xml('field', { type: 'text-single', var: name })),
    xml('field', { type: 'list-multi', var: 'ids' }),
  ];
  return xml('query', { xmlns: NS }, answerForm('form', fields));
}

/** §4.1. The results go out before the answer, on the same stream. */
async function query(request: Element, account: Account): Promise<Element> {
  const { attrs } = request;
  if (attrs.node) throw new StanzaError('item-not-found', `there is no archive '${attrs.node}'`);
  const wanted = parseQuery(request);
  const rsm = readRsm(request);
  const page = await queryArchive(account, wanted, rsm);
  const isFlipped = request.getChild('flip-page', NS) !== undefined;
  for (const { id, entry, stamp } of isFlipped ? page.items.toReversed() : page.items) {
    const forwarded = xml('forwarded', { xmlns: 'urn:xmpp:forward:0' }, xml('delay', { xmlns: 'urn:xmpp:delay', stamp }), entry);
    const result = xml('result', { xmlns: NS, queryid: attrs.queryid, id }, forwarded);
    const to = account.fullJid.toString();
    account.turn.origin?.reply(Buffer.from(xml('message', { from: account.jid.toString(), to }, result).toString()));
  }
  await account.updateSession((session) => (session.archive ? session : { ...session, archive: true }));
  const ids = page.items.map(({ id }) => id);
  return xml('fin', { xmlns: NS, complete: page.isComplete ? 'true' : undefined }, writeRsm(ids));
}

function parseQuery(request: Element): ArchiveQuery {
  const form = readForm(request, NS);
  const known = new Set(['with', 'start', 'end', 'before-id', 'after-id', 'ids']);
  for (const name of form.keys()) if (!known.has(name)) throw new StanzaError('feature-not-implemented', `no field '${name}'`);
  const [peer, afterId, beforeId] = ['with', 'after-id', 'before-id'].map((name) => form.get(name)?.[0]);
  return {
    with: peer === undefined ? undefined : Jid.parse(peer),
    startMs: moment(form.get('start')?.[0]),
    endMs: moment(form.get('end')?.[0]),
    afterId,
    beforeId,
    ids: form.get('ids'),
  };
}

/** XEP-0082 §3.2. */
function moment(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new StanzaError('bad-request', `'${text}' is no XEP-0082 date and time`);
  return ms;
}

/** §4.4 of version 1.0: the first and last entry. */
async function metadata(_request: Element, account: Account): Promise<Element> {
  const [start, end] = await Promise.all([archiveEdge(account, 'first'), archiveEdge(account, 'last')]);
  const edge = (name: string, item: { id: string; stamp: string } | undefined) =>
    item && xml(name, { id: item.id, timestamp: item.stamp });
  return xml('metadata', { xmlns: NS }, edge('start', start), edge('end', end));
}
