/** How links to pages are written down. */
import { domainToASCII } from 'node:url';
import { inviteUri } from '../../../lib/runtime/invite-uri.ts';
import type { LinkKind } from '../../../lib/runtime/invite-wire.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { Invite } from './invites.ts';

/** Whose contact somebody becomes who comes by the invite, a local part. */
export function inviterOf({ by, befriends }: Invite): string | undefined {
  return befriends ? by?.local : undefined;
}

export function uriOf({ domain }: Tenant, invite: Invite, token: string): string {
  return inviteUri(domain, { name: invite.name, inviter: inviterOf(invite) }, token);
}

export interface PageLink {
  /** Below the origin of the web service. */
  readonly path: string;
  /** Absent: neither the tenant's policy nor the cell says where the pages are. */
  readonly url?: string | undefined;
}

/** @param webUrl where the pages are of tenants whose policy says nothing of it */
export function pageLink({ domain, policy }: Tenant, kind: LinkKind, token: string, webUrl: string | undefined): PageLink {
  const path = `/${kind}/${domainToASCII(domain)}/${token}`;
  const origin = policy.webUrl === '' ? webUrl : policy.webUrl;
  return { path, url: origin === undefined ? undefined : `${origin}${path}` };
}
