/**
 * XEP-0191: Blocking Command.
 *
 * One item per account holds the list, because every stanza is checked against it (DESIGN §3). A blocked address may be a full
 * JID, a bare JID, `domain/resource` or a domain (§6). What waits for an offline user from one who is blocked since then stays
 * away too (cursor.ts).
 */
import { limits } from '../../../lib/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { type AccountFeature, Dropped } from '../core/feature.ts';
import { hidePresence, showPresence } from '../presence/presence-block.ts';

const NS = 'urn:xmpp:blocking';

export interface Blocklist {
  readonly jids: readonly string[];
}

export const blocklist = collection<Blocklist>('blocklist', 'account');

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
  inbound: { reads: [blocklist], guard: refuseInbound },
  outbound: { reads: [blocklist], guard: refuseOutbound },
};

/** §6: does a blocklist hold this address, its bare JID or its domain? */
export function isBlocked(list: Blocklist | undefined, jid: Jid): boolean {
  if (!list || list.jids.length === 0) return false;
  return [jid.toString(), jid.bare.toString(), jid.domain].some((address) => list.jids.includes(address));
}

/** §3.2; from now on this session gets the pushes. */
async function list(_request: Element, account: Account): Promise<Element> {
  await account.updateSession((entry) => (entry.blocklist ? entry : { ...entry, blocklist: true }));
  const { jids } = (await account.get(blocklist)) ?? { jids: [] };
  return listElement('blocklist', jids);
}

/**
 * §3.3: all items or none. Those that were blocked already see the account go again: this may be the second try of a request whose
 * first wrote the list and got no further.
 */
async function block(request: Element, account: Account): Promise<undefined> {
  const jids = itemJids(request);
  if (jids.length === 0) throw new StanzaError('bad-request', 'block needs an item');
  const added = jids.map(String);
  await account.update(blocklist, '', (value) => {
    const before = value?.jids ?? [];
    return added.every((jid) => before.includes(jid)) ? value : checked({ jids: [...new Set([...before, ...added])] });
  });
  push('block', added, account);
  await hidePresence(account, jids);
}

/** §3.4; without items: everybody (§3.5). */
async function unblock(request: Element, account: Account): Promise<undefined> {
  const jids = itemJids(request);
  const named = jids.map(String);
  let before: Blocklist = { jids: [] };
  const after = await account.update(blocklist, '', (value) => {
    before = value ?? before;
    const kept = named.length === 0 ? [] : before.jids.filter((jid) => !named.includes(jid));
    return kept.length === before.jids.length ? value : { jids: kept };
  });
  push('unblock', named, account);
  const unblocked = named.length === 0 ? before.jids.map((jid) => Jid.parse(jid)) : jids;
  await showPresence(account, unblocked, (jid) => isBlocked(after, jid));
}

function checked(next: Blocklist): Blocklist {
  if (next.jids.length > limits.blocklistMax) {
    throw new StanzaError('resource-constraint', `the list holds at most ${limits.blocklistMax} addresses`);
  }
  if (Buffer.byteLength(JSON.stringify(next)) > limits.blocklistBytesMax) {
    throw new StanzaError('resource-constraint', 'the addresses take too much room');
  }
  return next;
}

/** @throws {StanzaError} jid-malformed */
function itemJids(request: Element): Jid[] {
  const jids = request.getChildren('item', NS).map(({ attrs }) => {
    if (!attrs.jid) throw new StanzaError('bad-request', 'an item needs a jid');
    return Jid.parse(attrs.jid);
  });
  return [...new Map(jids.map((jid) => [jid.toString(), jid])).values()];
}

/** To each resource that has asked for the list. */
function push(name: 'block' | 'unblock', jids: readonly string[], account: Account): void {
  account.push(listElement(name, jids), (entry) => entry.blocklist === true);
}

function listElement(name: string, jids: readonly string[]): Element {
  return xml(
    name,
    { xmlns: NS },
    jids.map((jid) => xml('item', { jid })),
  );
}

/** §3.3: the user must unblock before sending. */
function refuseOutbound(stanza: Stanza, account: Account): void {
  const { to } = stanza;
  if (!to || to.bare.equals(account.jid) || !isBlocked(account.loaded(blocklist), to)) return;
  const extra = xml('blocked', { xmlns: 'urn:xmpp:blocking:errors' });
  throw new StanzaError('not-acceptable', undefined, { type: 'cancel', extra });
}

/** §3.3: presence is dropped, messages and requests look as if the account were not there. */
function refuseInbound(stanza: Stanza, account: Account): void {
  const { from } = stanza;
  if (!from || from.bare.equals(account.jid) || !isBlocked(account.loaded(blocklist), from)) return;
  const isAnswer = stanza.type === 'error' || stanza.type === 'result';
  if (stanza.name === 'presence' || isAnswer) throw new Dropped();
  throw new StanzaError('service-unavailable');
}
