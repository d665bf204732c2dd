/** What pages with forms ask of a browser: whether passwords may go this way, and whether a page of ours has sent the form. */
import type { Context } from 'hono';
import { isOwnMachine, networkOf } from './networks.ts';

/** What the web server says of a request besides the request itself. */
export interface Visit {
  /** The address of the client. */
  readonly address?: string;
  /** A CDN that we know has passed it on: the client came to it over https, and kept to this host. */
  readonly front?: { readonly host: string };
}

function visitOf(c: Context): Visit {
  return (c.env as Visit | undefined) ?? {};
}

/** The address of the client, as the web server says it. */
export function addressOf(c: Context): string {
  return visitOf(c).address ?? '';
}

/** Does everything on the way pass an answer on while it is made? The CDN's way keeps it until it is complete. */
export function isStreaming(c: Context): boolean {
  return visitOf(c).front === undefined;
}

/** A proxy on this machine says how it was asked. What others claim of it does not count. */
export function isSecure(c: Context): boolean {
  if (visitOf(c).front !== undefined || new URL(c.req.url).protocol === 'https:') return true;
  return isOwnMachine(networkOf(addressOf(c))) && c.req.header('x-forwarded-proto') === 'https';
}

/** May passwords and sessions go this way? */
export function isSafe(c: Context): boolean {
  return isSecure(c) || isOwnMachine(networkOf(addressOf(c)));
}

/**
 * Did a page of ours ask for this? Browsers say where a request that changes something comes from, and scripts of pages cannot say otherwise.
 */
export function isFromHere(c: Context): boolean {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = c.req.header('origin');
  const host = visitOf(c).front?.host ?? c.req.header('host');
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

/** A form as a browser submits it. @returns undefined when it is something else, or longer than `bytesMax` */
export async function readUrlEncoded(c: Context, bytesMax: number): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded(?:\s*;|$)/i.test(c.req.header('content-type') ?? '')) return undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (c.req.raw.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}
