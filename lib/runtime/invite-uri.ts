/** How an invite is written down for clients: RFC 5122 §2.2, XEP-0401 §4, XEP-0445 §2. */
import { domainToASCII } from 'node:url';

export interface UriParts {
  /** The only name that the new account can have. */
  readonly name?: string | undefined;
  /** The local part of the account whose contact one becomes. */
  readonly inviter?: string | undefined;
}

export function inviteUri(domain: string, { name, inviter }: UriParts, token: string): string {
  const host = domainToASCII(domain);
  const preauth = `preauth=${encodeURIComponent(token)}`;
  if (name !== undefined) return `xmpp:${encodeURIComponent(name)}@${host}?register;${preauth}`;
  if (inviter !== undefined) return `xmpp:${encodeURIComponent(inviter)}@${host}?roster;${preauth};ibr=y`;
  return `xmpp:${host}?register;${preauth}`;
}
