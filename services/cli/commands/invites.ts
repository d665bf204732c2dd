/** `skylark invite …` and `skylark user reset`. */
import { Jid } from '../../../lib/xmpp/jid.ts';
import { inviteCreate, inviteList, inviteRevoke, userReset } from '../../router/operations/invites.ts';
import type { Values } from '../core/arguments.ts';
import { say } from '../core/report.ts';
import { adminOf, all, one, withAdmin } from './admin-command.ts';
import type { inviteCreateOptions, inviteListOptions, inviteRevokeOptions, userResetOptions } from './invite-options.ts';
import { webOrigin } from './web-origin.ts';

export async function createInvite(values: Values<typeof inviteCreateOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('invite create', 'DOMAIN', positionals);
  const { name, uses, days, json } = values;
  return withAdmin(adminOf(values), async (admin) => {
    const made = await admin.ask(inviteCreate, {
      ...{ domain, uses },
      ...(name !== undefined && { name }),
      ...(days !== undefined && { days }),
    });
    const { id, uri, path, url = `${await webOrigin(values, admin, domain)}${path}`, expiresAt } = made;
    if (json) say(JSON.stringify({ id, url, uri, expiresAt }));
    else say(url, uri, `Invite ${id} is good until ${expiresAt}.`);
  });
}

export async function listInvites(values: Values<typeof inviteListOptions>, positionals: readonly string[]): Promise<number> {
  const domain = one('invite list', 'DOMAIN', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(inviteList, { domain, ...(after !== undefined && { after }) });
      for (const invite of page.invites) {
        const { id, uses, brought, expiresAt, by = 'the tenant', name } = invite;
        const kept = name === undefined ? '' : `  for ${name}`;
        if (values.json) say(JSON.stringify(invite));
        else say(`${id}  ${brought.length} of ${uses}  until ${expiresAt}  by ${by}${kept}  ${brought.join(' ')}`.trimEnd());
      }
      after = page.next;
      if (after === undefined) return;
    }
  });
}

export async function revokeInvite(values: Values<typeof inviteRevokeOptions>, positionals: readonly string[]): Promise<number> {
  const [domain, id] = all('invite revoke', ['DOMAIN', 'ID'], positionals);
  return withAdmin(adminOf(values), async (admin) => {
    say(`revoked ${(await admin.ask(inviteRevoke, { domain, id })).id}`);
  });
}

export async function resetPassword(values: Values<typeof userResetOptions>, positionals: readonly string[]): Promise<number> {
  const jid = one('user reset', 'JID', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    const made = await admin.ask(userReset, { jid });
    const { path, url = `${await webOrigin(values, admin, Jid.parse(jid).domain)}${path}`, expiresAt } = made;
    if (values.json) say(JSON.stringify({ url, expiresAt }));
    else say(url, `It sets a new password for ${jid} once, until ${expiresAt}.`);
  });
}
