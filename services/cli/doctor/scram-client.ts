/**
 * The client's side of SCRAM (RFC 5802 §3, §5; RFC 7677), without channel binding, which the checks do not need to sign in. The
 * server must prove that it knows the account's keys, too.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import saslprep from '@mongodb-js/saslprep';
import { programLimits } from '../limits.ts';
import { BadPeer } from './peer-stream.ts';

const digests = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-1': 'sha1' } as const;
export type ScramMechanism = keyof typeof digests;

/** Prepares a password with SASLprep (RFC 4013). @throws {BadPeer} when it has characters that are not allowed */
function prepare(password: string): string {
  try {
    return saslprep(password, { allowUnassigned: true });
  } catch {
    throw new BadPeer('the password has characters that none may have (RFC 4013)');
  }
}

const header = 'n,,';
const bytesOf = { sha256: 32, sha1: 20 } as const;
const derive = promisify(pbkdf2);

export class ScramClient {
  readonly mechanism: ScramMechanism;
  readonly #password: string;
  readonly #nonce = randomBytes(18).toString('base64url');
  readonly #bare: string;
  #signature: Buffer | undefined;

  constructor(mechanism: ScramMechanism, user: string, password: string) {
    this.mechanism = mechanism;
    this.#password = prepare(password);
    this.#bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${this.#nonce}`;
  }

  get first(): string {
    return header + this.#bare;
  }

  /** @param challenge the server's first message. @returns the client's last message. @throws {BadPeer} */
  async final(challenge: string): Promise<string> {
    const [, nonce = '', salt = '', count = ''] = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(?:,|$)/.exec(challenge) ?? [];
    const iterations = Number(count);
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce || salt === '')
      throw new BadPeer('the server does not answer as SCRAM asks it to');
    if (iterations < programLimits.doctorIterationsMin || iterations > programLimits.doctorIterationsMax)
      throw new BadPeer(`the server wants ${iterations} iterations of SCRAM: less than is safe, or more than anyone needs`);
    const digest = digests[this.mechanism];
    const hmac = (key: Buffer, text: string) => createHmac(digest, key).update(text).digest();
    const salted = await derive(this.#password, Buffer.from(salt, 'base64'), iterations, bytesOf[digest], digest);
    const clientKey = hmac(salted, 'Client Key');
    const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`;
    const authMessage = `${this.#bare},${challenge},${withoutProof}`;
    const signature = hmac(createHash(digest).update(clientKey).digest(), authMessage);
    this.#signature = hmac(hmac(salted, 'Server Key'), authMessage);
    const proof = clientKey.map((byte, index) => byte ^ signature[index]!);
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /** @param outcome the decoded text of `<success/>`. @throws {BadPeer} when the server does not know the account's keys */
  verify(outcome: string): void {
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(outcome)?.[1] ?? '', 'base64');
    const wanted = this.#signature;
    if (wanted === undefined || given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw new BadPeer('the server cannot prove that it knows the account: somebody may sit in the middle');
  }
}
