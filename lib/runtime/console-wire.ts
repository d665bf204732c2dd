/** What the console asks routers: who somebody is. What they want done are operations (wire.ts). */
import { answerKind } from './answer.ts';
import type { Right } from './rights.ts';

/** Somebody who asked through the console. The router looks the session up. */
export interface ConsoleAsker {
  /** SHA-256 of the token in the browser's cookie, base64url. */
  readonly session: string;
  readonly address: string;
}

/**
 * console → `rt`: `enter`: somebody with a link, or with the password of an account, wants a session under this name; `prove`: the holder of
 * a session shows again who they are; `look`: who is it? `leave`: the session ends.
 */
export interface ConsoleRequest extends ConsoleAsker {
  readonly kind: 'console';
  readonly verb: 'enter' | 'prove' | 'look' | 'leave';
  /** SHA-256 of the link's token, base64url. */
  readonly link?: string;
  /** The bare JID of an account. */
  readonly jid?: string;
  readonly password?: string;
}

/** Who has a session of the console. */
export interface ConsoleIdentity {
  /** As the audit log names them. */
  readonly name: string;
  /** The only tenant; absent: the whole deployment. */
  readonly domain?: string | undefined;
  readonly rights: readonly Right[];
  /** false: they came by a link. */
  readonly isAccount: boolean;
  /** They have shown of late who they are, so they may destroy. */
  readonly isProven: boolean;
  readonly expiresMs: number;
}

export interface ConsoleReply {
  /** Absent: there is no such session. */
  readonly who?: ConsoleIdentity | undefined;
  /** `wrong`: a password, or the account has no role; `link`: not valid, expired or used; `busy`: too early after wrong ones. */
  readonly error?: 'wrong' | 'link' | 'busy';
  /** True: the router failed, or the store is away. */
  readonly isFailure?: true;
}

export const consoleAnswer = answerKind<ConsoleReply>('console', { who: true, error: true, isFailure: true });
