/**
 * What a new account begins with, by its tenant's policy: contacts in the roster and rooms among the bookmarks. The account's row says that they
 * are still missing from the moment at which it is written, whoever makes it, until they are there; so the first session that binds does what a
 * process that died has left.
 *
 * A contact that is an account of the tenant becomes one as by an invite: both see each other. Others are asked for a subscription in the name
 * of the newcomer, who has approved theirs (RFC 6121 §3.4). What the account has already, and what a later change of the policy says, is left.
 *
 * Hostile: a contact whose roster is full keeps nobody from an account; the newcomer has the contact all the same.
 */
import { isOperating } from '../../../lib/runtime/faults.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Account } from '../core/account.ts';
import { type AccountRow, accounts } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { listIds } from '../pep/items.ts';
import { findNode } from '../pep/nodes.ts';
import { showViews } from '../pep/notify.ts';
import { change as publishItems } from '../pep/publish.ts';
import { pushContactTo, type RosterItem } from '../roster/roster.ts';
import { changeContact } from '../roster/roster-change.ts';
import { sendSubscriptionStep } from '../roster/subscription-state.ts';

const bookmarksNs = 'urn:xmpp:bookmarks:1';

/** @param row of the account, as it was read @throws {Unavailable} */
export async function furnish(dependencies: Dependencies, tenant: Tenant, local: string, row: AccountRow): Promise<void> {
  if (!row.isUnfurnished) return;
  const turn = new Turn(dependencies);
  const account = new Account(turn, tenant, local);
  const by = `newcomer ${row.incarnation}`;
  for (const text of tenant.policy.newcomerContacts) {
    const contact = Jid.parse(text);
    if (!contact.equals(account.jid)) await tolerate(dependencies, tenant, () => addContact(account, contact, by));
  }
  await tolerate(dependencies, tenant, () => addRooms(account));
  await turn.finish();
  await update(account.rows, accounts, '', (there) =>
    there && there.incarnation === row.incarnation ? { ...there, isUnfurnished: undefined } : there,
  );
}

/** A roster or a node without room is not a reason to be without the account. */
async function tolerate({ log }: Dependencies, { domain }: Tenant, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StanzaError) || isOperating(error)) throw error;
    log.info({ err: error, domain }, 'a new account is without something that the policy gives it');
  }
}

async function addContact(account: Account, contact: Jid, by: string): Promise<void> {
  const { turn, tenant } = account;
  const other = contact.domain === tenant.domain && contact.local !== '' ? new Account(turn, tenant, contact.local) : undefined;
  if (other !== undefined && (await other.exists()) && (await becomeContacts(account, other, by))) return;
  const { after } = await changeContact(account, contact, by, (item) =>
    item.isListed ? item : { ...item, ...sendSubscriptionStep('subscribe', item).state, isListed: true, isApproved: true },
  );
  tell(account, contact, after);
  // One who was asked before, by a process that died, is asked again: that changes nothing.
  const request = xml('presence', { type: 'subscribe', from: `${account.jid}`, to: `${contact}` });
  if (after.isAsked) account.post(Buffer.from(`${request}`), turn.dependencies.ids.mint());
}

/** @returns false when the roster of the other has no room */
async function becomeContacts(account: Account, other: Account, by: string): Promise<boolean> {
  const both = (item: RosterItem): RosterItem => ({
    ...item,
    ...{ subscription: 'both', isListed: true, isAsked: false, isPending: false, request: undefined },
  });
  try {
    const { after, isVisible } = await changeContact(other, account.jid, by, both);
    if (isVisible) tell(other, account.jid, after);
  } catch (error) {
    if (!(error instanceof StanzaError) || isOperating(error)) throw error;
    return false;
  }
  const { after } = await changeContact(account, other.jid, by, both);
  tell(account, other.jid, after);
  return true;
}

function tell(account: Account, jid: Jid, item: RosterItem): void {
  account.withSessions((sessions) => pushContactTo(account, sessions, { jid, item }));
}

/** XEP-0402: clients join rooms with `autojoin` when they sign in. */
async function addRooms(account: Account): Promise<void> {
  const wanted = account.tenant.policy.newcomerRooms;
  if (wanted.length === 0) return;
  const node = await findNode(account, bookmarksNs);
  const known = new Set(node ? await listIds(account, node) : []);
  const payload = xml('conference', { xmlns: bookmarksNs, autojoin: 'true' }).toString();
  const items = wanted.filter((room) => !known.has(room)).map((id) => ({ id, payload }));
  if (items.length === 0) return;
  await publishItems(account, bookmarksNs, [], items);
  showViews(account, bookmarksNs);
}
