/**
 * SCRAM with SHA-1, SHA-256 and SHA-512, with and without channel binding (RFC 5802, RFC 7677, RFC 5929, RFC 9266).
 *
 * Between the client's two messages, the connection node carries the exchange as plain JSON: names, nonces and the salt, which
 * were sent over the wire anyway. The keys are read again when the proof is checked.
 */
import { createHmac, createSecretKey, hash as hashOnce } from 'node:crypto';
import { isSameSecret } from '../../../lib/runtime/secrets.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import type { AccountRow, ScramHash, ScramKeys } from '../core/accounts.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { findCredentials, readName, type SignedIn, signedIn } from './credentials.ts';
import { checkGuess } from './guesses.ts';
import { digests } from './passwords.ts';
import { type ClientFinal, type ClientFirst, parseClientFinal, parseClientFirst } from './scram-messages.ts';

export interface ScramMechanism {
  readonly hash: ScramHash;
  /** True for -PLUS: the exchange is bound to the TLS channel. */
  readonly isBound: boolean;
}

export interface ScramState {
  readonly local: string;
  readonly header: string;
  readonly bindingType?: string;
  readonly clientFirst: string;
  readonly serverFirst: string;
  readonly nonce: string;
}

const nonceBytes = 18;

type Disclosed = Pick<ScramStart, 'announced' | 'tls'>;

/** The server-first-message of RFC 5802 §5. */
export function composeServerFirst(nonce: string, keys: ScramKeys, hash?: ScramHash, { announced, tls }: Disclosed = {}): string {
  const first = `r=${nonce},s=${keys.salt},i=${keys.iterations}`;
  if (hash === undefined || announced === undefined) return first;
  const protectedFirst = `${first},h=${hashOnce(digests[hash].name, announced, 'base64')}`;
  return tls === undefined ? protectedFirst : `${protectedFirst},t=${tls}`;
}

export interface ScramStart {
  readonly binding: ChannelBinding;
  /** As in {@link Claimed}. */
  readonly from: string | undefined;
  /** XEP-0474 §4.1: what was announced, as text to be hashed; undefined where clients are not told the hash. */
  readonly announced?: string | undefined;
  /** XEP-0515 §4.1: the version of TLS, told with `announced`; undefined where TLS ends elsewhere. */
  readonly tls?: string | undefined;
}

/** Checks the GS2 header (§6). @throws {SaslFailure} */
function checkFlag(first: ClientFirst, { isBound }: ScramMechanism, binding: ChannelBinding): void {
  if ((first.flag === 'p') !== isBound) {
    throw new SaslFailure('malformed-request', `the GS2 flag ${first.flag} does not fit the mechanism`);
  }
  if (first.flag === 'y' && Object.keys(binding).length > 0) {
    throw new SaslFailure('not-authorized', 'the server supports channel binding, and somebody has hidden that from the client');
  }
  if (first.bindingType !== undefined && bindingData(first.bindingType, binding) === undefined) {
    throw new SaslFailure('malformed-request', `channel binding of type '${first.bindingType}' was not offered`);
  }
}

/** @returns undefined when nothing can be bound to it */
export function bindingData(type: string, binding: ChannelBinding): Buffer | undefined {
  const data = type === 'tls-exporter' || type === 'tls-server-end-point' ? binding[type] : undefined;
  return data ? Buffer.from(data, 'base64') : undefined; // '' if the node has not sent the data
}

/** Handles the client's first message. @throws {SaslFailure} */
export async function startScram(
  dependencies: Dependencies,
  tenant: Tenant,
  mechanism: ScramMechanism,
  message: string,
  { binding, from, announced, tls }: ScramStart,
): Promise<ScramState> {
  const first = parseClientFirst(message);
  checkFlag(first, mechanism, binding);
  const local = readName({ name: first.username, authzid: first.authzid, from }, tenant);
  const { keys } = await findCredentials(dependencies, tenant, local, mechanism.hash);
  const nonce = first.nonce + dependencies.clock.randomBytes(nonceBytes).toString('base64');
  const { header, bindingType, bare } = first;
  const serverFirst = composeServerFirst(nonce, keys, mechanism.hash, { announced, tls });
  return { local, header, bindingType, clientFirst: bare, serverFirst, nonce };
}

/** Handles the client's final message. @returns the server's final message, and who has signed in. @throws {SaslFailure} */
export async function finishScram(
  dependencies: Dependencies,
  tenant: Tenant,
  { hash }: ScramMechanism,
  state: ScramState,
  message: string,
  { binding, address }: { readonly binding: ChannelBinding; readonly address: string },
): Promise<SignedIn & { readonly serverFinal: string }> {
  const final = parseClientFinal(message);
  const { local } = state;
  let serverFinal = '';
  let found: AccountRow | undefined;
  await checkGuess(dependencies, { tenant, local, address }, async () => {
    const { keys, account } = await findCredentials(dependencies, tenant, local, hash);
    const authMessage = `${state.clientFirst},${state.serverFirst},${final.withoutProof}`;
    found = account;
    // Every check is made for every client, whether the account exists or not.
    const isRight = isProof(final.proof, keys, authMessage, hash) && account !== undefined;
    const isFitting = [isBoundTo(final, state, binding), final.nonce === state.nonce].every(Boolean);
    // The password is right, but the client uses another TLS channel or another exchange.
    if (isRight && !isFitting) throw new SaslFailure('not-authorized');
    serverFinal = `v=${sign(authMessage, keys.serverKey, hash).toString('base64')}`;
    return isRight;
  });
  return { ...signedIn(local, found), serverFinal };
}

/**
 * HMAC(key, message). The key is made a KeyObject first: for bytes, Node throws and catches an exception, which costs more than
 * the HMAC.
 */
function sign(message: string, key: string, hash: ScramHash): Buffer {
  return createHmac(digests[hash].name, createSecretKey(key, 'base64')).update(message).digest();
}

/** §3: H(ClientProof XOR HMAC(StoredKey, AuthMessage)) must be StoredKey. */
function isProof(proof: Buffer, keys: ScramKeys, authMessage: string, hash: ScramHash): boolean {
  const { name, bytes } = digests[hash];
  if (proof.length !== bytes) return false;
  const signature = sign(authMessage, keys.storedKey, hash);
  const clientKey = proof.map((byte, index) => byte ^ signature[index]!);
  return isSameSecret(hashOnce(name, clientKey, 'buffer'), Buffer.from(keys.storedKey, 'base64'));
}

/** §6: `c=` must contain the GS2 header and, with -PLUS, the data that this server has of the same channel. */
function isBoundTo(final: ClientFinal, { header, bindingType }: ScramState, binding: ChannelBinding): boolean {
  const data = bindingType === undefined ? Buffer.alloc(0) : bindingData(bindingType, binding);
  return data !== undefined && isSameSecret(final.binding, Buffer.concat([Buffer.from(header), data]));
}
