/**
 * XEP-0133: Service Administration. Its forms stand with the operations, which serve its commands (operations/xep0133-forms.ts).
 *
 * The message of the day (§4.24) is a part of the tenant, so that it costs no read to know that there is none. Each account has a row that says
 * which one it was told, and under which id: the row is written before the message is sent, and says so when it was. Whoever goes on behind a
 * process that died, or comes at the same time, sends it with the same id.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Motd } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { isGuest } from '../core/guests.ts';
import { sendTogether } from '../core/messages-together.ts';
import { noticeOf } from '../core/notices.ts';

interface MotdTold {
  /** The message of the day. */
  readonly motd: string;
  /** The id of the account's message. */
  readonly id: string;
  readonly isSent?: true;
}

const motdTold = collection<MotdTold>('motdTold', 'account');

export const serviceAdministration: AccountFeature = {
  spec: 'XEP-0133',
  version: '1.3.1',
  title: 'Service Administration',
  note: 'for admins of a tenant: adding, deleting, disabling, listing and counting accounts, who is online and when somebody was last, ending sessions, passwords, announcements and the message of the day; the other operations on a tenant have commands of our own',
  announced: offerMotd,
};

function takesMessages({ available, priority }: SessionEntry): boolean {
  return available && priority >= 0;
}

/** Behind everything else that the presence leads to. */
function offerMotd(account: Account, _presence: Stanza, before: SessionEntry, entry: SessionEntry): void {
  const { motd } = account.tenant;
  if (motd === undefined || isGuest(account) || takesMessages(before) || !takesMessages(entry)) return;
  account.turn.afterHandOver(() => tellMotd(account, motd));
}

/** @throws {Unavailable} */
async function tellMotd(account: Account, motd: Motd): Promise<void> {
  const isTold = (there: MotdTold | undefined) => there?.motd === motd.id && there.isSent === true;
  if (isTold(await account.get(motdTold))) return;
  const { dependencies } = account.turn;
  const noted = await update(account.rows, motdTold, '', (there) =>
    there?.motd === motd.id ? there : { motd: motd.id, id: dependencies.ids.mint() },
  );
  if (noted === undefined || isTold(noted)) return;
  const { id } = noted;
  const stanza = noticeOf(account.tenant, account.jid, { ...motd, id, type: 'normal' });
  await sendTogether(dependencies, account.tenant, [{ id, stanza }]);
  await update(account.rows, motdTold, '', (there) => (there?.id === id ? { ...there, isSent: true as const } : there));
}
