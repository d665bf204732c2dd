/**
 * What the browser keeps of a session: one cookie with a random token. Over https it is a `__Host-` cookie, which no other host and no other
 * scheme can set. A browser on the same machine as the service may use http, where not every browser takes such a cookie.
 */
import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { isSecure } from '../../../lib/runtime/browser.ts';
import { isSameSecret } from '../../../lib/runtime/secrets.ts';

const secureName = '__Host-skylark-console';
const plainName = 'skylark-console';

export function sessionToken(c: Context): string | undefined {
  const token = getCookie(c, isSecure(c) ? secureName : plainName);
  return token !== undefined && /^[\w-]{43}$/.test(token) ? token : undefined;
}

export function setSession(c: Context, token: string, seconds: number): void {
  const common = { path: '/', httpOnly: true, sameSite: 'Strict', maxAge: seconds } as const;
  if (isSecure(c)) setCookie(c, secureName, token, { ...common, secure: true });
  else setCookie(c, plainName, token, common);
}

export function forgetSession(c: Context): void {
  deleteCookie(c, secureName, { path: '/', secure: true });
  deleteCookie(c, plainName, { path: '/' });
}

/** What a form of this session carries. Another site cannot read it. */
export function csrfOf(token: string): string {
  return createHash('sha256').update(`csrf ${token}`).digest('base64url');
}

export function isCsrf(token: string, given: string | undefined): boolean {
  return given !== undefined && isSameSecret(csrfOf(token), given);
}
