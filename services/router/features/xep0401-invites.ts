/**
 * XEP-0401: Ad-hoc Account Invitation Generation. What a member makes brings one person; the policy of the tenant says who may, and how long
 * an invite lasts.
 */
import { rightsOf } from '../../../lib/runtime/rights.ts';
import type { Field, Submission } from '../../../lib/xmpp/data-form.ts';
import { renderForm } from '../../../lib/xmpp/data-form.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { checkName, NotRegistered } from '../accounts/register.ts';
import { findAccount } from '../core/accounts.ts';
import type { AccountFeature } from '../core/feature.ts';
import type { HostContext } from '../core/host.ts';
import type { HostCommand } from '../core/host-command.ts';
import { heldBy } from '../core/roles.ts';
import { createInvite, NoInvite, revokeInvitesOf, type Wanted } from '../invites/invites.ts';
import { pageLink, uriOf } from '../invites/links.ts';
import { prepareName } from '../sasl/credentials.ts';

const dayMs = 24 * 60 * 60 * 1_000;
const NS = 'urn:xmpp:invite';

const invite: HostCommand = {
  ...{ node: `${NS}#invite`, name: 'Invite user', formType: `${NS}#invite`, fields: [] },
  isAllowed: mayInvite,
  run: (host) => make(host, { befriends: true }),
};

const fields: readonly Field[] = [
  { var: 'username', type: 'text-single', label: 'User name; without it, whoever comes chooses one' },
  { var: 'roster-subscription', type: 'boolean', label: 'The new account becomes a contact of mine', values: ['1'] },
];

const createAccount: HostCommand = {
  ...{ node: `${NS}#create-account`, name: 'Create account', formType: `${NS}#create-account`, fields },
  isAllowed: mayInvite,
  async run(host, submission) {
    const name = readName(host, submission);
    if (name !== undefined && !(await managesAccounts(host))) checkChoosable(name);
    const befriends = submission.get('roster-subscription')?.flag() ?? false;
    return make(host, { name, ...(befriends && { befriends }) });
  },
};

export const invitations: AccountFeature = {
  spec: 'XEP-0401',
  version: '0.6.0',
  title: 'Ad-hoc Account Invitation Generation',
  note: 'the landing page is named where the policy of the tenant says where its pages are; an invite of a member brings one person',
  hostCommands: [invite, createAccount],
  removed: ({ turn, tenant, local }) => revokeInvitesOf(turn.dependencies, tenant, local),
};

async function managesAccounts({ turn, tenant, account }: HostContext): Promise<boolean> {
  const held = await heldBy(turn.dependencies.store, tenant.domain, account!.local);
  return rightsOf(held).includes('tenant.accounts');
}

async function mayInvite(host: HostContext): Promise<boolean> {
  if (!host.account?.session) return false;
  const { invites } = host.tenant.policy;
  return invites === 'members' || (invites === 'admins' && (await managesAccounts(host)));
}

/** @throws {StanzaError} */
function readName({ tenant }: HostContext, submission: Submission): string | undefined {
  const given = submission.get('username')?.text().trim() ?? '';
  if (given === '') return undefined;
  const name = prepareName(given, tenant);
  if (name === undefined) throw new StanzaError('not-acceptable', `'${given.slice(0, 64)}' cannot be a user name`);
  return name;
}

/** A member gives no name that they could not register. @throws {StanzaError} */
function checkChoosable(name: string): void {
  try {
    checkName(name);
  } catch (error) {
    if (error instanceof NotRegistered) throw new StanzaError('not-acceptable', error.message);
    throw error;
  }
}

/** @throws {StanzaError} */
async function make({ turn, tenant, account }: HostContext, wanted: Pick<Wanted, 'befriends' | 'name'>): Promise<Element> {
  const { dependencies } = turn;
  const { local } = account!;
  const row = await findAccount(dependencies.store, tenant.domain, local);
  if (row === undefined) throw new StanzaError('registration-required');
  const by = { local, incarnation: row.incarnation };
  const lastsMs = tenant.policy.inviteDays * dayMs;
  try {
    const { token, invite: made } = await createInvite(dependencies, tenant, { ...wanted, by, usesMax: 1, lastsMs });
    const { url } = pageLink(tenant, 'invite', token, dependencies.webUrl);
    return renderForm({
      ...{ type: 'result', formType: `${NS}#invitation` },
      fields: [
        { var: 'uri', type: 'text-single', label: 'Address for a client', values: [uriOf(tenant, made, token)] },
        ...(url === undefined ? [] : [{ var: 'landing-url', type: 'text-single', label: 'Web page', values: [url] } as const]),
        { var: 'expire', type: 'text-single', label: 'Good until', values: [new Date(made.expiresMs).toISOString()] },
      ],
    });
  } catch (error) {
    if (!(error instanceof NoInvite)) throw error;
    throw new StanzaError(error.reason === 'taken' ? 'conflict' : 'resource-constraint', error.message);
  }
}
