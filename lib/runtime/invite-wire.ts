/**
 * What the pages for a tenant's people ask routers: what a link is good for, and what its form wants done. Links have tokens; routers are told
 * digests of them, under which the rows stand.
 */
import { createHash } from 'node:crypto';
import { answerKind } from './answer.ts';
import { runtimeLimits } from './limits.ts';

/** `invite`: makes an account, or a contact (XEP-0401). `reset`: sets a new password. */
export type LinkKind = 'invite' | 'reset';

/** The name of a link's row, which opens nothing. */
export function linkId(kind: LinkKind, token: string): string {
  return createHash('sha256').update(`${kind} ${token}`).digest('base64url').slice(0, runtimeLimits.inviteIdCharacters);
}

/** web → `rt`. `look`: what is the link good for? `use`: somebody has filled in the form. */
export interface LinkRequest {
  readonly kind: 'link';
  readonly verb: 'look' | 'use';
  readonly link: LinkKind;
  readonly domain: string;
  readonly id: string;
  /** The browser's address. */
  readonly address: string;
  /** With `use`: the name of the new account. */
  readonly username?: string;
  readonly password?: string;
}

/** What a link is good for. */
export interface LinkView {
  /** The account that has invited, or whose password is set. */
  readonly jid?: string | undefined;
  /** The local part of the account whose contact one becomes by an invite. */
  readonly inviter?: string | undefined;
  /** The name that the new account has. */
  readonly name?: string | undefined;
  readonly expiresMs: number;
}

/**
 * Why a link does nothing. `link`: it is unknown, used up, or over. `busy`: later it may. `full`: the disk. What was filled in: `name`, `taken`,
 * `password`.
 */
export type LinkError = 'link' | 'busy' | 'full' | 'name' | 'taken' | 'password';

export interface LinkReply {
  /** Answers `look`. */
  readonly view?: LinkView | undefined;
  /** Answers `use`: the account, a bare JID. */
  readonly account?: string | undefined;
  readonly error?: LinkError | undefined;
  /** True: the router failed, or the store is away. */
  readonly isFailure?: true;
}

export const linkAnswer = answerKind<LinkReply>('link', { view: true, account: true, error: true, isFailure: true });
