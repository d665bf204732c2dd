/**
 * XEP-0480: adds the keys of another hash to an account that lacks them, while its client signs in and has the password. The
 * client sends SaltedPassword (RFC 5802 §3) for a salt of ours; whoever has that could sign in, so it is not kept.
 */
import { Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { accounts, type ScramHash } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { SignedIn } from './credentials.ts';
import type { Offered } from './mechanisms.ts';
import { digests, keysOf, saltBytes, scramHashes, scramIterations } from './passwords.ts';
import { decodeData, encodeData } from './profile.ts';

const NS = 'urn:xmpp:sasl:upgrade:0';
const scramNs = 'urn:xmpp:scram-upgrade:0';
const sasl2Ns = 'urn:xmpp:sasl:2';

/** What is left to do for a client whose password was right. */
export interface UpgradeState {
  readonly signedIn: SignedIn;
  /** The first of them is the task at hand. */
  readonly hashes: readonly ScramHash[];
  /** The salt that the client was given for it, base64. */
  readonly salt?: string;
}

/** SHA-1 is the weakest, so nobody is asked for it. */
function missing({ hashes }: Offered): ScramHash[] {
  return hashes === undefined ? [] : scramHashes.filter((hash) => hash !== 'SHA-1' && !hashes.includes(hash));
}

/** §2.1, inside of `<authentication/>`; '' for an account that lacks nothing, and for a name without an account. */
export function offerUpgrades(offered: Offered): string {
  return missing(offered)
    .map((hash) => `<upgrade xmlns='${NS}'>${taskOf(hash)}</upgrade>`)
    .join('');
}

function taskOf(hash: ScramHash): string {
  return `UPGR-SCRAM-${hash}`;
}

/** §2.2: what the client asks for. What it was not offered is ignored. */
export function readUpgrades(element: Stanza, offered: Offered): ScramHash[] {
  const asked = element.childrenOf(NS).map((child) => element.elementOf(child).getText().trim());
  return missing(offered).filter((hash) => asked.includes(taskOf(hash)));
}

/** `<continue/>` with the next task (XEP-0388 §2.6.3). @param data additional data of the mechanism */
export function continueWith({ hashes }: UpgradeState, data = ''): string {
  return `<continue xmlns='${sasl2Ns}'>${data}<tasks><task>${taskOf(hashes[0]!)}</task></tasks></continue>`;
}

/** The client has begun the task (§3): it gets a salt. @throws {SaslFailure} */
export function beginTask(state: UpgradeState, element: Stanza, salt: Buffer): { reply: string; state: UpgradeState } {
  if (element.name !== 'next' || state.salt !== undefined || element.attributes.task !== taskOf(state.hashes[0]!))
    throw unexpected();
  const given = encodeData(salt);
  const reply = xml('task-data', { xmlns: sasl2Ns }, xml('salt', { xmlns: scramNs, iterations: scramIterations }, given));
  return { reply: reply.toString(), state: { ...state, salt: given } };
}

/** The client has sent SaltedPassword (§3). @returns what is left to do. @throws {SaslFailure} */
export async function finishTask(
  { store }: Dependencies,
  tenant: Tenant,
  { signedIn, hashes, salt }: UpgradeState,
  element: Stanza,
): Promise<UpgradeState> {
  const [hash, ...others] = hashes;
  const sent = element.name === 'task-data' ? element.child('hash', scramNs)?.getText().trim() : undefined;
  if (salt === undefined || sent === undefined || hash === undefined) throw unexpected();
  const salted = decodeData(sent);
  if (salted.length !== digests[hash].bytes)
    throw new SaslFailure('malformed-request', `SaltedPassword of ${hash} has another length`);
  const keys = keysOf(salted, Buffer.from(salt, 'base64'), scramIterations, hash);
  const { local, incarnation } = signedIn;
  await update(Rows.ofAccount(store, tenant.domain, local), accounts, '', (there) => {
    // Another client may have been faster, or the account may be another one by now.
    if (there === undefined || there.incarnation !== incarnation || there.scram[hash] !== undefined) return there;
    return { ...there, scram: { ...there.scram, [hash]: keys } };
  });
  return { signedIn, hashes: others };
}

export function newSalt({ clock }: Dependencies): Buffer {
  return clock.randomBytes(saltBytes);
}

function unexpected(): SaslFailure {
  return new SaslFailure('malformed-request', 'this is not what the task asks for');
}
