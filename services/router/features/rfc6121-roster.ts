/**
 * RFC 6121 §2: the roster, with versions (§2.6, formerly XEP-0237). The rows are described in roster/roster.ts.
 *
 * All routes are for the account itself. Requests of anybody else get `service-unavailable` from the router.
 */

import type { RosterGroup } from '../../../lib/runtime/roster-groups.ts';
import { contactJid } from '../../../lib/xmpp/address-shape.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { furnish } from '../accounts/newcomer.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { changeGroups } from '../later/group-changes.ts';
import { routerLimits } from '../limits.ts';
import { cancelSubscriptions } from '../presence/subscription.ts';
import {
  type Contact,
  findOwnContact,
  interested,
  itemElement,
  rosterNs as NS,
  pushContact,
  pushElement,
  rosterVersion,
  unknownContact,
} from '../roster/roster.ts';
import { changeContact, readVersion } from '../roster/roster-change.ts';
import { listAndCount } from '../roster/roster-totals.ts';
import { isShared, knownNumber, ownGroups, versionText, withAllShared } from '../roster/shared-groups.ts';

export const roster: AccountFeature = {
  spec: 'RFC 6121 §2',
  version: '2011',
  title: 'Instant Messaging and Presence: roster with versions',
  disco: { host: [NS] },
  streamFeatures: ["<ver xmlns='urn:xmpp:features:rosterver'/>"],
  begun: (account, row) => furnish(account.turn.dependencies, account.tenant, account.local, row),
  removed: leaveGroups,
  iq: [
    { type: 'get', ns: NS, name: 'query', to: 'self', forGuests: true, handle: read },
    { type: 'set', ns: NS, name: 'query', to: 'self', handle: write },
  ],
};

/** Behind it nobody sees the account by a group, and a later one of the name is in none. */
async function leaveGroups({ tenant, local, turn }: Account): Promise<void> {
  const isMember = (groups: readonly RosterGroup[]) =>
    groups.some(({ members }) => members.some((member) => member.local === local));
  await changeGroups(turn.dependencies, tenant.domain, (groups) =>
    isMember(groups)
      ? groups.map(({ name, members }) => ({ name, members: members.filter((member) => member.local !== local) }))
      : groups,
  );
}

/**
 * §2.2, §2.6.3: the answer is the whole roster, or an empty result that is followed by the changes since the client's version.
 */
async function read(request: Element, account: Account): Promise<Element | undefined> {
  // This comes first, so that a change which is written after the roster was read is pushed to this session.
  await account.updateSession((entry) => interested.with(entry, true));
  const known = knownNumber(account, request.attrs.ver);
  // The number of the last change is the client's version, so nothing has changed.
  if (known > 0 && known === (await readVersion(account))) return undefined;
  const contacts = await listAndCount(account);
  const current = rosterVersion(contacts);
  const changed = known >= 0 && known <= current ? contacts.filter(({ item }) => item.version > known) : undefined;
  if (changed && changed.length <= routerLimits.rosterChangesMax) {
    pushToOwn(account, changed);
    return undefined;
  }
  const ver = request.attrs.ver === undefined ? undefined : versionText(account, current);
  const all = withAllShared(account, contacts, unknownContact);
  return xml('query', { xmlns: NS, ver }, all.filter(({ item }) => item.isListed).map(itemElement));
}

/**
 * Pushes the changes after the empty result, oldest first. If the client is cut off in between, it has a version that is correct.
 */
function pushToOwn(account: Account, changed: readonly Contact[]): void {
  const { turn } = account;
  turn.amongDeliveries(() => {
    for (const contact of changed.toSorted((a, b) => a.item.version - b.item.version)) {
      const id = `push-${turn.dependencies.ids.mint()}`;
      const query = pushElement(account, contact, versionText(account, contact.item.version));
      const push = xml('iq', { type: 'set', id, to: account.fullJid.toString() }, query);
      turn.origin?.reply(Buffer.from(push.toString()));
    }
  });
}

/** §2.3, §2.4, §2.5. The only value of `subscription` that a client may set is `remove` (§2.1.2.5). */
async function write(request: Element, account: Account, iq: Stanza): Promise<undefined> {
  const children = request.getChildElements();
  const [item] = children;
  if (children.length !== 1 || !item?.is('item', NS)) throw new StanzaError('bad-request', 'a roster set has exactly one item');
  if (!item.attrs.jid) throw new StanzaError('bad-request', "an item needs a 'jid'");
  const jid = contactJid(item.attrs.jid);
  if (jid.equals(account.jid)) throw new StanzaError('not-allowed', 'an account cannot be in its own roster');
  if (item.attrs.subscription === 'remove') return remove(account, jid, `iq ${account.session?.sid} ${iq.id}`);
  const name = readItemName(item as Element);
  const groups = ownGroups(account, jid, readGroups(item));
  const { after } = await changeContact(account, jid, account.turn.dependencies.ids.mint(), (before) => ({
    ...before,
    isListed: true,
    name,
    groups,
  }));
  pushContact(account, { jid, item: after });
}

/** @throws {StanzaError} (§2.3.3) */
export function readItemName({ attrs }: Element): string | undefined {
  const name = (attrs.name as string | undefined) || undefined;
  if (name !== undefined && Buffer.byteLength(name) > routerLimits.rosterNameBytesMax) {
    throw new StanzaError('not-acceptable', `a name has at most ${routerLimits.rosterNameBytesMax} bytes`);
  }
  return name;
}

/** Reads the groups and checks them (§2.3.3). */
export function readGroups(item: Element): string[] {
  const groups = item.getChildren('group', NS).map((group) => group.getText());
  if (new Set(groups).size !== groups.length) throw new StanzaError('bad-request', 'a group is named twice');
  if (groups.length > routerLimits.rosterGroupsMax) {
    throw new StanzaError('not-acceptable', `an item is in at most ${routerLimits.rosterGroupsMax} groups`);
  }
  for (const group of groups) {
    if (group === '') throw new StanzaError('not-acceptable', 'a group needs a name');
    if (Buffer.byteLength(group) > routerLimits.rosterNameBytesMax) {
      throw new StanzaError('not-acceptable', `a group's name has at most ${routerLimits.rosterNameBytesMax} bytes`);
    }
  }
  return groups;
}

/** Removes an item, and ends the subscriptions of both sides (§2.5.2). */
async function remove(account: Account, jid: Jid, by: string): Promise<undefined> {
  if (isShared(account, jid))
    throw new StanzaError('not-allowed', `${jid} is in a group of ${account.domain}, which its operators change`);
  const change = await changeContact(account, jid, by, (item) =>
    item.isListed ? { subscription: 'none', version: item.version, isListed: false } : item,
  );
  if (!change.before.isListed) throw new StanzaError('item-not-found', `${jid} is not in the roster`); // §2.5.3
  pushContact(account, { jid, item: await findOwnContact(account, jid) });
  cancelSubscriptions(account, jid, change.before, by);
}
