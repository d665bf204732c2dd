/** Operations on the invites of a tenant, and on links by which somebody sets a new password. */
import { z } from 'zod';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { findAccount } from '../core/accounts.ts';
import { createInvite, listInvites, NoInvite, revokeInvite } from '../invites/invites.ts';
import { pageLink, uriOf } from '../invites/links.ts';
import { createReset } from '../invites/resets.ts';
import { prepareName } from '../sasl/credentials.ts';
import { accountInput, afterInput, domainInput, findTenant, noAccount, secretOutput, tenantOf } from './inputs.ts';
import { operation } from './operation.ts';
import { Refusal } from './refusal.ts';

const dayMs = 24 * 60 * 60 * 1_000;

/** Where the page of the link is: below the origin of the web service, and in whole where the policy of the tenant names that. */
const link = { path: secretOutput, url: secretOutput.optional(), expiresAt: z.string() };

export const inviteCreate = operation({
  name: 'invite-create',
  input: z.strictObject({
    domain: domainInput,
    name: z.string().min(1).max(xmppLimits.jidPartBytesMax).optional().meta({
      description: 'the user name that the new account gets, which is kept for it; without it, whoever comes chooses one',
    }),
    uses: z.int().min(1).max(runtimeLimits.inviteUsesMax).default(1).meta({ description: 'how many people it may bring' }),
    days: z.int().min(1).max(runtimeLimits.inviteDaysMax).optional().meta({
      description: 'how long it lasts; without it, as long as the policy allows',
    }),
  }),
  /** The token is shown once; `uri` is for clients. */
  output: z.object({ id: z.string(), uri: secretOutput, ...link }),
  right: 'tenant.accounts',
  isRepeatable: false,
  help: 'Makes an invite, by which people make accounts although registration is closed, and shows it once.',
  commands: ['invite create'],
  http: { method: 'post', path: '/tenants/{domain}/invites' },
  async run(dependencies, { domain, name: given, uses, days }) {
    const tenant = await findTenant(dependencies, domain);
    const name = given === undefined ? undefined : readName(given, tenant);
    const { inviteDays, inviteUses, invites } = tenant.policy;
    if (invites === 'nobody') throw new Refusal('conflict', `nobody may invite people to '${domain}'; see its policy`);
    if (uses > inviteUses) throw new Refusal('invalid', `an invite to '${domain}' brings at most ${inviteUses} people`);
    if (name !== undefined && uses > 1) throw new Refusal('invalid', 'an invite with a name brings one person');
    if (days !== undefined && days > inviteDays)
      throw new Refusal('invalid', `an invite to '${domain}' lasts at most ${inviteDays} days`);
    try {
      const wanted = { name, usesMax: uses, lastsMs: (days ?? inviteDays) * dayMs };
      const { id, token, invite } = await createInvite(dependencies, tenant, wanted);
      const expiresAt = new Date(invite.expiresMs).toISOString();
      return { id, uri: uriOf(tenant, invite, token), ...pageLink(tenant, 'invite', token, dependencies.webUrl), expiresAt };
    } catch (error) {
      if (error instanceof NoInvite) throw new Refusal('conflict', error.message);
      throw error;
    }
  },
});

/** @throws {Refusal} */
function readName(given: string, tenant: Tenant): string {
  const name = prepareName(given, tenant);
  if (name === undefined) throw new Refusal('invalid', `'${given}' cannot be a user name`);
  return name;
}

const described = z.object({
  id: z.string(),
  createdAt: z.string(),
  expiresAt: z.string(),
  /** Absent: made for the tenant, and by nobody whose contact one becomes. */
  by: z.string().optional(),
  name: z.string().optional(),
  uses: z.number(),
  /** The accounts that were made by it, and the addresses of those who became contacts. */
  brought: z.array(z.string()),
});

export const inviteList = operation({
  name: 'invite-list',
  input: z.strictObject({ domain: domainInput, after: afterInput }),
  output: z.object({ invites: z.array(described), next: z.string().optional() }),
  right: 'tenant.see',
  isRepeatable: true,
  help: 'Lists a page of the invites of a tenant, and whom they have brought, without their tokens.',
  commands: ['invite list'],
  http: { method: 'get', path: '/tenants/{domain}/invites' },
  async run(dependencies, { domain, after }) {
    const tenant = await findTenant(dependencies, domain);
    const limit = runtimeLimits.adminPageMax;
    const found = await listInvites(dependencies, tenant, limit, after);
    const nowMs = dependencies.clock.now();
    const invites = found
      .filter(({ value }) => value.expiresMs > nowMs)
      .map(({ key: id, value: { createdAt, expiresMs, by, name, usesMax, uses } }) => ({
        ...{ id, createdAt, name, uses: usesMax, expiresAt: new Date(expiresMs).toISOString() },
        by: by && `${Jid.of(by.local, domain)}`,
        brought: uses.filter(({ isDone }) => isDone).map(({ who }) => (who.includes('@') ? who : `${Jid.of(who, domain)}`)),
      }));
    return { invites, next: found.length === limit ? found.at(-1)?.key : undefined };
  },
});

export const inviteRevoke = operation({
  name: 'invite-revoke',
  input: z.strictObject({ domain: domainInput, id: z.string().min(1).max(runtimeLimits.inviteIdCharacters) }),
  output: z.object({ id: z.string() }),
  right: 'tenant.accounts',
  isRepeatable: true,
  help: 'Ends an invite: it brings nobody any more, and the name that it kept is free.',
  commands: ['invite revoke'],
  http: { method: 'delete', path: '/tenants/{domain}/invites/{id}' },
  async run(dependencies, { domain, id }) {
    if (!(await revokeInvite(dependencies, await findTenant(dependencies, domain), id)))
      throw new Refusal('absent', `there is no invite '${id}'; to see them: skylark invite list ${domain}`);
    return { id };
  },
});

export const userReset = operation({
  name: 'user-reset',
  input: z.strictObject({ jid: accountInput }),
  output: z.object(link),
  right: 'tenant.accounts',
  isRepeatable: false,
  isGrave: true,
  help: 'Makes a link by which the owner of an account sets a new password once, and shows it once.',
  commands: ['user reset'],
  http: { method: 'post', path: '/tenants/{domain}/accounts/{local}/reset' },
  async run(dependencies, { jid }) {
    const tenant = await tenantOf(dependencies, jid);
    const account = await findAccount(dependencies.store, tenant.domain, jid.local);
    if (account === undefined) throw noAccount(jid);
    const { token, expiresMs } = await createReset(dependencies, tenant, jid.local, account);
    return { ...pageLink(tenant, 'reset', token, dependencies.webUrl), expiresAt: new Date(expiresMs).toISOString() };
  },
});
