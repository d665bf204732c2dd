/** What the stream header of a peer says, once its framing has accepted it (RFC 6120 §4.7, §4.9.3). */
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Opening } from './framing.ts';

/** What the header asks for the answer and for the rest of the stream. */
export interface Greeting {
  /** §4.7.2: the bare JID that the client has named as its own. */
  readonly to: string | undefined;
  /** §4.7.4: the language of stanzas that name none. */
  readonly lang: string | undefined;
}

/** BCP 47 as far as XML 1.0 §2.12 checks it. It is long enough for all subtags in use. */
const language = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/;

/**
 * @param domain named by `to`
 * @param account the bare JID that has signed in
 * @throws {StreamError} unsupported-version, improper-addressing, invalid-from
 */
export function checkOpening({ from, version, lang }: Opening, domain: string, account: string | undefined): Greeting {
  const major = /^0*([0-9]{1,9})\.[0-9]{1,9}$/.exec(version ?? '')?.[1];
  if (major === undefined || Number(major) < 1) {
    throw new StreamError('unsupported-version', 'a stream needs version 1.0 (RFC 6120 §4.7.5)');
  }
  const to = from === undefined ? undefined : ownAddress(from, domain, account);
  return { to, lang: lang !== undefined && language.test(lang) ? lang : undefined };
}

/**
 * §4.9.3.9: before sign-in, a client may claim any address of the domain. §4.7.1 requires a bare JID.
 *
 * COMPAT: mellium.im/xmpp 0.22 sends its full JID, and accepts in the answer only that JID or none. So a full JID is accepted,
 * and the answer has none, as long as that client compares the two.
 */
function ownAddress(from: string, domain: string, account: string | undefined): string | undefined {
  const jid = Jid.tryParse(from);
  if (jid === undefined) throw new StreamError('improper-addressing', '"from" is not an address');
  const bare = jid.bare.toString();
  if (account === undefined ? jid.domain !== domain : bare !== account) {
    throw new StreamError('invalid-from', account === undefined ? `"from" is not at ${domain}` : `"from" is not ${account}`);
  }
  return jid.resource === '' ? bare : undefined;
}

/** The bare JID that a client names as its own before it signs in, if it is one of the domain. */
export function claimedAddress(from: string | undefined, domain: string): string | undefined {
  const jid = from === undefined ? undefined : Jid.tryParse(from);
  return jid !== undefined && jid.domain === domain && jid.local !== '' ? jid.bare.toString() : undefined;
}

/** @throws {StreamError} improper-addressing */
export function wantedDomain(to: string | undefined): string {
  if (to === undefined) throw new StreamError('improper-addressing', 'a stream needs "to"');
  const jid = Jid.tryParse(to);
  if (jid?.local === '' && jid.resource === '') return jid.domain;
  throw new StreamError('improper-addressing', '"to" is not a domain');
}
