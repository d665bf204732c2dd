/** What remains to be done for an account that was made by an invite: the two become contacts, and the use is noted. */
import { isOperating } from '../../../lib/runtime/faults.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Account } from '../core/account.ts';
import { type AccountRow, accounts } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { Turn } from '../core/turn.ts';
import { pushContactTo } from '../roster/roster.ts';
import { changeContact } from '../roster/roster-change.ts';
import { endUse, takeUse } from './invites.ts';
import { freeName } from './reservations.ts';

/**
 * Called when the account was made, and again at a sign-in if the process died meanwhile: the account's row says so until all is done.
 * @throws {Unavailable}
 */
export async function finishInvited(dependencies: Dependencies, tenant: Tenant, local: string, row: AccountRow): Promise<void> {
  const { invitedBy: id, incarnation, createdAt } = row;
  if (id === undefined) return;
  const use = { who: local, incarnation, atMs: Date.parse(createdAt) };
  const invite = await takeUse(dependencies, tenant, id, use);
  if (invite?.befriends && invite.by) await befriend(dependencies, tenant, local, invite.by.local, id);
  await endUse(dependencies, tenant, id, use, true);
  await freeName(dependencies, tenant, local, id);
  const account = new Account(new Turn(dependencies), tenant, local);
  await update(account.rows, accounts, '', (there) => (there?.invitedBy === id ? { ...there, invitedBy: undefined } : there));
}

/** XEP-0401 §4.4: both see each other from now on, and the sessions of the inviter are told. */
async function befriend(
  dependencies: Dependencies,
  tenant: Tenant,
  newcomer: string,
  inviter: string,
  id: string,
): Promise<void> {
  const turn = new Turn(dependencies);
  const [one, other] = [newcomer, inviter].map((local) => new Account(turn, tenant, local)) as [Account, Account];
  try {
    for (const [holder, { jid }] of [
      [other, one],
      [one, other],
    ] as const) {
      const { after, isVisible } = await changeContact(holder, jid, `invite ${id} ${newcomer}`, (item) => ({
        ...item,
        ...{ subscription: 'both', isListed: true, isAsked: false, isPending: false, request: undefined },
      }));
      if (isVisible) holder.withSessions((sessions) => pushContactTo(holder, sessions, { jid, item: after }));
    }
  } catch (error) {
    if (!(error instanceof StanzaError) || isOperating(error)) throw error;
    dependencies.log.info({ err: error, domain: tenant.domain }, 'an inviter has no room for another contact');
  }
  await turn.finish();
}
