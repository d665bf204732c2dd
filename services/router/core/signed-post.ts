/**
 * What we post to a system of a tenant, in JSON, under a secret that both have: questions about passwords (sasl/webhook.ts), and events
 * (later/hooks.ts). docs/operations.md says which bytes are signed.
 *
 * Hostile: an address of an inner network, a name that leads there a moment later, a redirect, an answer that is large or slow. The guard that
 * dials is that of other servers (services/federation/finding).
 */
import { createHmac } from 'node:crypto';
import type { Dependencies } from './dependencies.ts';

/** Posts a small document over HTTPS, once. @throws {Error} in words */
export type PostDocument = (
  url: URL,
  posted: { readonly body: string; readonly headers: Readonly<Record<string, string>> },
  bounds: { readonly bytesMax: number; readonly msMax: number },
) => Promise<{ readonly status: number; readonly body: string }>;

declare module './dependencies.ts' {
  interface Dependencies {
    /** Absent: no tenant's system is asked or told. */
    readonly postDocument?: PostDocument | undefined;
  }
}

/** @param secret signs as UTF-8 */
export function signedHeaders(
  { clock }: Pick<Dependencies, 'clock'>,
  secret: string,
  body: string,
): Readonly<Record<string, string>> {
  const time = `${Math.floor(clock.timeOfDay() / 1_000)}`;
  return {
    'content-type': 'application/json',
    'skylark-time': time,
    'skylark-signature': `v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`,
  };
}
