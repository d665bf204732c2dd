/** A client's side of SCRAM-SHA-256 (RFC 5802 §3), with few iterations: what is simulated is not the cost of passwords. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

const iterations = 2;
const salt = Buffer.from('simulated salt');
const salted = pbkdf2Sync('secret', salt, iterations, 32, 'sha256');
const clientKey = hmac(salted, 'Client Key');
const storedKey = createHash('sha256').update(clientKey).digest();

/** Every account has the same password. */
export const scramKeys = {
  salt: salt.toString('base64'),
  iterations,
  storedKey: storedKey.toString('base64'),
  serverKey: hmac(salted, 'Server Key').toString('base64'),
};

export function clientFirst(local: string, nonce: string): string {
  return `n,,n=${local},r=${nonce}`;
}

/** @param first what the client has said. @param answer the server's `<challenge/>` */
export function clientFinal(first: string, answer: string): string {
  const challenge = Buffer.from(/>([^<]*)</.exec(answer)?.[1] ?? '', 'base64').toString();
  const nonce = /(?:^|,)r=([^,]+)/.exec(challenge)?.[1];
  if (nonce === undefined) throw new Error(`no nonce in the challenge '${challenge}'`);
  const withoutProof = `c=biws,r=${nonce}`;
  const signature = hmac(storedKey, `${first.slice('n,,'.length)},${challenge},${withoutProof}`);
  const proof = clientKey.map((byte, index) => byte ^ signature[index]!);
  return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
