/**
 * What the browser keeps of a session: one cookie with a random token. Over https it is a `__Host-` cookie, which no other host and no other
 * scheme can set. A browser on the same machine as the service may use http, where not every browser takes such a cookie.
 */
import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { isOwnMachine, networkOf } from '../../../lib/runtime/networks.ts';
import { isSameSecret } from '../../../lib/runtime/secrets.ts';

const secureName = '__Host-skylark-console';
const plainName = 'skylark-console';

/** The address of the client, as the web server says it. */
export function addressOf(c: Context): string {
  return (c.env as { readonly address?: string } | undefined)?.address ?? '';
}

/** A proxy on this machine says how it was asked. What others claim of it does not count. */
function isSecure(c: Context): boolean {
  if (new URL(c.req.url).protocol === 'https:') return true;
  return isOwnMachine(networkOf(addressOf(c))) && c.req.header('x-forwarded-proto') === 'https';
}

/** May passwords and sessions go this way? */
export function isSafe(c: Context): boolean {
  return isSecure(c) || isOwnMachine(networkOf(addressOf(c)));
}

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

/**
 * Did a page of ours ask for this? Browsers say where a request that changes something comes from, and scripts of pages cannot say otherwise.
 * The token of a form is checked besides; this protects the sign-in too, where there is no session yet.
 */
export function isFromHere(c: Context): boolean {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = c.req.header('origin');
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === c.req.header('host');
}
