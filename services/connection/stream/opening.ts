/** Checks of a peer's stream header that its framing has let through (RFC 6120 §4.7, §4.9.3). */
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Opening } from './framing.ts';

/**
 * @returns the domain that the peer wants
 * @throws {StreamError} unsupported-version, improper-addressing
 */
export function checkOpening({ to, version }: Opening): string {
  const major = /^0*([0-9]{1,9})\.[0-9]{1,9}$/.exec(version ?? '')?.[1];
  if (major === undefined || Number(major) < 1) {
    throw new StreamError('unsupported-version', 'a stream needs version 1.0 (RFC 6120 §4.7.5)');
  }
  return wantedDomain(to) ?? refuse(to);
}

function refuse(to: string | undefined): never {
  throw new StreamError('improper-addressing', to === undefined ? 'a stream needs "to"' : '"to" is not a domain');
}

/** undefined: no domain. */
export function wantedDomain(to: string | undefined): string | undefined {
  const jid = to === undefined ? undefined : Jid.tryParse(to);
  return jid?.local === '' && jid.resource === '' ? jid.domain : undefined;
}
