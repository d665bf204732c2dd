/**
 * XEP-0191: Blocking Command.
 *
 * One item per account holds the list, because every stanza is checked against it (DESIGN §3). A blocked address may be a full
 * JID, a bare JID, `domain/resource` or a domain (§6).
 */
import { limits } from '../../../lib/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../account.ts';
import { type AccountFeature, Dropped } from '../feature.ts';
import { hidePresence, showPresence } from '../presence-block.ts';

const NS = 'urn:xmpp:blocking';

export interface Blocklist {
  readonly jids: readonly string[];
}

export const blocklist = collection<Blocklist>('blocklist');

export const blocking: AccountFeature = {
  spec: 'XEP-0191',
  version: '1.3',
  title: 'Blocking Command',
  disco: { host: [NS], account: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'blocklist', to: 'self', handle: list },
    { type: 'set', ns: NS, name: 'block', to: 'self', handle: block },
    { type: 'set', ns: NS, name: 'unblock', to: 'self', handle: unblock },
  ],
  inbound: { guard: refuseInbound },
  outbound: { guard: refuseOutbound },
};

/** Does a blocklist hold this address, its bare JID or its domain? */
export function isBlocked(list: Blocklist | undefined, jid: Jid): boolean {
  if (!list || list.jids.length === 0) return false;
  const { domain, resource } = jid;
  return [jid.toString(), jid.bare.toString(), `${domain}/${resource}`, domain].some((address) => list.jids.includes(address));
}

/** §3.1; from now on this session gets the pushes. */
async function list(_request: Element, account: Account): Promise<Element> {
  await account.updateSession((entry) => ({ ...entry, blocklist: true }));
  const { jids } = (await account.get(blocklist)) ?? { jids: [] };
  return xml('blocklist', { xmlns: NS }, ...jids.map(item));
}

/** §3.2: all items or none. */
async function block(request: Element, account: Account): Promise<undefined> {
  const jids = itemJids(request);
  if (jids.length === 0) throw new StanzaError('bad-request', 'block needs an item');
  const before = (await account.get(blocklist))?.jids ?? [];
  const added = jids.map(String).filter((jid) => !before.includes(jid));
  if (before.length + added.length > limits.blocklistMax) {
    throw new StanzaError('resource-constraint', `the list holds at most ${limits.blocklistMax} addresses`);
  }
  await account.update(blocklist, '', (value) => ({ jids: [...new Set([...(value?.jids ?? []), ...added])] }));
  account.push(request, (entry) => entry.blocklist === true);
  await hidePresence(
    account,
    jids.filter((jid) => added.includes(jid.toString())),
  );
}

/** §3.3; without items: everybody (§3.5). */
async function unblock(request: Element, account: Account): Promise<undefined> {
  const before = (await account.get(blocklist))?.jids ?? [];
  const jids = itemJids(request);
  const removed = jids.length === 0 ? before : jids.map(String).filter((jid) => before.includes(jid));
  await account.update(blocklist, '', (value) => ({ jids: (value?.jids ?? []).filter((jid) => !removed.includes(jid)) }));
  account.push(request, (entry) => entry.blocklist === true);
  await showPresence(
    account,
    removed.map((jid) => Jid.parse(jid)),
  );
}

/** @throws {StanzaError} jid-malformed */
function itemJids(request: Element): Jid[] {
  return request.getChildren('item', NS).map(({ attrs }) => {
    if (!attrs.jid) throw new StanzaError('bad-request', 'an item needs a jid');
    return Jid.parse(attrs.jid);
  });
}

function item(jid: string): Element {
  return xml('item', { jid });
}

/** §3.2: the user must unblock before sending. */
async function refuseOutbound(stanza: Stanza, account: Account): Promise<void> {
  const { to } = stanza;
  if (!to || to.bare.equals(account.jid) || stanza.type === 'unavailable') return;
  if (!isBlocked(await account.get(blocklist), to)) return;
  throw new StanzaError('not-acceptable', undefined, {
    type: 'cancel',
    extra: xml('blocked', { xmlns: 'urn:xmpp:blocking:errors' }),
  });
}

/** §3.2: presence is dropped, messages and requests look as if the account were not there. */
async function refuseInbound(stanza: Stanza, account: Account): Promise<void> {
  const { from } = stanza;
  if (!from || from.bare.equals(account.jid)) return;
  if (!isBlocked(await account.get(blocklist), from)) return;
  const isAnswer = stanza.type === 'error' || stanza.type === 'result';
  if (stanza.name === 'presence' || isAnswer) throw new Dropped();
  throw new StanzaError('service-unavailable');
}
