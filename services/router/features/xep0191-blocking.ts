/**
 * XEP-0191: Blocking Command.
 *
 * The guards check every stanza against the blocklist (core/blocklist.ts). Queued messages of a sender who was blocked later are
 * not delivered either (archive/cursor.ts).
 */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { type Blocklist, blocklist, isBlocked, isNeverBlocked, withBlocked } from '../core/blocklist.ts';
import { Dropped } from '../core/dropped.ts';
import type { AccountFeature } from '../core/feature.ts';
import { sessionPart } from '../core/session-part.ts';
import type { Pending } from '../core/stages.ts';
import { routerLimits } from '../limits.ts';
import { hidePresence, showPresence } from '../presence/presence-block.ts';

const NS = 'urn:xmpp:blocking';
/** True when the session has asked for the list, so that it gets pushes (§3.6). */
const hasAsked = sessionPart<boolean>('blocklist');
const mucUserNs = 'http://jabber.org/protocol/muc#user';

export const blocking: AccountFeature = {
  spec: 'XEP-0191',
  version: '1.3',
  title: 'Blocking Command',
  disco: { host: [NS], account: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'blocklist', to: 'self', forGuests: true, handle: list },
    { type: 'set', ns: NS, name: 'block', to: 'self', forGuests: true, handle: block },
    { type: 'set', ns: NS, name: 'unblock', to: 'self', forGuests: true, handle: unblock },
  ],
  inbound: { reads: [blocklist], guard: refuseInbound },
  outbound: { reads: [blocklist], guard: refuseOutbound },
};

/** §3.2: gives the list. From now on this session gets pushes. */
async function list(_request: Element, account: Account): Promise<Element> {
  await account.updateSession((entry) => hasAsked.with(entry, true));
  const { jids } = (await account.get(blocklist)) ?? { jids: [] };
  return listElement('blocklist', jids);
}

/**
 * §3.3: blocks all items or none. Addresses that were blocked before are told again that the account has gone, because this may
 * be a retry of a request that wrote the list and got no further.
 */
async function block(request: Element, account: Account): Promise<undefined> {
  const jids = itemJids(request);
  if (jids.length === 0) throw new StanzaError('bad-request', '<block/> needs at least one item');
  const added = jids.map(String);
  await account.update(blocklist, '', (value) => withBlocked(value, added));
  push('block', added, account);
  await hidePresence(account, jids);
  for (const blocked of account.turn.dependencies.features.of('blocked')) await blocked(account, request);
}

/** §3.4: unblocks the items; without items, everybody (§3.5). */
async function unblock(request: Element, account: Account): Promise<undefined> {
  const jids = itemJids(request);
  const named = new Set(jids.map(String));
  let before: Blocklist = { jids: [] };
  const after = await account.update(blocklist, '', (value) => {
    before = value ?? before;
    const kept = named.size === 0 ? [] : before.jids.filter((jid) => !named.has(jid));
    return kept.length === before.jids.length ? value : { jids: kept, version: (value?.version ?? 0) + 1 };
  });
  push('unblock', [...named], account);
  const unblocked = named.size === 0 ? before.jids.map((jid) => Jid.parse(jid)) : jids;
  await showPresence(account, unblocked, (jid) => isBlocked(after, jid));
}

/**
 * Reads the addresses. To prepare one is expensive, so a request that is too large for the list is refused first.
 * @throws {StanzaError} bad-request, resource-constraint, jid-malformed
 */
function itemJids(request: Element): Jid[] {
  const texts = request.getChildren('item', NS).map(({ attrs }) => {
    if (!attrs.jid) throw new StanzaError('bad-request', "an item needs a 'jid'");
    return String(attrs.jid);
  });
  if (texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > routerLimits.blocklistBytesMax) {
    throw new StanzaError('resource-constraint', 'too many addresses in one request');
  }
  const jids = texts.map((text) => Jid.parse(text));
  return [...new Map(jids.map((jid) => [jid.toString(), jid])).values()];
}

