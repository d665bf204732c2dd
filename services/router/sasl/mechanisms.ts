/** The SASL mechanisms, and which of them a stream is offered. */
import type { SignInWay } from '../../../lib/runtime/policy/sign-in.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import type { AccountRow, ScramHash } from '../core/accounts.ts';
import { accountHashes, scramHashes } from './passwords.ts';
import type { ScramMechanism } from './scram.ts';

const bindingNs = 'urn:xmpp:sasl-cb:0';

/** What a stream has told of itself, and of whom it is for. It decides about the mechanisms. */
export interface Offered {
  /** True if the stream uses TLS. */
  readonly secure: boolean;
  readonly binding: ChannelBinding;
  /** The hashes that the account has keys for. Absent for a stream that has not said who it is for. */
  readonly hashes?: readonly ScramHash[] | undefined;
  /** True if the client has shown a certificate. */
  readonly isCertified?: boolean | undefined;
  /** How the people of the tenant may sign in; absent: with passwords. */
  readonly ways?: readonly SignInWay[];
}

export type Mechanism = ScramMechanism | 'PLAIN' | 'OAUTHBEARER' | 'ANONYMOUS' | 'EXTERNAL';

/** In the order of preference (RFC 6120 §6.3.3). */
const known = new Map<string, Mechanism>([
  ['EXTERNAL', 'EXTERNAL'],
  ...[true, false].flatMap((isBound) =>
    scramHashes.map((hash): [string, Mechanism] => [`SCRAM-${hash}${isBound ? '-PLUS' : ''}`, { hash, isBound }]),
  ),
  ['OAUTHBEARER', 'OAUTHBEARER'],
  ['PLAIN', 'PLAIN'],
  ['ANONYMOUS', 'ANONYMOUS'],
]);

/**
 * Ways whose passwords are not kept here. Clients choose SCRAM where they can, and it would be wrong for all who have no password here: so it
 * is not offered beside them.
 */
const foreignWays: ReadonlySet<SignInWay> = new Set(['webhook', 'ldap']);
const passwords: readonly SignInWay[] = ['password'];
/** Every account has keys for these, unless it was imported. A stream that has not named its account is offered no others. */
const common: readonly ScramHash[] = ['SHA-256', 'SHA-1'];

function isOffered(mechanism: Mechanism, { secure, binding, hashes = common, ways = passwords, isCertified }: Offered): boolean {
  if (!secure) return false;
  if (mechanism === 'EXTERNAL') return isCertified === true && ways.includes('certificate');
  if (mechanism === 'ANONYMOUS') return ways.includes('anonymous');
  if (mechanism === 'PLAIN') return ways.some((way) => way !== 'anonymous' && way !== 'certificate');
  if (mechanism === 'OAUTHBEARER') return ways.some((way) => way === 'jwt' || way === 'oauth' || way === 'api');
  if (!ways.includes('password') || ways.some((way) => foreignWays.has(way))) return false;
  return hashes.includes(mechanism.hash) && (!mechanism.isBound || Object.keys(binding).length > 0);
}

/** @returns undefined if the stream was not offered a mechanism of this name */
export function findMechanism(name: string | undefined, offered: Offered): Mechanism | undefined {
  const mechanism = known.get(name ?? '');
  return mechanism !== undefined && isOffered(mechanism, offered) ? mechanism : undefined;
}

/** The names that are announced; none without TLS. */
export function offeredNames(offered: Offered): string[] {
  return [...known].filter(([, mechanism]) => isOffered(mechanism, offered)).map(([name]) => name);
}

/**
 * XEP-0474 §4.1: the mechanisms and the types of channel binding that were announced, as text to be hashed. The separators cannot
 * stand in XML.
 */
export function announcedText(offered: Offered): string {
  const types = Object.keys(offered.binding).sort();
  const bindings = types.length === 0 ? '' : `\u001f${types.join('\u001e')}`;
  return offeredNames(offered).sort().join('\u001e') + bindings;
}

/** XEP-0440 §2: announces the types of channel binding; '' when there is none. */
export function offeredBindings({ binding }: Offered): string {
  const types = Object.keys(binding);
  if (types.length === 0) return '';
  return xml('sasl-channel-binding', { xmlns: bindingNs }, ...types.map((type) => xml('channel-binding', { type }))).toString();
}

/**
 * The hashes that somebody is offered who has named an account. A name without an account gets what a new account has, so that
 * it looks like one, and so does an account without a password.
 */
export function hashesOf(account: AccountRow | undefined): readonly ScramHash[] {
  const hashes = account ? accountHashes(account) : scramHashes;
  return hashes.length === 0 ? scramHashes : hashes;
}
