/**
 * Names of guests, who have signed in without an account (RFC 4505). The name itself says that it is one, to whoever knows the tenant's
 * secret, so nobody reads a row to learn it, and nobody can choose such a name.
 */
import { keyedDigest } from './secrets.ts';
import type { Tenant } from './tenants.ts';

const start = 'guest-';
const shape = /^guest-([0-9a-f]{16})([0-9a-f]{12})$/;

/** @param random `runtimeLimits.guestRandomBytes` of them */
export function guestName({ secret }: Pick<Tenant, 'secret'>, random: Buffer): string {
  const drawn = random.toString('hex');
  return `${start}${drawn}${proofOf(secret, drawn)}`;
}

/** @param local a prepared local part of the tenant */
export function isGuestName({ secret }: Pick<Tenant, 'secret'>, local: string): boolean {
  if (!local.startsWith(start)) return false; // each message asks twice, and a match is a list
  const [, drawn, proof] = shape.exec(local) ?? [];
  return drawn !== undefined && proof === proofOf(secret, drawn);
}

function proofOf(secret: string, drawn: string): string {
  return Buffer.from(keyedDigest(secret, 'guest', drawn), 'base64url')
    .toString('hex')
    .slice(0, 12);
}