/** Pushes a change to each resource that has asked for the list. */
function push(name: 'block' | 'unblock', jids: readonly string[], account: Account): void {
  account.push(listElement(name, jids), (entry) => hasAsked.of(entry) === true);
}

function listElement(name: string, jids: readonly string[]): Element {
  return xml(
    name,
    { xmlns: NS },
    jids.map((jid) => xml('item', { jid })),
  );
}

/** §3.3: the user must unblock an address before sending to it. */
function refuseOutbound(stanza: Stanza, account: Account): void {
  const list = account.prefetched(blocklist);
  const { to } = stanza;
  if (!to || !list || list.jids.length === 0 || isNeverBlocked(account, to) || !isBlocked(list, to)) return;
  const extra = xml('blocked', { xmlns: 'urn:xmpp:blocking:errors' });
  throw new StanzaError('not-acceptable', undefined, { type: 'cancel', extra });
}

/** §3.3: presence is dropped. Messages and requests are answered as if the account did not exist. */
function refuseInbound(stanza: Stanza, account: Account): Pending {
  const list = account.prefetched(blocklist);
  const { from } = stanza;
  if (!from || !list || list.jids.length === 0 || isNeverBlocked(account, from)) return;
  if (isBlocked(list, from)) return refuseBlocked(stanza, from, account);
  const writer = writerOf(stanza);
  if (writer && isBlocked(list, writer.jid)) throw writer.isAnswer ? new Dropped() : new StanzaError('service-unavailable');
}

/**
 * Refuses a stanza of a blocked sender. Messages that a room passes on are dropped, because the room would take an error as a
 * sign that its occupant has gone (XEP-0045 §16.1.2); of rooms at other servers nothing tells that they are rooms but what they send.
 * What a room here says about the occupant itself, for example that it has left, passes.
 */
async function refuseBlocked(stanza: Stanza, from: Jid, account: Account): Promise<void> {
  const hosted = await account.hosted(from.domain);
  const isRoom = hosted === 'rooms';
  if (isRoom && isSelfPresence(stanza)) return;
  const isAnswer = stanza.type === 'error' || stanza.type === 'result';
  const isPassedOn = (isRoom && stanza.type === 'groupchat') || (hosted === undefined && seemsPassedOn(stanza));
  if (stanza.name === 'presence' || isAnswer || isPassedOn) throw new Dropped();
  throw new StanzaError('service-unavailable');
}

/** XEP-0045 §7.4, §7.5: a message to all, or a private one, which rooms mark. Invitations come from the room itself. */
function seemsPassedOn({ name, type, from, children }: Stanza): boolean {
  if (name !== 'message') return false;
  if (type === 'groupchat') return true;
  return from?.resource !== '' && children.some(({ ns, name: child }) => ns === mucUserNs && child === 'x');
}

/** XEP-0045 §7.2.2: is this the occupant's own presence? Only rooms set this status code. */
function isSelfPresence(stanza: Stanza): boolean {
  const codes = stanza.name === 'presence' ? stanza.child('x', mucUserNs)?.getChildren('status') : undefined;
  return codes?.some(({ attrs }) => attrs.code === '110') ?? false;
}

/** Who has written an invitation that a room passes on, or the answer to it (XEP-0045 §7.8.2). */
function writerOf(stanza: Stanza): { readonly jid: Jid; readonly isAnswer: boolean } | undefined {
  if (stanza.name !== 'message' || stanza.type === 'error') return undefined;
  const extension = stanza.child('x', mucUserNs);
  const invitation = extension?.getChild('invite');
  const from: string | undefined = (invitation ?? extension?.getChild('decline'))?.attrs.from;
  const jid = from === undefined ? undefined : Jid.tryParse(from);
  return jid && { jid, isAnswer: invitation === undefined };
}
