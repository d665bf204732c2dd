/**
 * Who may do what: each operation needs one right, and a role is a list of rights. This table is the only one: the router asks it before it
 * does anything, and console, ad-hoc commands and documents show what it says.
 *
 * A role of a tenant is a role over the tenant of the account that has it. A role of the deployment is one over all tenants.
 */

/** Over one tenant. */
export const tenantRights = {
  'tenant.see':
    'see accounts, sessions, devices, sizes of files, rooms, invites, components, streams to other servers, and the policy without its secrets',
  'tenant.audit': 'see the audit log',
  'tenant.help': 'end sessions, revoke devices, disable and enable accounts',
  'tenant.reports': 'see who has reported whom and why, without the messages, and delete reports',
  'tenant.accounts': 'add and remove accounts, delete their files, set their passwords, make tokens for them, make invites',
  'tenant.announce': 'send announcements and messages in the name of the domain, and set the message of the day',
  'tenant.rooms':
    'destroy rooms, put people out of them, ban them, give and take affiliations, and do at nodes of the pubsub service what their owners may',
  'tenant.policy':
    'change the policy, but for what decides who gets into which account, give and remove the certificate of the domain, and try other servers again',
  'tenant.roles': 'give roles, none with a right that the giver lacks',
  'tenant.own':
    'change how people sign in, where the pages are and how long the audit log is kept, manage components and webhooks, and say who may read content',
  'tenant.content': 'read messages that were reported',
} as const;

/** Over the deployment. */
export const deploymentRights = {
  'deployment.see': 'see tenants, processes, cells, streams to other servers, and which API keys there are',
  'deployment.audit': 'see the audit log of the deployment',
  'deployment.run': 'add and remove tenants, say how much they may use, drain processes',
  'deployment.own': 'make API keys, and open the console for the whole deployment',
} as const;

export type TenantRight = keyof typeof tenantRights;
export type Right = TenantRight | keyof typeof deploymentRights;

export const rightTexts: Readonly<Record<Right, string>> = { ...tenantRights, ...deploymentRights };
export const allRights = Object.keys(rightTexts) as readonly Right[];

/** No role has it: whoever gets it is named, one by one. */
export const contentRight = 'tenant.content';

const auditor: readonly Right[] = ['tenant.see', 'tenant.audit'];
const support: readonly Right[] = ['tenant.see', 'tenant.help', 'tenant.reports'];
const admin: readonly Right[] = [
  ...support,
  ...(['tenant.audit', 'tenant.accounts', 'tenant.announce', 'tenant.rooms', 'tenant.policy', 'tenant.roles'] as const),
];
const owner: readonly Right[] = [...admin, 'tenant.own'];
const operator: readonly Right[] = [...owner, 'deployment.see', 'deployment.audit', 'deployment.run'];
const deploymentOwner: readonly Right[] = [...operator, 'deployment.own'];

/** Roles over one tenant. */
export const tenantRoleNames = ['none', 'auditor', 'support', 'admin', 'owner'] as const;
/** Those over the deployment stand behind them. */
export const roleNames = [...tenantRoleNames, 'operator', 'deployment-owner'] as const;
export type Role = (typeof roleNames)[number];

const roles: Readonly<Record<Role, readonly Right[]>> = {
  ...{ none: [], auditor, support, admin, owner },
  ...{ operator, 'deployment-owner': deploymentOwner },
};

export function isTenantRight(right: Right): right is TenantRight {
  return Object.hasOwn(tenantRights, right);
}

export function isDeploymentRole(role: Role): boolean {
  return !(tenantRoleNames as readonly Role[]).includes(role);
}

/** What somebody has: a role, and beside it the right to read content, which has to be given by itself. */
export interface Held {
  readonly role: Role;
  readonly hasContent?: boolean | undefined;
}

export function rightsOf({ role, hasContent = false }: Held): readonly Right[] {
  return hasContent ? [...roles[role], contentRight] : roles[role];
}

/**
 * Is what somebody has at most what the asker has? So may the asker give it, take it away, or change the account that has it. Whoever owns a
 * tenant may say who reads content, and need not read it.
 */
export function covers(rights: readonly Right[], wanted: readonly Right[]): boolean {
  return wanted.every((right) => rights.includes(right) || (right === contentRight && rights.includes('tenant.own')));
}
